import ProcessRuntime
import Synchronization

/// All metrics of the process: the query counters of every thread, and a registry for the rest.
final class FrontendMetrics: Sendable {
    /// The zone label of queries that no block took, as CoreDNS has it; without a final dot it can be no zone.
    static let dropped = "dropped"

    let registry: MetricsRegistry
    let forward: ForwardMetrics
    let panics: Counter
    /// Answers that became SERVFAIL because a directive broke a rule of the chain.
    let mistakes: Counter
    let losses: LossCounters
    let cells = ThreadCounters()
    let connections: ConnectionMetrics
    private let scopes = Mutex<[Scope: ServerCounters]>([:])
    private let enabled = Mutex<Set<[MetricSeries.Label]>>([])

    private struct Scope: Hashable {
        var server: String
        var zone: String
        var view: String
        var thread: Int
    }

    /// - Parameter memory: where the numbers are; nil for this process's own memory.
    init(memory: (any MetricMemory)? = nil) {
        registry = MetricsRegistry(memory: memory)
        forward = ForwardMetrics(registry: registry)
        panics = registry.counter(
            "coredns_panics_total", help: "Faults met and survived; a fault ends this process, so it is always 0.")
        mistakes = registry.counter(
            "mizzen_directive_mistakes_total",
            help: "Answers that became SERVFAIL because a directive broke a rule; any is a fault of this program to report.")
        losses = LossCounters(registry: registry)
        connections = ConnectionMetrics(registry: registry)
        registry.countDroppedLogLines()
        registry.countDescriptorShortages()
        registry.gauge(
            "coredns_build_info", help: "1, with the versions in its labels.",
            labels: [("version", MizzenVersion.current), ("revision", ""), ("goversion", "")], joining: .largest
        ).set(1)
    }

    /// The cells of one thread for one zone of one server; the same ones again after a reload, so that counters never
    /// go back.
    func counters(server: String, zone: String, view: String = "", thread: Int) -> ServerCounters {
        scopes.withLock { scopes in
            let scope = Scope(server: server, zone: zone, view: view, thread: thread)
            if let known = scopes[scope] { return known }
            let counters = ServerCounters(registry, server: server, zone: zone, view: view)
            scopes[scope] = counters
            return counters
        }
    }

    /// Replaces what `coredns_plugin_enabled` says.
    func setEnabled(_ labels: [[(String, String)]]) {
        let name = "coredns_plugin_enabled"
        let wanted = Set(labels.map { $0.map { MetricSeries.Label($0.0, $0.1) } })
        let gone = enabled.withLock { enabled in
            defer { enabled = wanted }
            return enabled.subtracting(wanted)
        }
        for labels in gone { registry.remove(name, labels: labels.map { ($0.name, $0.value) }) }
        for labels in wanted {
            registry.gauge(
                name, help: "1 for each directive of a zone.", labels: labels.map { ($0.name, $0.value) }, joining: .largest
            ).set(1)
        }
    }

    /// Everything of this process as Prometheus text.
    func render() -> [UInt8] { registry.render() }
}
