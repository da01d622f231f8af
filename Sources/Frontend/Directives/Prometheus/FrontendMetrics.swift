import ProcessRuntime
import Synchronization

/// All metrics of the process: the query counters of every thread, and a registry for the rest.
final class FrontendMetrics: Sendable {
    /// The zone label of queries that no block took, as CoreDNS has it; without a final dot it can be no zone.
    static let dropped = "dropped"

    let registry = MetricsRegistry()
    let forward: ForwardMetrics
    let panics: Counter
    /// Answers that became SERVFAIL because a directive broke a rule of the chain.
    let mistakes: Counter
    let losses: LossCounters
    let cells = ThreadCounters()
    let connections: ConnectionMetrics
    private let scopes = Mutex<[Scope: [Int: ServerCounters]]>([:])
    private let enabled = Mutex<[[(String, String)]]>([])

    private struct Scope: Hashable, Comparable {
        var server: String
        var zone: String
        var view: String

        static func < (left: Scope, right: Scope) -> Bool {
            (left.server, left.zone, left.view) < (right.server, right.zone, right.view)
        }
    }

    init() {
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
            labels: [("version", MizzenVersion.current), ("revision", ""), ("goversion", "")]
        ).set(1)
    }

    /// The cells of one thread for one zone of one server; the same ones again after a reload, so that counters never
    /// go back.
    func counters(server: String, zone: String, view: String = "", thread: Int) -> ServerCounters {
        scopes.withLock { scopes in
            let scope = Scope(server: server, zone: zone, view: view)
            if let known = scopes[scope]?[thread] { return known }
            let counters = ServerCounters()
            scopes[scope, default: [:]][thread] = counters
            return counters
        }
    }

    /// Replaces what `coredns_plugin_enabled` says.
    func setEnabled(_ labels: [[(String, String)]]) { enabled.withLock { $0 = labels } }

    /// Everything as Prometheus text.
    func render() -> [UInt8] {
        var text = PrometheusText()
        let all = scopes.withLock { $0.mapValues { Array($0.values) } }.sorted { $0.key < $1.key }
        let totals = all.map { scope, threads in
            (labels: [("server", scope.server), ("zone", scope.zone), ("view", scope.view)], cells: Self.sum(threads))
        }
        Self.renderRequests(totals, into: &text)
        Self.renderResponses(totals, into: &text)
        Self.renderDurations(totals, into: &text)
        Self.renderSizes(totals, into: &text)
        text.family("coredns_plugin_enabled", "gauge", "1 for each directive of a zone.")
        for labels in enabled.withLock({ $0 }) { text.sample("coredns_plugin_enabled", labels, "1") }
        return registry.render() + text.bytes
    }

    private typealias Total = (labels: [(String, String)], cells: [UInt64])

    private static func sum(_ threads: [ServerCounters]) -> [UInt64] {
        (0..<ServerCounters.Layout.count).map { cell in threads.reduce(0) { $0 &+ $1[cell] } }
    }

    private static func renderRequests(_ totals: [Total], into text: inout PrometheusText) {
        let types = ServerCounters.types.map(\.name) + ["other"]
        text.family("coredns_dns_requests_total", "counter", "Queries by zone, transport, address family and type.")
        for (labels, cells) in totals {
            for transport in 0..<2 {
                for family in 0..<2 {
                    for (index, type) in types.enumerated() {
                        let count = cells[ServerCounters.Layout.requests + (transport * 2 + family) * 20 + index]
                        if count == 0 { continue }
                        text.sample(
                            "coredns_dns_requests_total",
                            labels + [
                                ("proto", transport == 1 ? "tcp" : "udp"), ("family", family == 1 ? "2" : "1"),
                                ("type", type),
                            ], "\(count)")
                    }
                }
            }
        }
        text.family("coredns_dns_do_requests_total", "counter", "Queries with the DNSSEC OK bit.")
        for (labels, cells) in totals where cells[ServerCounters.Layout.wantsDNSSEC] > 0 {
            text.sample("coredns_dns_do_requests_total", labels, "\(cells[ServerCounters.Layout.wantsDNSSEC])")
        }
    }

    private static func renderResponses(_ totals: [Total], into text: inout PrometheusText) {
        text.family(
            "coredns_dns_responses_total", "counter", "Answers by response code and by the directive that wrote them.")
        for (labels, cells) in totals {
            for (code, name) in ServerCounters.codes.enumerated() {
                for (writer, directive) in ServerCounters.writers.enumerated() {
                    let count = cells[ServerCounters.Layout.response(code: code, writer: writer)]
                    if count > 0 {
                        text.sample(
                            "coredns_dns_responses_total", labels + [("rcode", name), ("plugin", directive)], "\(count)"
                        )
                    }
                }
            }
        }
    }

    private static func renderDurations(_ totals: [Total], into text: inout PrometheusText) {
        let name = "coredns_dns_request_duration_seconds"
        text.family(name, "histogram", "How long answers took.")
        for (labels, cells) in totals {
            let start = ServerCounters.Layout.duration
            text.histogram(
                name, labels, bounds: ServerCounters.durationBounds, counts: cells[start..<(start + 17)],
                sum: Double(cells[ServerCounters.Layout.durationSum]) / 1e9)
        }
    }

    private static func renderSizes(_ totals: [Total], into text: inout PrometheusText) {
        let families = [
            (
                "coredns_dns_request_size_bytes", "Sizes of queries.", ServerCounters.Layout.requestSize,
                ServerCounters.Layout.requestSizeSum
            ),
            (
                "coredns_dns_response_size_bytes", "Sizes of answers.", ServerCounters.Layout.responseSize,
                ServerCounters.Layout.responseSizeSum
            ),
        ]
        for (name, help, start, sums) in families {
            text.family(name, "histogram", help)
            for (labels, cells) in totals {
                for transport in 0..<2 {
                    let counts = cells[(start + transport * 15)..<(start + transport * 15 + 15)]
                    if counts.allSatisfy({ $0 == 0 }) { continue }
                    text.histogram(
                        name, labels + [("proto", transport == 1 ? "tcp" : "udp")], bounds: ServerCounters.sizeBounds,
                        counts: counts,
                        sum: Double(cells[sums + transport]))
                }
            }
        }
    }
}
