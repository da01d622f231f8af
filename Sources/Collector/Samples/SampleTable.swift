import AccessReview
import DeltaStream
import FoundationEssentials
import Glibc
import Logging
import MizzenSystem
import ProcessRuntime
import RecordTable
import RecordTableWriter
import Synchronization

/// An object of the stream that is kept, under its UID.
protocol KeptObject: Hashable, Sendable {
    static var section: String { get }
    var uid: String { get }
    init(_ uid: String, _ record: inout RecordDecoder) throws(HistoryFault)
    func encode(into record: inout RecordEncoder)
}

/// What a collector holds, in shared memory, so that the next one answers at once what this one answered: the last two measurements of
/// every node and container, and the names and labels to answer them with, whether or not a watcher is there by then.
///
/// A node's usage is one record and is replaced in one step: a process that is killed while it writes leaves the one before. Times are
/// kept by the boot clock, so only a process of the same boot goes on, and what has ended meanwhile is not answered. What cannot be
/// written is logged once and counted; the collector goes on as if it kept nothing.
final class SampleTable: Sendable {
    /// Of the records; another one is begun anew.
    private static let version = 2

    private static let usageSection = "usage"
    private static let trustSection = "trust"

    let path: String
    private let table: Mutex<KeptTable>
    private let logger: Logger
    private let failures: Counter

    /// - Parameter followed: where the cluster's objects come from: what was kept of another cluster is not gone on with.
    /// - Throws: `TableError` if the table cannot be used.
    init(path: String, collector: String, followed: String, registry: MetricsRegistry, logger: Logger) throws(TableError) {
        self.path = path
        self.logger = logger
        let table = try KeptTable(
            path: path, identity: collector, format: "\(Self.version) \(followed)", now: UInt64(max(0, WallClock.nanoseconds())))
        if let loss = table.loss {
            logger.log(
                level: loss == .damaged || loss == .otherLayout ? .warning : .notice,
                "what an earlier collector kept is not gone on with, so usage is answered after two scrapes",
                metadata: ["samples-table": "\(path)", "reason": "\(Self.words(loss))"])
        }
        self.table = Mutex(table)
        failures = registry.counter(
            "mizzen_collector_samples_table_failures_total", help: "Records that could not be kept for the next collector.")
    }

    /// Nil where none is wanted, and, with a warning, where it cannot be used.
    static func open(_ path: String, collector: String, followed: String, _ registry: MetricsRegistry, _ logger: Logger) -> SampleTable? {
        guard !path.isEmpty else { return nil }
        do throws(TableError) {
            let table = try SampleTable(path: path, collector: collector, followed: followed, registry: registry, logger: logger)
            registry.gauge("mizzen_collector_samples_table_bytes", help: "Shared memory that holds samples for the next collector.") {
                Double(table.size)
            }
            return table
        } catch {
            logger.warning(
                "samples are not kept: after a restart, usage is answered after two scrapes only",
                metadata: ["samples-table": "\(path)", "reason": "\(words(error))"])
            return nil
        }
    }

    /// Bytes.
    var size: Int { table.withLock { $0.size } }

    func usages() -> [KeptUsage] { all(Self.usageSection, KeptUsage.init) }
    func nodes() -> [CatalogNode] { all(CatalogNode.section, CatalogNode.init) }
    func pods() -> [CatalogPod] { all(CatalogPod.section, CatalogPod.init) }

    func put(_ usage: KeptUsage) {
        if !put(Self.usageSection, usage.node, capacity: 512 + 240 * usage.pods.count, { usage.encode(into: &$0) }) {
            // An older one would be taken for the last.
            removeUsage(of: usage.node)
        }
    }

    /// Writes what differs.
    func replace<Object: KeptObject>(_ old: Object?, with new: Object?) {
        if let new {
            if old != new { _ = put(Object.section, new.uid) { new.encode(into: &$0) } }
        } else if let old {
            remove(Object.section, old.uid)
        }
    }

    /// Writes what differs between the objects of a bucket and those that were there before.
    func replace<Object: KeptObject>(_ old: [Object], with new: [Object]) {
        var former = Dictionary(old.map { ($0.uid, $0) }) { $1 }
        for object in new { replace(former.removeValue(forKey: object.uid), with: object) }
        for object in former.values { remove(Object.section, object.uid) }
    }

    func removeUsage(of node: String) { remove(Self.usageSection, node) }
    /// But not whom to trust, which grows old in its own time.
    func removeAll() { table.withLock { $0.removeAll(exceptIn: Self.trustSection) } }

    /// - Parameter capacity: what the record will take, roughly.
    private func put(_ section: String, _ name: String, capacity: Int = 512, _ encode: (inout RecordEncoder) -> Void) -> Bool {
        var encoder = RecordEncoder(capacity: capacity)
        encode(&encoder)
        return put(section, name, encoder.bytes)
    }

    private func put(_ section: String, _ name: String, _ bytes: [UInt8]) -> Bool {
        table.withLock { table in
            do throws(TableError) {
                try table.put(.init(section, name), bytes)
                return true
            } catch {
                note(error)
                return false
            }
        }
    }

    private func remove(_ section: String, _ name: String) {
        table.withLock { table in
            do throws(TableError) { try table.remove(.init(section, name)) } catch { note(error) }
        }
    }

    private func all<Value>(
        _ section: String, _ decode: (String, inout RecordDecoder) throws(HistoryFault) -> Value
    ) -> [Value] {
        let records = table.withLock { table in
            var records: [(name: String, payload: [UInt8])] = []
            table.forEach(in: section) { records.append(($0, $1)) }
            return records
        }
        return records.compactMap { name, payload in
            var decoder = RecordDecoder(payload)
            do throws(HistoryFault) {
                return try decode(name, &decoder)
            } catch {
                failures.add()
                logger.warning("a kept record is passed over", metadata: ["record": "\(section) \(name)", "reason": "\(error.text)"])
                return nil
            }
        }
    }

    private func note(_ error: TableError) {
        if failures.value == 0 {
            logger.warning(
                "what the next collector should go on with cannot all be kept; further failures are only counted",
                metadata: ["samples-table": "\(path)", "reason": "\(Self.words(error))"])
        }
        failures.add()
    }

    private static func words(_ loss: KeptTable.Loss) -> String {
        switch loss {
        case .otherFormat: "another release wrote it, or a collector that follows another stream"
        case .otherLayout: "another release wrote it"
        case .otherBoot: "the machine has been started since"
        case .damaged: "its bytes are damaged or cut short"
        }
    }

    private static func words(_ error: TableError) -> String {
        switch error {
        case .foreign: "there is another file, which was left alone; remove it, or name another path with --samples-table"
        case .writerExists(_, let process):
            "another collector keeps its samples there (process \(process)); give each its own --samples-table"
        case .full(_, let needed):
            "no room for \(needed) more bytes; enlarge the file system (for /dev/shm in a container: its size limit), or name another path with --samples-table"
        case .recordTooLarge(let bytes, let limit): "a record of \(bytes) bytes is beyond the limit of \(limit) bytes"
        case .keyTooLong(let bytes): "a name of \(bytes) bytes is beyond the 255 that Kubernetes admits"
        case .system(_, let call, _, let reason):
            "\(call): \(reason); name a path that this user may write with --samples-table, or none (--samples-table '')"
        case .absent, .truncated, .unknownLayout, .otherByteOrder: "\(error)"
        }
    }
}

/// Whom to trust: JSON, since a bundle of authorities may be longer than a record's text. A record whose bytes were changed is not found at all
/// (its checksum is the table's), nor is one in a file that somebody else may write (``KeptTable``).
extension SampleTable: ToldTrustKeeper {
    private static let toldName = "told"

    func told() -> ToldTrust? {
        var payload: [UInt8]?
        table.withLock { $0.forEach(in: Self.trustSection) { name, bytes in if name == Self.toldName { payload = bytes } } }
        return payload.flatMap { try? JSONDecoder().decode(ToldTrust.self, from: Data($0)) }
    }

    func keep(_ told: ToldTrust) {
        guard let bytes = try? JSONEncoder().encode(told), put(Self.trustSection, Self.toldName, Array(bytes)) else { return forgetTold() }
    }

    func forgetTold() { remove(Self.trustSection, Self.toldName) }
}
