import MizzenSystem
import ProcessRuntime

extension MetricsRegistry {
    /// kube-state-metrics' own metrics of a configuration file.
    /// - Parameters:
    ///   - type: as kube-state-metrics calls it.
    ///   - text: what was read; nil where it has no metric.
    func report(configuration type: String, file: String, text: String?, isTaken: Bool) {
        let labels = [("type", type), ("filename", file)]
        gauge("kube_state_metrics_last_config_reload_successful", help: "Whether the last configuration could be taken.", labels: labels)
            .set(isTaken ? 1 : 0)
        guard isTaken else { return }
        gauge(
            "kube_state_metrics_last_config_reload_success_timestamp_seconds", help: "When a configuration was last taken.", labels: labels
        ).set(Double(WallClock.nanoseconds()) / 1e9)
        guard let text else { return }
        // 48 bits of FNV-1a: a double holds them all.
        let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        gauge("kube_state_metrics_config_hash", help: "Another number for another configuration.", labels: labels).set(Double(hash >> 16))
    }
}
