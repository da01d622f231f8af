import DeltaStream
import Logging
import ProcessRuntime

/// `--summary`: asks kubelets for `/stats/summary` too, counts, and tells once of each node that does not give it.
final class SummaryRequests: Sendable {
    private let succeeded: Counter
    private let failed: Counter
    private let bytes: Counter
    private let badValues: Counter
    private let reports: NodeFaultReports

    init(_ registry: MetricsRegistry, logger: Logger) {
        reports = NodeFaultReports(.summary, registry, logger: logger)
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
        if let failure = outcome.failure {
            failed.add()
            reports.failed(node.name, failure)
        } else {
            succeeded.add()
            reports.succeeded(node.name)
        }
        return outcome.summary
    }

    /// The node left the cluster.
    func forget(_ node: String) { reports.forget(node) }
}
