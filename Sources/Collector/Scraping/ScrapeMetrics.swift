import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization

/// The collector's own metrics of its scrapes, under metrics-server's names where it has them.
final class ScrapeMetrics: Sendable {
    private let registry: MetricsRegistry
    private let succeeded: Counter
    private let failed: Counter
    private let bytes: Counter
    private let malformed: Counter
    private let reports: NodeFaultReports
    private let early: Counter
    /// Nanoseconds since `start`.
    private let lastProgress = Atomic<Int64>(0)
    private let start = ContinuousClock.now
    private let perNode = Mutex<[String: (duration: Histogram, last: Gauge)]>([:])

    init(_ registry: MetricsRegistry, logger: Logger) {
        self.registry = registry
        reports = NodeFaultReports(.metrics, registry, logger: logger)
        let total = "metrics_server_kubelet_request_total"
        let help = "Requests sent to kubelets, by success."
        succeeded = registry.counter(total, help: help, labels: [("success", "true")])
        failed = registry.counter(total, help: help, labels: [("success", "false")])
        bytes = registry.counter("mizzen_collector_scraped_bytes_total", help: "Bytes read from kubelets.")
        early = registry.counter(
            "mizzen_collector_early_scrapes_total", help: "Scrapes before their time, to tell of a new pod.")
        malformed = registry.counter(
            "mizzen_collector_malformed_lines_total", help: "Lines of kubelets that were not Prometheus text.")
    }

    /// Nanoseconds since 1970-01-01 UTC.
    func wallClock() -> Int64 { WallClock.nanoseconds() }

    /// Time since the last scrape ended, or since there was something new to scrape.
    var silence: Duration { ContinuousClock.now - start - .nanoseconds(lastProgress.load(ordering: .relaxed)) }

    func noteProgress() {
        lastProgress.store((ContinuousClock.now - start).nanoseconds, ordering: .relaxed)
    }

    /// A scrape is made before its time.
    func noteEarly() { early.add() }

    /// Counts a scrape, and tells of a failure what has not been told of that node before.
    func observe(_ outcome: ScrapeOutcome, of node: CatalogNode, took: Duration) {
        noteProgress()
        if let failure = outcome.failure {
            failed.add()
            reports.failed(node.name, failure, isExpected: !node.isReady)
        } else {
            succeeded.add()
            reports.succeeded(node.name)
        }
        bytes.add(UInt64(outcome.bytes))
        malformed.add(UInt64(outcome.malformedLines))
        let (duration, last) = instruments(node.name)
        duration.observe(Double(took.nanoseconds) / 1e9)
        last.set(Double(wallClock() / 1_000_000_000))
    }

    private func instruments(_ node: String) -> (duration: Histogram, last: Gauge) {
        perNode.withLock { known in
            if let found = known[node] { return found }
            let made = (
                registry.histogram(
                    "metrics_server_kubelet_request_duration_seconds", help: "Duration of requests to kubelets.",
                    labels: [("node", node)],
                    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]),
                registry.gauge(
                    "metrics_server_kubelet_last_request_time_seconds",
                    help: "When the last request to a kubelet ended, seconds since 1970.", labels: [("node", node)])
            )
            known[node] = made
            return made
        }
    }

    /// Takes a node that left the cluster out of `/metrics`.
    func forget(_ node: String) {
        reports.forget(node)
        perNode.withLock { $0[node] = nil }
        registry.remove("metrics_server_kubelet_request_duration_seconds", labels: [("node", node)])
        registry.remove("metrics_server_kubelet_last_request_time_seconds", labels: [("node", node)])
    }
}
