import KubernetesClient
import ProcessRuntime

extension LeaseElector {
    /// What the election counts, read when somebody asks.
    func observe(in registry: MetricsRegistry) {
        registry.gauge("mizzen_watcher_leader", help: WatcherMetrics.leaderHelp) { [self] in fence.isOpen ? 1 : 0 }
        registry.counter(
            "mizzen_watcher_lease_transitions_total", help: "Changes of the lease's holder that this process has seen."
        ) { [self] in Double(currentStatus.transitions) }
        for cause in LeaseFault.Cause.allCases {
            registry.counter(
                "mizzen_watcher_lease_errors_total", help: "Requests about the lease that failed.",
                labels: [("cause", cause.rawValue)]
            ) { [self] in Double(currentStatus.faults[cause] ?? 0) }
        }
    }
}
