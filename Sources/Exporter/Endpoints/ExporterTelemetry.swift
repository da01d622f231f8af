import MizzenSystem
import DeltaStream
import KubernetesObjects
import ProcessRuntime
import Synchronization

/// The exporter's metrics about itself, and whether it is ready.
///
/// kube-state-metrics' names are kept where they have a meaning here: a list is a join with a snapshot, a watch that ends
/// with an error is a stream that became stale.
final class ExporterTelemetry: Sendable {
    private struct Stream: Sendable {
        var isJoined = false
        var hasJoined = false
        /// The held objects are those of this moment or newer: nanoseconds since 1970-01-01 UTC; nil before the first join.
        var asOf: Int64?
    }

    private struct Counters: Sendable {
        let lists: Counter
        let watches: Counter
        let failures: Counter
        let stales: Counter
        let undecodable: Counter
    }

    let registry: MetricsRegistry
    /// How long answers took, in seconds, until their last byte was handed to the connection.
    let requests: Histogram
    private let samples: Counter
    private let failedSamples: Counter
    /// To be called with the name of the limit that ended a connection.
    let slowExchange: @Sendable (String) -> Void
    private let now: @Sendable () -> Int64
    private let streams = Mutex<[Resource: Stream]>([:])
    private let counters = Mutex<[Resource: Counters]>([:])

    /// Called once, when everything that is wanted has been joined for the first time.
    private let becameWhole: @Sendable () -> Void
    private let isWhole = Mutex(false)

    /// - Parameters:
    ///   - isPublished: false: what is said of resources and of the shard appears with ``publish(after:)``.
    ///   - now: nanoseconds since 1970-01-01 UTC.
    ///   - becameWhole: called once, when everything that is wanted has been joined for the first time.
    init(
        registry: MetricsRegistry = MetricsRegistry(), shard: Int = 0, totalShards: Int = 1,
        isPublished: Bool = true, now: @escaping @Sendable () -> Int64 = { WallClock.nanoseconds() },
        becameWhole: @escaping @Sendable () -> Void = {}
    ) {
        self.registry = registry
        self.becameWhole = becameWhole
        self.shard = shard
        self.totalShards = totalShards
        registry.countDroppedLogLines()
        registry.countDescriptorShortages()
        self.now = now
        requests = registry.histogram(
            "http_request_duration_seconds", help: "How long scrapes of object metrics took.",
            labels: [("handler", "metrics"), ("method", "get")],
            buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
        samples = registry.counter(
            "mizzen_exporter_samples_total", help: "Samples received from collectors.")
        failedSamples = registry.counter(
            "mizzen_exporter_failed_samples_total", help: "Samples received that report a failed scrape.")
        slowExchange = { [registry] limit in
            registry.counter(
                "mizzen_exporter_slow_exchanges_total",
                help: "Connections closed because a part of an exchange took too long, or there were too many, by limit.",
                labels: [("limit", limit)]
            ).add()
        }
        registry.gauge(
            "kube_state_metrics_build_info", help: "The version of the exporter; always 1.",
            labels: [("version", MizzenVersion.current)]
        ).set(1)
        if isPublished { publish(after: nil) }
    }

    private let shard: Int
    private let totalShards: Int
    /// nil once published.
    private let unpublished = Mutex<[Resource: @Sendable () -> Void]?>([:])

    /// Everything of this that is a series takes the place of what was said before it.
    func publish(after former: ExporterTelemetry?) {
        if let former {
            registry.remove("kube_state_metrics_shard_ordinal", labels: [("shard_ordinal", "\(former.shard)")])
            let gone = former.streams.withLock { Set($0.keys) }.subtracting(streams.withLock { $0.keys })
            for resource in gone {
                for name in Self.readings { registry.remove(name, labels: [("resource", resource.plural)]) }
            }
        }
        registry.gauge(
            "kube_state_metrics_shard_ordinal", help: "Which shard this exporter is, from 0.",
            labels: [("shard_ordinal", "\(shard)")]
        ).set(Double(shard))
        registry.gauge("kube_state_metrics_total_shards", help: "Into how many shards objects are divided.")
            .set(Double(totalShards))
        let waiting = unpublished.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        for register in (waiting ?? [:]).values { register() }
    }

    /// Begins to report on a resource; until it is joined, the exporter is not ready.
    /// - Parameter store: nil where no families of its objects are served.
    func watch(_ resource: Resource, store: ObjectStore?) {
        streams.withLock { $0[resource] = Stream() }
        let labels = [("resource", resource.plural)]
        let kind = [("resource", "*\(resource.version).\(resource.kind)")]
        let made = Counters(
            lists: registry.counter(
                "kube_state_metrics_list_total", help: "Snapshots joined, by result.",
                labels: kind + [("result", "success")]),
            watches: registry.counter(
                "kube_state_metrics_watch_total", help: "Streams followed, by result; an error is a stream gone stale.",
                labels: kind + [("result", "success")]),
            failures: registry.counter(
                "kube_state_metrics_watch_total", help: "Streams followed, by result; an error is a stream gone stale.",
                labels: kind + [("result", "error")]),
            stales: registry.counter(
                "mizzen_exporter_stream_stale_total",
                help: "How often the stream became stale: a gap, a new stream or missing heartbeats.", labels: labels),
            undecodable: registry.counter(
                "mizzen_exporter_undecodable_objects_total", help: "Objects left out because they cannot be decoded.",
                labels: labels))
        counters.withLock { $0[resource] = made }
        let register: @Sendable () -> Void = { [weak self] in self?.showReadings(of: resource, store) }
        let isPublished = unpublished.withLock { waiting in
            waiting?[resource] = register
            return waiting == nil
        }
        if isPublished { register() }
    }

    private static let readings = [
        "mizzen_exporter_objects", "mizzen_exporter_object_bytes", "mizzen_exporter_stream_joined", "mizzen_exporter_stream_age_seconds",
    ]

    private func showReadings(of resource: Resource, _ store: ObjectStore?) {
        let labels = [("resource", resource.plural)]
        if let store {
            registry.gauge("mizzen_exporter_objects", help: "Objects held.", labels: labels) { Double(store.count) }
            registry.gauge("mizzen_exporter_object_bytes", help: "Bytes of the samples held, as text.", labels: labels) {
                Double(store.bytes)
            }
        } else {
            // Its families may have been served until now.
            for name in Self.readings[..<2] { registry.remove(name, labels: labels) }
        }
        registry.gauge(
            "mizzen_exporter_stream_joined", help: "Whether what is held is complete and current.", labels: labels
        ) { [weak self] in self?.streams.withLock { $0[resource]?.isJoined } == true ? 1 : 0 }
        registry.gauge(
            "mizzen_exporter_stream_age_seconds",
            help: "How old the held objects may be, by the watcher's last sign of life; NaN before the first join.",
            labels: labels
        ) { [weak self] in self?.age(of: resource) ?? .nan }
    }

    /// Seconds; nil before the first join.
    func age(of resource: Resource) -> Double? {
        guard let asOf = streams.withLock({ $0[resource]?.asOf }) else { return nil }
        return Double(max(0, now() - asOf)) / 1e9
    }

    /// What is held of a resource is of this moment or newer, in nanoseconds since 1970-01-01 UTC; nil where it is not followed here.
    func asOf(plural: String) -> Int64? {
        streams.withLock { streams in streams.first { $0.key.plural == plural }?.value.asOf }
    }

    /// The resources that have not been joined yet.
    var missing: [String] {
        streams.withLock { $0.filter { !$0.value.hasJoined }.map(\.key.plural).sorted() }
    }

    private let furtherMissing = Mutex<@Sendable () -> [String]>({ [] })

    /// Scrapes wait for this too, whatever it is at the time: custom resources.
    func alsoAwait(_ names: @escaping @Sendable () -> [String]) { furtherMissing.withLock { $0 = names } }

    /// Everything that scrapes wait for.
    var awaited: [String] { missing + furtherMissing.withLock { $0 }() }

    private let standIn = Mutex<(@Sendable () -> String?)?>(nil)

    /// Something may be served in the place of what is missing.
    /// - Parameter describe: what is; nil while nothing is.
    func mayServe(_ describe: @escaping @Sendable () -> String?) { standIn.withLock { $0 = describe } }

    /// What `/readyz` says.
    var readiness: (isReady: Bool, text: String) {
        let standIn = standIn.withLock { $0 }
        guard let unreadiness else { return (true, standIn == nil ? "OK" : "OK: what is served is current") }
        return standIn?().map { (true, "OK: \($0)") } ?? (false, unreadiness)
    }

    /// Why the exporter is not ready; nil once every wanted resource has been joined. A stream that is stale later keeps it ready, as what
    /// it holds stays served.
    var unreadiness: String? {
        let awaited = awaited
        return awaited.isEmpty ? nil : "not ready: waiting for \(awaited.joined(separator: ", "))"
    }

    func joined(_ resource: Resource, synced: Bool) {
        let isNew = streams.withLock { streams in
            let isNew = streams[resource]?.isJoined == false
            streams[resource]?.isJoined = true
            // A watcher that has not seen a whole list itself cannot make anybody complete.
            if synced { streams[resource]?.hasJoined = true }
            streams[resource]?.asOf = now()
            return isNew
        }
        if missing.isEmpty,
            isWhole.withLock({ isWhole in
                defer { isWhole = true }
                return !isWhole
            })
        {
            becameWhole()
        }
        guard isNew, let counters = counters.withLock({ $0[resource] }) else { return }
        counters.lists.add()
        counters.watches.add()
    }

    func stale(_ resource: Resource, since: Int64) {
        streams.withLock { streams in
            streams[resource]?.isJoined = false
            if streams[resource]?.asOf != nil { streams[resource]?.asOf = since }
        }
        guard let counters = counters.withLock({ $0[resource] }) else { return }
        counters.failures.add()
        counters.stales.add()
    }

    func heartbeat(_ resource: Resource, time: Int64) {
        streams.withLock { streams in
            // While something is missing, a sign of life makes what is held no younger.
            if streams[resource]?.isJoined == true { streams[resource]?.asOf = time }
        }
    }

    func undecodable(_ resource: Resource) {
        counters.withLock { $0[resource] }?.undecodable.add()
    }

    func took(_ sample: NodeSample) {
        samples.add()
        if sample.failure != nil { failedSamples.add() }
    }
}
