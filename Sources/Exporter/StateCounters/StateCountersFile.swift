import DeltaStream
import Logging

/// Where counting can go on after a restart: a file to which what changes is appended, and which is written anew when it has become twice as long
/// as what it says.
///
/// What has been appended survives the death of this process, `kill -9` too. A record that was cut short is cut off. A file that is damaged, or
/// of another version, is replaced; what is not such a file at all, or is another process's, is left alone, and nothing is kept.
final class StateCountersFile {
    static let magic: [UInt8] = Array("MIZZENSC".utf8)
    static let version: UInt8 = 1
    /// A file of so many bytes was not written by this program.
    static let longest = 1 << 30
    /// Beyond twice the size of a fresh file, and this many bytes, a fresh one is written.
    private static let slack = 1 << 20
    private static let title = "the file of --state-counters-file"

    /// What a file said.
    enum Beginning {
        case resumed(StateLedger)
        /// Nothing is known of the time before.
        case new(reason: String)
    }

    private let path: String
    private let write: HistoryFile.Write
    /// nil: the next flush writes a fresh one.
    private var file: HistoryFile?
    private var size = 0
    private var limit = 0

    private init(_ path: String, _ file: HistoryFile?, _ write: @escaping HistoryFile.Write) {
        (self.path, self.file, self.write) = (path, file, write)
    }

    private struct Refusal: Error {
        var reason: String
    }

    /// Reads what is there.
    /// - Parameter empty: a ledger of which nothing is known.
    /// - Returns: no file where what is there is not to be touched.
    static func open(
        _ path: String, empty: StateLedger, write: @escaping HistoryFile.Write = HistoryFile.systemWrite
    ) -> (file: StateCountersFile?, beginning: Beginning) {
        let found: HistoryFile?
        let bytes: [UInt8]
        do throws(DeltaStreamError) {
            found = try HistoryFile.open(path, title: title, write: write)
            if let found, !found.lock() {
                return (nil, .new(reason: "\(path) is in use by another process; give each exporter a file of its own"))
            }
            bytes = try found?.readAll() ?? []
        } catch {
            return (nil, .new(reason: error.description))
        }
        guard let found else { return (StateCountersFile(path, nil, write), .new(reason: "there is no \(path) yet")) }
        if !bytes.starts(with: magic), !magic.starts(with: bytes) {
            return (nil, .new(reason: "\(path) is not a file of state counters; remove it, or choose another path"))
        }
        do throws(Refusal) {
            let (ledger, end) = try read(bytes, path: path, empty: empty)
            let file = StateCountersFile(path, found, write)
            do throws(DeltaStreamError) {
                if end < bytes.count { try found.cut(to: end) }
            } catch {
                file.file = nil
            }
            (file.size, file.limit) = (end, 2 * end + slack)
            return (file, .resumed(ledger))
        } catch {
            return (StateCountersFile(path, nil, write), .new(reason: error.reason))
        }
    }

    private static func read(_ bytes: [UInt8], path: String, empty: StateLedger) throws(Refusal) -> (StateLedger, end: Int) {
        guard bytes.count > magic.count, bytes.count < longest else { throw Refusal(reason: "\(path) is cut short, or far too long") }
        guard bytes[magic.count] == version else {
            throw Refusal(reason: "\(path) is another release's (version \(bytes[magic.count]), known is \(version))")
        }
        var ledger = empty
        var decoder = RecordDecoder(bytes, from: magic.count + 1)
        var end = decoder.position
        do throws(HistoryFault) {
            while let _ = try decoder.next({ (record, start) throws(HistoryFault) in try ledger.decode(&record, start) }) {
                end = decoder.position
            }
        } catch .cutShort {
            // Its process was killed while it wrote.
        } catch {
            throw Refusal(reason: "\(path) is damaged \(error.text)")
        }
        guard end > magic.count + 1, let whole = ledger.recalled() else {
            throw Refusal(reason: "\(path) is damaged: it does not hold together")
        }
        return (whole, end)
    }

    /// Bytes; what is on its way to be replaced does not count.
    var byteCount: Int { size }

    /// Keeps what has changed.
    /// - Parameters:
    ///   - patch: a record with the changes.
    ///   - all: makes a record of everything, for a fresh file.
    func append(_ patch: [UInt8], all: () -> [UInt8]) throws(DeltaStreamError) {
        do throws(DeltaStreamError) {
            if let file, size + patch.count <= limit {
                try file.append(patch)
                size += patch.count
            } else {
                try renew(all())
            }
        } catch {
            // What stands there lacks this, or ends with a part of it: nothing may be put behind it.
            file = nil
            throw error
        }
    }

    private func renew(_ all: [UInt8]) throws(DeltaStreamError) {
        let bytes = Self.magic + [Self.version] + all
        let fresh = try HistoryFile.create(path + ".new", title: Self.title, write: write)
        do throws(DeltaStreamError) {
            guard fresh.lock() else { throw DeltaStreamError("\(Self.title) is in use by another process", place: path + ".new") }
            try fresh.append(bytes)
            try fresh.replace(path)
        } catch {
            HistoryFile.remove(path + ".new")
            throw error
        }
        file = fresh
        (size, limit) = (bytes.count, 2 * bytes.count + Self.slack)
    }
}
