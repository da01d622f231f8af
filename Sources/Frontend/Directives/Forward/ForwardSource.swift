import ProcessRuntime
import Synchronization

/// One `forward` directive as all threads share it: its upstreams, its limits and its metrics.
final class ForwardSource: DirectiveSource {
    let settings: ForwardSettings
    let endpoints: [ForwardEndpoint]
    let upstreams: [SocketAddress]
    /// Of each upstream, for all threads.
    let health: [UpstreamHealth]
    /// For the endpoints that have a server name.
    let tls: TLSClientConfiguration?
    let metrics: ForwardMetrics
    /// Whether it is the block's last `forward`.
    let isLast: Bool
    /// Queries under way, in all threads.
    let concurrent = Atomic<Int>(0)
    /// Empty unless something is to be kept.
    let lastGood = LastGoodAnswers()
    let roundRobin = Atomic<Int>(0)
    /// A bit for each upstream that leads back to this server, as `loop` has found; there are at most 15.
    private let looping = Atomic<UInt64>(0)

    /// - Parameter root: what files that TLS needs are relative to, if they are not absolute; empty for the working directory.
    /// - Throws: `ForwardFault` for files that cannot be read or used, and interfaces that are not there.
    init(settings: ForwardSettings, metrics: ForwardMetrics, isLast: Bool = true, root: String = "") throws(ForwardFault) {
        self.isLast = isLast
        self.settings = settings
        self.metrics = metrics
        endpoints = try settings.endpoints()
        tls = try settings.tlsConfiguration(for: endpoints, relativeTo: root)
        upstreams = endpoints.map(\.address)
        health = upstreams.map { UpstreamHealth(failed: metrics.failures($0)) }
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ForwardHandler(source: self, setup) }

    /// Whether `other` has the same settings, and its resolver files name the same servers. Where certificates come from files a reload
    /// reads them anew.
    func doesTheSame(as other: ForwardSource) -> Bool {
        settings == other.settings && endpoints == other.endpoints && isLast == other.isLast && settings.tlsFiles == TLSFiles()
    }

    struct ForwardFault: Error { var message: String }

    /// Whether an upstream leads back to this server.
    func isLooping(_ upstream: Int) -> Bool { looping.load(ordering: .relaxed) & 1 << UInt64(upstream & 63) != 0 }

    /// Returns whether that is a change.
    func setLooping(_ upstream: Int, _ isLooping: Bool) -> Bool {
        let bit: UInt64 = 1 << UInt64(upstream & 63)
        let old =
            isLooping
            ? looping.bitwiseOr(bit, ordering: .relaxed).oldValue : looping.bitwiseAnd(~bit, ordering: .relaxed).oldValue
        return (old & bit != 0) != isLooping
    }

    /// Counts a query in. False when `max_concurrent` is reached; then it is not counted.
    func enter() -> Bool {
        let limit = Int(settings.maximumConcurrent)
        let count = concurrent.wrappingAdd(1, ordering: .relaxed).newValue
        if limit > 0, count > limit {
            leave()
            metrics.concurrencyRejects.add()
            return false
        }
        return true
    }

    func leave() { concurrent.wrappingSubtract(1, ordering: .relaxed) }

    /// The upstreams in the order in which one query shall try them.
    func order() -> [Int] {
        let all = Array(upstreams.indices)
        switch settings.policy {
        case .sequential: return all
        case .random: return all.shuffled()
        case .roundRobin:
            let first = Int(
                bitPattern: UInt(bitPattern: roundRobin.wrappingAdd(1, ordering: .relaxed).oldValue) % UInt(all.count))
            return Array(all[first...] + all[..<first])
        }
    }
}

/// The metrics of all forwards of the process, with CoreDNS's names.
struct ForwardMetrics: Sendable {
    let concurrencyRejects: Counter
    let healthChecksBroken: Counter
    private let registry: MetricsRegistry

    init(registry: MetricsRegistry) {
        self.registry = registry
        concurrencyRejects = registry.counter(
            "coredns_forward_max_concurrent_rejects_total",
            help: "Queries refused because as many as max_concurrent allows were under way.")
        healthChecksBroken = registry.counter(
            "coredns_forward_healthcheck_broken_total", help: "Queries that found every upstream down.")
    }

    func failures(_ upstream: SocketAddress) -> Counter {
        registry.counter(
            "coredns_proxy_healthcheck_failures_total", help: "Failed health checks of an upstream.",
            labels: [("proxy_name", "forward"), ("to", "\(upstream)")])
    }

    func cacheHits(_ upstream: SocketAddress, _ transport: UpstreamTransport) -> Counter {
        registry.counter(
            "coredns_proxy_conn_cache_hits_total", help: "Exchanges that used an idle socket.",
            labels: [("proxy_name", "forward"), ("to", "\(upstream)"), ("proto", transport.label)])
    }

    func cacheMisses(_ upstream: SocketAddress, _ transport: UpstreamTransport) -> Counter {
        registry.counter(
            "coredns_proxy_conn_cache_misses_total", help: "Exchanges that opened a socket.",
            labels: [("proxy_name", "forward"), ("to", "\(upstream)"), ("proto", transport.label)])
    }

    func duration(_ upstream: SocketAddress, code: UInt16) -> Histogram {
        registry.histogram(
            "coredns_proxy_request_duration_seconds", help: "How long exchanges with an upstream took.",
            labels: [
                ("proxy_name", "forward"), ("to", "\(upstream)"), ("rcode", ServerCounters.codes[Int(min(code, 15))]),
            ],
            buckets: ServerCounters.durationBounds)
    }
}
