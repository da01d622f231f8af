import Crypto
import MizzenSystem
import ProcessRuntime
import Synchronization

/// A Corefile as it was at one moment, with all that it imports.
struct CorefileReading: Sendable {
    let result: Result<FrontendConfiguration, ProcessError>
    /// SHA-512 of every file that was read, in hexadecimal digits: the same for the same contents, wherever they came from.
    let hash: String

    /// Reads `path` and what it imports, until two readings in a row are the same: between two files a ConfigMap may change as a whole, and
    /// half of the one version with half of the other is neither. That something is wrong is a result too, and so is that the files have not
    /// stayed as they are from one reading to the next.
    ///
    /// - Parameter defaultPort: for zones without a port.
    init(path: String, defaultPort: UInt16) {
        var last = CorefileReading(once: path, defaultPort)
        for _ in 0..<Self.mostReadings {
            let again = CorefileReading(once: path, defaultPort)
            if again.hash == last.hash {
                self = again
                return
            }
            last = again
        }
        self.init(
            result: .failure(
                ProcessError(
                    code: ExitStatus.configuration,
                    message:
                        "the Corefile, or a file that it imports, changes while it is read; write it once, or put it in place with a rename",
                    place: path)), hash: last.hash)
    }

    private init(result: Result<FrontendConfiguration, ProcessError>, hash: String) { (self.result, self.hash) = (result, hash) }

    /// In a row, each another than the one before.
    private static let mostReadings = 20

    private init(once path: String, _ defaultPort: UInt16) {
        let inputs = Mutex<[[UInt8]]>([])
        var surroundings = CorefileSurroundings.process
        surroundings.contents = { path in
            let bytes = CorefileSurroundings.process.contents(path)
            inputs.withLock { $0.append(bytes ?? []) }
            return bytes
        }
        result = Self.read(path, defaultPort, surroundings) { bytes in inputs.withLock { $0.append(bytes) } }
        var hash = SHA512()
        for bytes in inputs.withLock({ $0 }) {
            // With their lengths, so that text which moves from one file to the next is a change.
            hash.update(data: [UInt8]("\(bytes.count):".utf8))
            hash.update(data: bytes)
        }
        self.hash = hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    private static func read(
        _ path: String, _ defaultPort: UInt16, _ surroundings: CorefileSurroundings, note: ([UInt8]) -> Void
    ) -> Result<FrontendConfiguration, ProcessError> {
        let bytes: [UInt8]
        do throws(RegularFile.Fault) {
            bytes = try RegularFile.read(path, limit: CorefileSurroundings.sizeLimit).bytes
        } catch {
            return .failure(
                ProcessError(
                    code: ExitStatus.configuration, message: "cannot read the Corefile; name a readable one with --corefile", place: path,
                    cause: "\(error)"))
        }
        note(bytes)
        do throws(CorefileError) {
            return .success(
                try FrontendConfiguration.parse(bytes, file: path, defaultPort: defaultPort, surroundings: surroundings))
        } catch {
            return .failure(
                ProcessError(code: ExitStatus.configuration, message: error.message, place: "\(error.file):\(error.line)"))
        }
    }
}
