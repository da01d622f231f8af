import ProcessRuntime
import RecordTable

/// Looks at the record table for health and metrics, so that threads which answer need not.
actor TableObserver {
    private let slot: TableSlot
    private let age: Gauge
    private let isThere: Gauge
    private let generation: Gauge
    private let synced: Gauge
    private let counts: [Gauge]
    private static let needed = ["namespaces", "services", "endpointslices"]

    init(path: String, registry: MetricsRegistry) {
        slot = TableSlot(path: path)
        age = registry.gauge("mizzen_table_age_seconds", help: "Time since the watcher's last sign of life in the record table.")
        isThere = registry.gauge("mizzen_table_present", help: "1 if there is a record table.")
        generation = registry.gauge("mizzen_table_generation", help: "Which file of the record table is in use.")
        synced = registry.gauge("mizzen_table_synced", help: "1 if the record table has all namespaces, services and endpoint slices.")
        counts = ["namespaces", "services", "slices", "endpoints", "pods"].map {
            registry.gauge("mizzen_table_records", help: "Records in the table.", labels: [("kind", $0)])
        }
    }

    /// What the table says of itself; nil while there is none.
    func status() -> TableStatus? {
        slot.refresh()
        return slot.reader?.status
    }

    /// Why there is no table, in words for the operator; nil if there is one.
    func fault() -> String? {
        slot.refresh()
        return slot.fault?.description
    }

    /// Whether names of the cluster can be answered.
    func isReady() -> Bool { status()?.isSynced(Self.needed) ?? false }

    /// Brings the metrics up to date.
    ///
    /// - Parameter now: nanoseconds since 1970.
    func publish(now: UInt64) {
        guard let status = status() else {
            isThere.set(0)
            synced.set(0)
            age.set(.nan)
            return
        }
        isThere.set(1)
        synced.set(status.isSynced(Self.needed) ? 1 : 0)
        generation.set(Double(status.generation))
        if let nanoseconds = status.age(at: now) { age.set(Double(nanoseconds) / 1e9) }
        let all = [status.counts.namespaces, status.counts.services, status.counts.slices, status.counts.endpoints, status.counts.pods]
        for (gauge, count) in zip(counts, all) { gauge.set(Double(count)) }
    }
}
