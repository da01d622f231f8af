import Logging
import Names
import ProcessRuntime
import RecordTable

/// Looks at the record table for health and metrics, so that threads which answer need not.
actor TableObserver {
    private let slot: TableSlot
    private let age: Gauge
    private let isThere: Gauge
    private let generation: Gauge
    private let synced: Gauge
    private let stale: Gauge
    private let damaged: Gauge
    private let counts: [Gauge]
    private let ageLimit: Duration?
    private let logger: Logger
    private let clock: @Sendable () -> TableClock
    private var wasStale = false

    /// - Parameter ageLimit: the age beyond which the table counts as stale; nil for never.
    init(
        path: String, soundness: TableSoundness = TableSoundness(), registry: MetricsRegistry, ageLimit: Duration? = nil, logger: Logger,
        clock: @escaping @Sendable () -> TableClock = { TableClock.now() }
    ) {
        self.ageLimit = ageLimit
        self.logger = logger
        self.clock = clock
        stale = registry.gauge(
            "mizzen_table_stale", help: "1 if the record table is older than --table-age-limit, or of an unknown age.", joining: .largest)
        damaged = registry.gauge(
            "mizzen_table_damaged",
            help: "1 if the record table has lost records, with the power, and no watcher has opened it since.", joining: .largest)
        slot = TableSlot(path: path, soundness: soundness)
        age = registry.gauge(
            "mizzen_table_age_seconds", help: "Time since the watcher's last sign of life in the record table.", joining: .largest)
        isThere = registry.gauge("mizzen_table_present", help: "1 if there is a record table.", joining: .smallest)
        generation = registry.gauge("mizzen_table_generation", help: "Which file of the record table is in use.", joining: .smallest)
        synced = registry.gauge(
            "mizzen_table_synced",
            help: "1 if the record table has all that the Corefile's kubernetes directives need, so that what it lacks does not exist.",
            joining: .smallest)
        counts = ["namespaces", "services", "slices", "endpoints", "pods"].map {
            registry.gauge("mizzen_table_records", help: "Records in the table.", labels: [("kind", $0)], joining: .largest)
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
        return slot.reader == nil ? slot.fault?.description : nil
    }

    /// Whether the table has all of `needed`, so that what it lacks does not exist.
    func isReady(_ needed: ClusterResources) -> Bool {
        guard let status = status() else { return false }
        return slot.isTrusted && ClusterResources(syncedIn: status).isSuperset(of: needed)
    }

    /// Says which families of addresses the cluster has, if the table has all that tells it.
    func update(_ families: UsableFamilies) {
        let isWhole = status()?.isSynced(["services", "pods"]) == true && slot.isTrusted
        families.update(from: isWhole ? slot.reader : nil)
    }

    /// Whose addresses are by the table; nothing while there is none.
    func holders(of addresses: [IPAddress]) -> [IPAddress: AddressHolder] {
        guard let table = slot.reader else { return [:] }
        return Dictionary(addresses.map { ($0, AddressHolder(of: $0, table)) }) { first, _ in first }
    }

    /// Whether nobody has written for longer than the limit admits; such a table goes on answering. Logs when that changes.
    @discardableResult
    func isStale() -> Bool {
        guard let ageLimit, let status = status() else { return false }
        let age = status.age(at: clock())
        let isStale = age.map { Duration.nanoseconds(Int64(clamping: $0)) > ageLimit } ?? true
        if isStale != wasStale {
            wasStale = isStale
            let seconds = age.map { "\($0 / 1_000_000_000)" } ?? "unknown"
            if isStale {
                logger.warning(
                    "the record table is stale; answers go on from it, readiness is withdrawn",
                    metadata: ["age_seconds": "\(seconds)", "limit": "\(ageLimit)", "table": "\(slot.path)"])
            } else {
                logger.info("the record table is written again", metadata: ["table": "\(slot.path)"])
            }
        }
        return isStale
    }

    /// Brings the metrics up to date.
    ///
    /// - Parameter needed: what the Corefile's blocks need of the cluster.
    func publish(needed: ClusterResources) {
        stale.set(isStale() ? 1 : 0)
        guard let status = status() else {
            isThere.set(0)
            synced.set(0)
            damaged.set(0)
            age.set(.nan)
            return
        }
        isThere.set(1)
        synced.set(isReady(needed) ? 1 : 0)
        damaged.set(slot.reader.map(slot.soundness.isDamaged) == true ? 1 : 0)
        generation.set(Double(status.generation))
        age.set(status.age(at: clock()).map { Double($0) / 1e9 } ?? .nan)
        let all = [
            status.counts.namespaces, status.counts.services, status.counts.slices, status.counts.endpoints,
            status.counts.pods,
        ]
        for (gauge, count) in zip(counts, all) { gauge.set(Double(count)) }
    }
}
