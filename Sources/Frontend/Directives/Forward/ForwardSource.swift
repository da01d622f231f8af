import FoundationEssentials
import Names
import ProcessRuntime
import Synchronization

/// One `forward` directive as all threads share it: its upstreams, its limits and its metrics.
final class ForwardSource: DirectiveSource {
    let settings: ForwardSettings
    let upstreams: [SocketAddress]
    let metrics: ForwardMetrics
    /// Whether it is the block's last `forward`.
    let isLast: Bool
    /// Queries under way, in all threads.
    let concurrent = Atomic<Int>(0)
    let roundRobin = Atomic<Int>(0)

    /// - Throws: `ForwardFault` for a resolver file that cannot be read or names no server.
    init(settings: ForwardSettings, metrics: ForwardMetrics, isLast: Bool = true) throws(ForwardFault) {
        self.isLast = isLast
        self.settings = settings
        self.metrics = metrics
        var upstreams: [SocketAddress] = []
        for target in settings.targets {
            switch target {
            case .address(let address, let port):
                upstreams.append(SocketAddress(address: address, port: port))
            case .resolverFile(let path):
                upstreams += try Self.servers(ofFile: path)
            }
        }
        guard upstreams.count <= ForwardSettings.maximumUpstreams else {
            throw ForwardFault(
                message:
                    "forward: expected at most \(ForwardSettings.maximumUpstreams) upstreams, found \(upstreams.count)")
        }
        self.upstreams = upstreams
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ForwardHandler(source: self) }

    /// Whether `other` has the same settings, and its resolver files name the same servers.
    func doesTheSame(as other: ForwardSource) -> Bool {
        settings == other.settings && upstreams == other.upstreams && isLast == other.isLast
    }

    struct ForwardFault: Error { var message: String }

    /// The `nameserver` lines of a file like resolv.conf(5).
    private static func servers(ofFile path: String) throws(ForwardFault) -> [SocketAddress] {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ForwardFault(message: "forward: cannot read \(path)")
        }
        var servers: [SocketAddress] = []
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, words[0] == "nameserver" else { continue }
            // An interface after % only matters to link-local servers, which plain sockets cannot tell apart here.
            let text = words[1].split(separator: "%")[0]
            if let (address, port) = ForwardSettings.socketAddress(String(text)) {
                servers.append(SocketAddress(address: address, port: port))
            }
        }
        guard !servers.isEmpty else {
            throw ForwardFault(message: "forward: \(path) has no 'nameserver' line with an address")
        }
        return servers
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

    func cacheHits(_ upstream: SocketAddress, isTCP: Bool) -> Counter {
        registry.counter(
            "coredns_proxy_conn_cache_hits_total", help: "Exchanges that used an idle socket.",
            labels: [("proxy_name", "forward"), ("to", "\(upstream)"), ("proto", isTCP ? "tcp" : "udp")])
    }

    func cacheMisses(_ upstream: SocketAddress, isTCP: Bool) -> Counter {
        registry.counter(
            "coredns_proxy_conn_cache_misses_total", help: "Exchanges that opened a socket.",
            labels: [("proxy_name", "forward"), ("to", "\(upstream)"), ("proto", isTCP ? "tcp" : "udp")])
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
