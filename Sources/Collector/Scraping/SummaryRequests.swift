import DeltaStream
import Logging
import ProcessRuntime
import Synchronization

/// `--summary`: asks kubelets for `/stats/summary` too, counts, and tells once of each node that does not give it.
final class SummaryRequests: Sendable {
    private let succeeded: Counter
    private let failed: Counter
    private let bytes: Counter
    private let badValues: Counter
    private let logger: Logger
    /// The nodes whose last request failed.
    private let failing = Mutex<Set<String>>([])

    init(_ registry: MetricsRegistry, logger: Logger) {
        self.logger = logger
        let total = "mizzen_collector_stats_requests_total"
        let help = "Requests for /stats/summary of kubelets, by success."
        succeeded = registry.counter(total, help: help, labels: [("success", "true")])
        failed = registry.counter(total, help: help, labels: [("success", "false")])
        bytes = registry.counter("mizzen_collector_stats_bytes_total", help: "Bytes of /stats/summary read from kubelets.")
        badValues = registry.counter(
            "mizzen_collector_stats_bad_values_total", help: "Values of /stats/summary that were left out because they are none.")
    }

    /// - Parameter timeout: what the scrape has left of its time.
    func ask(_ client: KubeletClient, for node: CatalogNode, within timeout: Duration) async -> NodeSummary {
        let outcome = await client.summary(of: node, within: timeout)
        if Task.isCancelled { return outcome.summary }
        bytes.add(UInt64(outcome.bytes))
        badValues.add(UInt64(outcome.badValues))
        if let reason = outcome.summary.failure {
            failed.add()
            if failing.withLock({ $0.insert(node.name).inserted }) {
                logger.warning(
                    "no summary; CPU and memory are not concerned, and further failures are only counted until there is one",
                    metadata: ["node": "\(node.name)", "reason": "\(reason)"])
            }
        } else {
            succeeded.add()
            if failing.withLock({ $0.remove(node.name) }) != nil {
                logger.info("a summary again", metadata: ["node": "\(node.name)"])
            }
        }
        return outcome.summary
    }

    /// The node left the cluster.
    func forget(_ node: String) { failing.withLock { _ = $0.remove(node) } }
}
