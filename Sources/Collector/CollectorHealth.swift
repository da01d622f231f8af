import KubernetesObjects
import ServiceLifecycle
import Synchronization

/// The conditions behind the collector's health paths, under metrics-server's names.
struct CollectorHealth: Sendable {
    let catalog: ClusterCatalog
    let store: UsageStore
    /// How long no scrape may end while there are nodes.
    let lateAfter: Duration
    /// Time since the last scrape ended.
    let silence: @Sendable () -> Duration

    private var ping: HealthChecks.Check { .init(name: "ping") { nil } }

    var livez: HealthChecks {
        let (catalog, lateAfter, silence) = (catalog, lateAfter, silence)
        return HealthChecks(checks: [
            ping,
            .init(name: "metric-collection-timely") {
                catalog.counts.nodes == 0 || silence() < lateAfter ? nil : "no scrape ended for \(silence())"
            },
        ])
    }

    /// Ready as soon as there is something to answer: a node and a container that were each measured twice, by this process or the one
    /// before. Names that the process before has left are as good as the stream's while the watcher is away.
    var readyz: HealthChecks {
        let (catalog, store) = (catalog, store)
        return HealthChecks(checks: [
            ping,
            .init(name: "metric-storage-ready") {
                let counts = store.counts
                return counts.nodes > 0 && counts.containers > 0 ? nil : "no metrics to serve"
            },
            .init(name: "metric-informer-sync") {
                catalog.isKnown(.nodes) ? nil : "the watcher has not yet told all nodes"
            },
            .init(name: "metadata-informer-sync") {
                catalog.isKnown(.pods) ? nil : "the watcher has not yet told all pods"
            },
        ])
    }
}

/// The port in use, known once the server listens.
final class PortBox: Sendable {
    private let number: Atomic<Int>
    init(_ port: Int) { number = Atomic(port) }
    var value: Int { number.load(ordering: .relaxed) }
    func set(_ port: Int) { number.store(port, ordering: .relaxed) }
}
