import MizzenSystem
package import DeltaStream
package import KubernetesClient
package import KubernetesObjects
package import Logging
import RecordTable
import RecordTableWriter
import ServiceLifecycle
import Synchronization

/// Where all reflectors meet: each object goes into the record table first, then into the stream, so that a subscriber who
/// has heard of a change finds it answered.
///
/// Reflectors of different resources call concurrently. The table has one lock, held for one record at a time; the
/// publisher has its own. For one object the two cannot come out of step, because a resource's calls come in order.
final class Committer: ReflectorSink {
    private let table: Mutex<TableKeeper>
    private let publisher: Publisher
    private let metrics: WatcherMetrics
    private let logger: Logger
    /// Asked before every commit; nil without a lease.
    private let fence: LeaseFence?
    private let now: @Sendable () -> Int64
    /// How many seconds ago the last list has ended; nil once all has been given back that it has left behind.
    private let sinceList = Mutex<Int?>(nil)
    private let releaseTimer = ReleaseTimer()

    init(
        table: sending TableKeeper, publisher: Publisher, metrics: WatcherMetrics, logger: Logger, fence: LeaseFence? = nil,
        now: @escaping @Sendable () -> Int64 = WallClock.nanoseconds
    ) {
        self.table = Mutex(table)
        self.publisher = publisher
        self.metrics = metrics
        self.logger = logger
        self.fence = fence
        self.now = now
    }

    func listBegan(_ resource: Resource) async {
        if let fence, await !fence.pass() { return }
        table.withLock { $0.listBegan(resource) }
        publisher.beginReplace(resource)
    }

    func upsert(_ object: WatchedObject) async {
        if let fence, await !fence.pass() { return }
        writeTable(object) { try $0.upsert(object) }
        publisher.upsert(object)
    }

    func upsert(_ objects: [WatchedObject]) async {
        var first = 0
        for index in objects.indices {
            // Asked for each object, as for a single one: a process that was stopped in the middle commits at most one when it goes on.
            if let fence, !fence.isOpen {
                publisher.upsert(Array(objects[first..<index]))
                first = index
                guard await fence.pass() else { return }
            }
            writeTable(objects[index]) { try $0.upsert(objects[index]) }
        }
        publisher.upsert(first == 0 ? objects : Array(objects[first...]))
    }

    func delete(_ object: WatchedObject) async {
        if let fence, await !fence.pass() { return }
        writeTable(object) { try $0.delete(object) }
        publisher.delete(object)
    }

    /// Changes the table if it holds the object's resource, and notes how far the resource has got, under one lock.
    private func writeTable(_ object: WatchedObject, _ change: (inout TableKeeper) throws -> Void) {
        guard TableKeeper.holds(object.resource) else { return }
        let time = wallTime
        var due: ContinuousClock.Instant?
        do {
            try table.withLock { table in
                defer {
                    table.reached(object.resource, resourceVersion: object.identity.resourceVersion, now: time)
                    due = table.due
                }
                try change(&table)
            }
        } catch {
            notWritten(object, error)
        }
        setTimer(due)
    }

    private func setTimer(_ due: ContinuousClock.Instant?) { releaseTimer.set(due) { [weak self] in self?.release() } }

    /// Removes what the table has held back for its time. Returns when there is more to be removed.
    private func release() -> ContinuousClock.Instant? {
        // Whoever has lost the lease writes no more: the next writer of this table finds what is held.
        if let fence, !fence.isOpen { return .now + HeldRemovals.patience }
        return table.withLock { table in
            do {
                try table.release()
            } catch {
                if metrics.tableFailed() {
                    logger.error(
                        "endpoints that are gone stay in the record table; tried again, further failures are only counted",
                        metadata: ["error": "\(error)"])
                }
            }
            return table.due
        }
    }

    func listEnded(_ resource: Resource, resourceVersion: String) async {
        if let fence, await !fence.pass() { return }
        let time = wallTime
        do {
            let due = try table.withLock { table in
                try table.listEnded(resource, resourceVersion: resourceVersion, now: time)
                return table.due
            }
            setTimer(due)
        } catch {
            metrics.tableFailed()
            logger.error(
                "cannot finish a list in the record table",
                metadata: ["resource": "\(resource)", "error": "\(error)"])
        }
        publisher.endReplace(resource)
        sinceList.withLock { $0 = 0 }
        publisher.markSynced(resource, resourceVersion: resourceVersion)
        if metrics.synced(resource) {
            logger.info("synced", metadata: ["resource": "\(resource)", "resource_version": "\(resourceVersion)"])
        }
    }

    func bookmark(_ resource: Resource, resourceVersion: String) async {
        if let fence, await !fence.pass() { return }
        let time = wallTime
        table.withLock { $0.reached(resource, resourceVersion: resourceVersion, now: time) }
        publisher.markSynced(resource, resourceVersion: resourceVersion)
    }

    func undecodable(_ resource: Resource, reason: String) async {
        guard metrics.undecodable(resource) else { return }
        logger.warning(
            "skipped an object that cannot be decoded; further ones of this resource are only counted",
            metadata: ["resource": "\(resource)", "reason": "\(reason)"])
    }

    private func notWritten(_ object: WatchedObject, _ error: any Error) {
        let isFirst: Bool
        if error is TableError {
            isFirst = metrics.tableFailed()
        } else {
            isFirst = metrics.undecodable(object.resource)
        }
        guard isFirst else { return }
        logger.error(
            "an object is not in the record table, which keeps its last good state; further failures are only counted",
            metadata: [
                "resource": "\(object.resource)", "namespace": "\(object.identity.namespace)",
                "name": "\(object.identity.name)", "error": "\(error)",
            ])
    }

    /// Whether the record table says what the object says.
    func tableAgrees(with object: WatchedObject) -> Bool { table.withLock { $0.agrees(with: object) } }

    /// What the record table has; empty for resources that it does not hold.
    func tableNames(of resource: Resource) -> Set<TableWriter.ObjectName> {
        TabledResource(resource).map { held in table.withLock { $0.names(of: held) } } ?? []
    }

    /// For tests, which injure the table to see that it is healed.
    func withTable(_ body: (inout TableKeeper) throws -> Void) rethrows { try table.withLock { try body(&$0) } }

    private var wallTime: UInt64 { UInt64(clamping: now()) }

    /// Writes a sign of life; `Heartbeat` calls it.
    func beat() {
        let time = wallTime
        table.withLock { $0.beat(now: time) }
    }

    /// Gives back what lists have left behind; `Heartbeat` calls it once a second.
    ///
    /// At once, and again when what was still in use then has been freed: against a real API server one start in four kept some 10 MB for
    /// good that were freed only after the first time. Last goes the code that only the start needed.
    func trim() {
        let seconds = sinceList.withLock { seconds in
            defer { seconds = seconds.flatMap { $0 < Self.lastTrim ? $0 + 1 : nil } }
            return seconds
        }
        guard let seconds, [0, 5, Self.lastTrim].contains(seconds) else { return }
        Allocator.trim()
        if seconds == Self.lastTrim { ProgramPages.release() }
    }

    private static let lastTrim = 20

    var tableState: (statistics: TableWriter.Statistics, counts: TableStatus.Counts) {
        table.withLock { ($0.statistics, $0.counts) }
    }
}

/// States once a second in the table's header that the watcher lives, and cleans up behind lists.
struct Heartbeat: ServiceLifecycle.Service {
    let committer: Committer

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                committer.beat()
                committer.trim()
                // Cancelled: the loop's condition sees it.
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}

/// A committer with a table of its own, for `make bench`, which counts what an object costs from here on.
package func committer(
    tableAt path: String, publisher: Publisher, resources: [Resource], logger: Logger
) throws -> any ReflectorSink {
    let writer = try TableWriter(path: path, identity: "event-bench", now: UInt64(clamping: WallClock.nanoseconds()))
    return Committer(
        table: TableKeeper(writer: writer), publisher: publisher, metrics: WatcherMetrics(wanted: resources), logger: logger)
}
