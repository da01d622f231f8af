import ProcessRuntime

/// What the exporter says of its counters of states, on the telemetry port.
struct StateCounterMetrics: Sendable {
    /// What is read of a ledger.
    struct Reading: Sendable {
        var pods = 0
        var series = 0
        var overflow: [CountedState.Family: UInt64] = [:]
        var gaps: UInt64 = 0
        /// Seconds since 1970; nil while not everything is followed.
        var since: Int64?
    }

    let isKept: Gauge
    let bytes: Gauge
    let failures: Counter

    init(_ registry: MetricsRegistry, read: @escaping @Sendable () -> Reading) {
        let prefix = "mizzen_exporter_state_counters"
        isKept = registry.gauge("\(prefix)_kept", help: "Whether what the counters of pods' states say is in their file.")
        bytes = registry.gauge("\(prefix)_file_bytes", help: "Bytes of the file of the counters of pods' states.")
        failures = registry.counter(
            "\(prefix)_file_failures_total", help: "How often the file of the counters of pods' states could not be written.")
        registry.gauge("\(prefix)_pods", help: "Pods whose states are counted.") { Double(read().pods) }
        registry.gauge("\(prefix)_series", help: "Series of the counters of pods' states.") { Double(read().series) }
        registry.counter(
            "\(prefix)_gaps_total",
            help: "Buckets of which changes of pods were missed that the stream's history did not reach back to."
        ) { Double(read().gaps) }
        registry.gauge(
            "\(prefix)_since_timestamp_seconds",
            help: "Since when no change of a pod that the stream carried is missing in the counters; NaN while not all pods are followed."
        ) { read().since.map(Double.init) ?? .nan }
        for family in CountedState.Family.allCases {
            registry.counter(
                "\(prefix)_overflow_total",
                help: "Changes that no series counts, as there were --state-counters-limit series already.",
                labels: [("counts", family.text)]
            ) { Double(read().overflow[family] ?? 0) }
        }
    }
}
