import MizzenSystem
import DeltaStream
import KubernetesClient
import KubernetesObjects
import ProcessRuntime
import RecordTable
import RecordTableWriter
import Synchronization

/// The watcher's own metrics, and what readiness is judged by.
final class WatcherMetrics: ReflectorObserver {
    let registry = MetricsRegistry()
    private let wanted: [Resource]
    private let states: Mutex<[Resource: State]>
    private let tableFailures: Counter
    private let perResource: Mutex<[Resource: Counters]>

    private struct State {
        var isSynced = false
        /// The server said that it does not have this resource, or does not show it to us.
        var isLacking = false
        var hasSkipped = false
    }

    private struct Counters: Sendable {
        var lists: Counter
        var listDuration: Histogram
        var watches: Counter
        var events: [WatchEventKind: Counter]
        var undecodable: Counter
        var lastEvent: Gauge
        var isSynced: Gauge
    }

    init(wanted: [Resource]) {
        registry.countDroppedLogLines()
        registry.countDescriptorShortages()
        self.wanted = wanted
        let registry = registry
        states = Mutex(Dictionary(wanted.map { ($0, State()) }, uniquingKeysWith: { first, _ in first }))
        tableFailures = registry.counter(
            "mizzen_watcher_table_errors_total", help: "Changes that could not be written to the record table.")
        // An upstream's catalog may name a resource twice.
        perResource = Mutex(
            Dictionary(wanted.map { ($0, WatcherMetrics.counters($0, registry)) }, uniquingKeysWith: { first, _ in first }))
    }

    /// Counts a resource that came while the watcher runs, and for which readiness does not wait.
    func add(_ resource: Resource) {
        states.withLock { $0[resource] = $0[resource] ?? State() }
        perResource.withLock { $0[resource] = $0[resource] ?? Self.counters(resource, registry) }
    }

    private func counters(_ resource: Resource) -> Counters? { perResource.withLock { $0[resource] } }

    private static func counters(_ resource: Resource, _ registry: MetricsRegistry) -> Counters {
        let label = [("resource", "\(resource)")]
        return Counters(
            lists: registry.counter(
                "mizzen_watcher_lists_total", help: "Full lists asked of the API server.", labels: label),
            listDuration: registry.histogram(
                "mizzen_watcher_list_duration_seconds", help: "Time from asking for a full list to its last object.",
                labels: label, buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60]),
            watches: registry.counter(
                "mizzen_watcher_watches_total", help: "Watches started at the API server.", labels: label),
            events: Dictionary(
                // Each case of an enum is there once.
                uniqueKeysWithValues: WatchEventKind.allCases.map { kind in
                    let counter = registry.counter(
                        "mizzen_watcher_events_total", help: "Watch events received.",
                        labels: label + [("type", kind.rawValue)])
                    return (kind, counter)
                }),
            undecodable: registry.counter(
                "mizzen_watcher_undecodable_objects_total", help: "Objects skipped because they cannot be decoded.",
                labels: label),
            lastEvent: registry.gauge(
                "mizzen_watcher_last_event_timestamp_seconds", help: "When the last watch event or list arrived.",
                labels: label),
            isSynced: registry.gauge(
                "mizzen_watcher_synced", help: "1 once a full list has been applied.", labels: label))
    }

    /// Adds what table and publisher count, read when somebody asks.
    func observe(
        _ publisher: Publisher,
        table: @escaping @Sendable () -> (statistics: TableWriter.Statistics, counts: TableStatus.Counts)
    ) {
        typealias Reading = (help: String, value: @Sendable () -> Double)
        let readings: [String: Reading] = [
            "mizzen_watcher_table_writes_total": (
                "Records written to the table.", { Double(table().statistics.writes) }
            ),
            "mizzen_watcher_table_removals_total": (
                "Records removed from the table.", { Double(table().statistics.removals) }
            ),
            "mizzen_watcher_table_unchanged_total": (
                "Records that were the same as in the table and cost no write.",
                { Double(table().statistics.unchanged) }
            ),
            "mizzen_watcher_table_generations_total": (
                "Moves to a larger or smaller data file.", { Double(table().statistics.generations) }
            ),
            "mizzen_watcher_table_services": ("Services in the table.", { Double(table().counts.services) }),
            "mizzen_watcher_table_endpoints": (
                "Endpoints in the table.", { Double(table().counts.endpoints) }
            ),
            "mizzen_watcher_table_pods": ("Pods in the table.", { Double(table().counts.pods) }),
            "mizzen_watcher_deltas_published_total": ("Deltas published.", { Double(publisher.statistics.deltas) }),
            "mizzen_watcher_delta_bytes_total": ("Bytes of deltas published.", { Double(publisher.statistics.bytes) }),
            "mizzen_watcher_stream_history_kept": (
                "1 while the next start can go on with the stream, 0 once its history could not be written.",
                { publisher.keepsHistory ? 1 : 0 }
            ),
            "mizzen_watcher_stream_refused_connections_total": (
                "Connections to the deltas endpoint that broke off in the handshake, most often for their keys.",
                { Double(publisher.statistics.refusedConnections) }
            ),
            "mizzen_watcher_snapshot_requests_total": (
                "Snapshot requests answered.", { Double(publisher.statistics.requests) }
            ),
            "mizzen_watcher_replayed_deltas_total": (
                "Past deltas sent again to subscribers that count changes and had missed them.",
                { Double(publisher.statistics.replayedDeltas) }
            ),
            "mizzen_watcher_snapshot_requests_refused_total": (
                "Snapshot requests that could not be answered as asked.",
                { Double(publisher.statistics.refusedRequests) }
            ),
        ]
        for (name, reading) in readings.sorted(by: { $0.key < $1.key }) {
            if name.hasSuffix("_total") {
                registry.counter(name, help: reading.help, read: reading.value)
            } else {
                registry.gauge(name, help: reading.help, read: reading.value)
            }
        }
    }

    static let leaderHelp = "1 while this watcher writes, 0 while it stands by or its lease is not renewed."

    /// This process writes the table from now on.
    func led() { registry.gauge("mizzen_watcher_leader", help: Self.leaderHelp).set(1) }

    /// How the stream began.
    func began(isResumed: Bool) {
        registry.gauge(
            "mizzen_watcher_stream_resumed",
            help: "1 if this process went on with the stream of the one before it, 0 if it began a new one."
        ).set(isResumed ? 1 : 0)
    }

    // MARK: Told by a relay

    func relayed(_ delta: Delta) { sawEvent(delta.resource) }

    /// As for a server that lacks a resource: what DNS needs is waited for all the same.
    func upstreamLacks(_ resource: Resource) {
        if !TableKeeper.holds(resource) { states.withLock { $0[resource]?.isLacking = true } }
    }

    // MARK: Told by the committer

    /// - Returns: whether this is the resource's first full list.
    func synced(_ resource: Resource) -> Bool {
        counters(resource)?.isSynced.set(1)
        return states.withLock { states in
            defer { states[resource]?.isSynced = true }
            return states[resource]?.isSynced == false
        }
    }

    /// - Returns: whether this is the resource's first skipped object.
    func undecodable(_ resource: Resource) -> Bool {
        counters(resource)?.undecodable.add()
        return states.withLock { states in
            defer { states[resource]?.hasSkipped = true }
            return states[resource]?.hasSkipped == false
        }
    }

    /// - Returns: whether this is the first failure.
    @discardableResult
    func tableFailed() -> Bool {
        tableFailures.add()
        return tableFailures.value == 1
    }

    /// What readiness waits for: resources without a full list that the server does not lack.
    var missing: [Resource] {
        states.withLock { states in
            wanted.filter { resource in
                guard let state = states[resource] else { return true }
                return !state.isSynced && !state.isLacking
            }
        }
    }

    // MARK: ReflectorObserver

    func listStarted(_ resource: Resource) { counters(resource)?.lists.add() }

    func listEnded(_ resource: Resource, items: Int, duration: Duration) {
        counters(resource)?.listDuration.observe(Double(duration.nanoseconds) / 1e9)
        states.withLock { $0[resource]?.isLacking = false }
        sawEvent(resource)
    }

    func watchStarted(_ resource: Resource) { counters(resource)?.watches.add() }

    func event(_ resource: Resource, kind: WatchEventKind) {
        counters(resource)?.events[kind]?.add()
        sawEvent(resource)
    }

    func failed(_ resource: Resource, cause: String) {
        registry.counter(
            "mizzen_watcher_errors_total", help: "Lists and watches that failed.",
            labels: [("resource", "\(resource)"), ("cause", cause)]
        ).add()
        // What DNS needs is waited for all the same; the rest should not keep a cluster without a resource from being ready.
        if cause == "not_found" || cause == "forbidden", !TableKeeper.holds(resource) {
            states.withLock { $0[resource]?.isLacking = true }
        }
    }

    func repeated(_ resource: Resource) {
        registry.counter(
            "mizzen_watcher_repeated_events_total",
            help: "Events that were passed over because a state of their object as new or newer is known.",
            labels: [("resource", "\(resource)")]
        ).add()
    }

    // MARK: Told by the watch of custom resources

    func customResources(_ count: Int) {
        registry.gauge("mizzen_watcher_custom_resources", help: "Custom resources that are watched, each version by itself.")
            .set(Double(count))
    }

    /// - Parameter isComplete: the server told all that it was asked for.
    func discovered(isComplete: Bool) {
        registry.counter(
            "mizzen_watcher_custom_resource_discoveries_total",
            help: "Questions to the API server which custom resources it serves, by result.",
            labels: [("result", isComplete ? "success" : "error")]
        ).add()
    }

    // MARK: Told by the drift check

    /// - Parameter result: `none`, `drift` or `failed`.
    func driftChecked(_ resource: Resource, result: String) {
        registry.counter(
            "mizzen_watcher_drift_checks_total", help: "Comparisons of table and stream with the API server.",
            labels: [("resource", "\(resource)"), ("result", result)]
        ).add()
    }

    func drifted(_ resource: Resource, kind: Drift.Kind, count: Int) {
        let counter = registry.counter(
            "mizzen_watcher_drift_objects_total", help: "Objects that were not held as the API server has them.",
            labels: [("resource", "\(resource)"), ("kind", kind.rawValue)])
        counter.add(UInt64(count))
    }

    private func sawEvent(_ resource: Resource) {
        counters(resource)?.lastEvent.set(Double(WallClock.nanoseconds()) / 1e9)
    }
}
