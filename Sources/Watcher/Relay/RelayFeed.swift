import MizzenSystem
import DeltaStream
import KubernetesObjects
import Logging
import ProcessRuntime
import RecordTable
import RecordTableWriter
import Synchronization

/// What a relay does with what its upstream says: the table first, then its own stream (StreamStore+Relay.swift has the rules).
final class RelayFeed: DeltaConsumer {
    private struct State {
        /// nil once the relay has ended.
        var table: RelayedTable?
        /// Of the bucket that comes next, by resource: several subscribers may tell of different ones.
        var coming: [Resource: (position: StreamPosition, past: [Delta])] = [:]
        /// Resources of the table that the upstream has vouched for since the table's last heartbeat.
        var vouched: Set<Resource> = []
    }

    private let state: Mutex<State>
    private let publisher: Publisher
    private let metrics: WatcherMetrics
    /// The resources whose heartbeats make the table's.
    private let tableResources: Set<Resource>
    private let logger: Logger
    private let started = ContinuousClock.now
    private let releaseTimer = ReleaseTimer()

    init(
        keeper: sending TableKeeper, publisher: Publisher, metrics: WatcherMetrics, resources: [Resource], logger: Logger
    ) {
        state = Mutex(State(table: RelayedTable(keeper: keeper)))
        self.publisher = publisher
        self.metrics = metrics
        tableResources = Set(resources.filter(TableKeeper.holds))
        self.logger = logger
    }

    var tableState: (statistics: TableWriter.Statistics, counts: TableStatus.Counts) {
        state.withLock { state in
            (state.table?.statistics ?? TableWriter.Statistics(), state.table?.counts ?? TableStatus.Counts())
        }
    }

    /// Lets go of the table and of its lock; what arrives later changes nothing.
    func close() { state.withLock { $0.table = nil } }

    func willReplaceBucket(_ resource: Resource, bucket: UInt8, position: StreamPosition, past: [Delta]) {
        state.withLock { $0.coming[resource] = (position, past) }
    }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        guard let (position, past) = state.withLock({ $0.coming.removeValue(forKey: resource) }) else { return }
        let isShown = publisher.isShown(resource, streamID: position.streamID)
        // New before old, so that a name which passes from one object to another is never missing.
        if isShown { for object in objects { put(object.watched) } }
        let gone = publisher.relay(resource, bucket: bucket, objects: objects, past: past, position: position)
        if isShown { for object in gone { drop(object) } }
    }

    func apply(_ delta: Delta) {
        if publisher.isShown(delta.resource, streamID: delta.streamID) {
            if delta.change == .deleted { drop(delta.watched) } else { put(delta.watched) }
            metrics.relayed(delta)
        }
        publisher.relay(delta)
    }

    func joined(_ resource: Resource, synced: Bool) {}

    func stale(_ resource: Resource, since: Int64) {}

    func heartbeat(_ heartbeat: DeltaStream.Heartbeat) {
        let resource = heartbeat.resource
        // Whoever follows one namespace cannot see from sequences what it missed while this relay was away; three missing
        // heartbeats tell it to look. A relay that comes back sooner waits until they are missed.
        let quiet = Duration.milliseconds(4 * Int(heartbeat.intervalMilliseconds))
        if heartbeat.synced, ContinuousClock.now - started >= quiet { show(heartbeat) }
        if !heartbeat.synced { metrics.upstreamLacks(resource) }
        guard publisher.relay(heartbeat), tableResources.contains(resource) else { return }
        let now = UInt64(clamping: WallClock.nanoseconds())
        state.withLock { state in
            state.table?.reached(resource, resourceVersion: heartbeat.resourceVersion, now: now)
            state.vouched.insert(resource)
            guard state.vouched == tableResources else { return }
            state.vouched = []
            state.table?.beat(now: now)
        }
    }

    private func show(_ heartbeat: DeltaStream.Heartbeat) {
        let resource = heartbeat.resource
        guard let (objects, gone) = publisher.whole(resource, streamID: heartbeat.streamID) else { return }
        for object in objects { put(object) }
        for object in gone { drop(object) }
        attempt { state in
            try state.table?.whole(
                resource, resourceVersion: heartbeat.resourceVersion, now: UInt64(clamping: WallClock.nanoseconds()))
        }
        publisher.show(resource)
        _ = metrics.synced(resource)
        logger.info("relaying", metadata: ["resource": "\(resource)", "objects": "\(objects.count)"])
    }

    private func put(_ object: WatchedObject) { attempt { try $0.table?.put(object) } }

    private func drop(_ object: WatchedObject) { attempt { try $0.table?.drop(object) } }

    private func release() -> ContinuousClock.Instant? {
        attempt { try $0.table?.release() }
        return nil
    }

    private func attempt(_ change: (inout State) throws -> Void) {
        var due: ContinuousClock.Instant?
        defer { releaseTimer.set(due) { [weak self] in self?.release() } }
        do {
            try state.withLock { state in
                defer { due = state.table?.due }
                try change(&state)
            }
        } catch {
            guard metrics.tableFailed() else { return }
            logger.error(
                "a change is not in the record table; further failures are only counted", metadata: ["error": "\(error)"])
        }
    }
}

extension Delta {
    fileprivate var watched: WatchedObject { WatchedObject(resource: resource, identity: identity, object: object) }
}
