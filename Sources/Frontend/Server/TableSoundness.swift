import Logging
import RecordTable
import Synchronization

/// Whether what is not in the record table does not exist.
///
/// A table that no watcher has opened since the machine started may have lost pages with the power, and a lost page looks like names
/// that never were. Such a table is read through once, aside; until that has shown it to be whole, names that it does not have get
/// SERVFAIL. Shared by all threads of a process.
final class TableSoundness: Sendable {
    private enum Verdict { case pending, whole, damaged }

    private let known = Mutex<(version: TableReader.Version, verdict: Verdict)?>(nil)
    private let running: BootIdentity
    private let logger: Logger?

    /// - Parameter running: the boot that this process lives in.
    init(logger: Logger? = nil, running: BootIdentity = TableClock.now().boot) {
        self.running = running
        self.logger = logger
    }

    /// Begins to check a table that needs it and that nobody has checked yet. Reads the table's statements: for once a second.
    func isTrusted(_ reader: TableReader) -> Bool {
        if reader.status.isOfBoot(running) { return true }
        let version = reader.version
        let path = reader.path
        let verdict = known.withLock { known in
            if let known, known.version == version { return known.verdict }
            known = (version, .pending)
            Task.detached { self.check(path, version) }
            return .pending
        }
        return verdict == .whole
    }

    /// Whether the table in use is known to have lost records.
    func isDamaged(_ reader: TableReader) -> Bool {
        let version = reader.version
        return known.withLock { $0?.version == version && $0?.verdict == .damaged } && !reader.status.isOfBoot(running)
    }

    private func check(_ path: String, _ version: TableReader.Version) {
        // Gone or replaced meanwhile: the next look finds what is there now.
        guard let reader = try? TableReader(path: path), reader.version == version else {
            known.withLock { if $0?.version == version { $0 = nil } }
            return
        }
        let isWhole = reader.isWhole()
        known.withLock { if $0?.version == version { $0 = (version, isWhole ? .whole : .damaged) } }
        guard !isWhole, !reader.status.isOfBoot(running) else { return }
        logger?.warning(
            "the record table has lost records since it was written, before this machine started; names that it lacks get SERVFAIL until a watcher opens it",
            metadata: ["table": "\(path)"])
    }
}
