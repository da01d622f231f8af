import EncryptedServing
import Logging
import MizzenSystem
import NIOSSL
import ProcessRuntime
import Synchronization

/// How the metrics API is encrypted now: the files of its certificate are looked at with each connection, so one that is renewed serves
/// the next. One that cannot be taken is said once, and the former goes on. Safe to use from any thread.
final class ServingEncryption: Sendable {
    private struct State: Sendable {
        var settings: EncryptionSettings
        var generation = 0
        /// What stood at the files' paths when they were last looked at.
        var seen: [RegularFile.Identity?]
    }

    private let files: [String]
    private let make: @Sendable () throws(ProcessError) -> EncryptionSettings
    private let logger: Logger
    private let state: Mutex<State>

    /// - Throws: code 78 naming the file that cannot be used, 73 for a directory that cannot be written.
    init(_ options: ServingOptions, logger: Logger) throws(ProcessError) {
        self.logger = logger
        let named = options.tlsSniCertKey
        let served =
            if let certificate = options.tlsCertFile, let key = options.tlsPrivateKeyFile {
                [certificate, key]
            } else {
                options.certDir.map(ServingCertificate.files) ?? []
            }
        files = served + named.flatMap { [$0.certificate, $0.key] }
        make = { () throws(ProcessError) in
            var tls = try ServingCertificate.configuration(
                certificateFile: options.tlsCertFile, keyFile: options.tlsPrivateKeyFile, directory: options.certDir)
            // Clients are asked for a certificate, and may have none; who says that it is theirs is judged with each request.
            tls.certificateVerification = .optionalVerification
            tls.sslContextCallback = try NamedCertificates(named).callback
            options.restrict(&tls)
            return EncryptionSettings(tls: tls, allowsHTTP2: !options.disableHttp2Serving, takesAnyCertificate: true)
        }
        // Made first: the files may be made by that.
        let settings = try make()
        state = Mutex(State(settings: settings, seen: Self.look(files)))
    }

    var current: (settings: EncryptionSettings, generation: Int) {
        state.withLock { state in
            let now = Self.look(files)
            if now != state.seen {
                state.seen = now
                do throws(ProcessError) {
                    state.settings = try make()
                    state.generation += 1
                    logger.info("the renewed certificate is served", metadata: ["file": "\(files.first ?? "")"])
                } catch {
                    logger.warning(
                        "a renewed certificate cannot be served; the former one goes on until the files change again",
                        metadata: ["error": "\(error)"])
                }
            }
            return (state.settings, state.generation)
        }
    }

    private static func look(_ files: [String]) -> [RegularFile.Identity?] { files.map { try? RegularFile.identity($0) } }
}
