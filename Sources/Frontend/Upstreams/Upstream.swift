import MizzenSystem
import ProcessRuntime
import Synchronization

/// Upstreams that are asked for one another, as one thread sees them: their sockets, and the rules by which one is chosen.
final class UpstreamGroup {
    let source: ForwardSource
    let upstreams: [Upstream]
    /// Whether the group is out of use; nobody is probed for one that is, and no socket is kept.
    var isRetired = false

    init(source: ForwardSource) {
        self.source = source
        upstreams = zip(source.endpoints, source.health).map { Upstream(endpoint: $0, health: $1, metrics: source.metrics) }
    }

    /// CoreDNS counts an upstream as down only after more failed checks than `max_fails`.
    func isDown(_ upstream: Upstream) -> Bool {
        let limit = source.settings.maximumFailures
        return limit > 0 && upstream.health.failures > limit
    }
}

/// Whether an upstream lives, as the whole process knows it: an operator has one upstream, not one for each thread, and so has its metrics.
/// The thread that meets the first failure probes it for all.
final class UpstreamHealth: Sendable {
    private let failed: Counter
    /// Failed checks since the last good one.
    private let count = Atomic<UInt32>(0)
    private let isProbed = Atomic<Bool>(false)
    /// Why TLS cannot be spoken with it, as was last said in the log.
    private let fault = Mutex<String?>(nil)

    init(failed: Counter) { self.failed = failed }

    var failures: UInt32 { count.load(ordering: .relaxed) }

    /// Whether the caller is the one to probe it from now on, until `endProbing`.
    func beginProbing() -> Bool { !isProbed.exchange(true, ordering: .relaxed) }

    func endProbing() { isProbed.store(false, ordering: .relaxed) }

    /// Only the one who probes calls it.
    func countFailedCheck() {
        failed.add()
        if failures < .max { count.wrappingAdd(1, ordering: .relaxed) }
    }

    func reset() { count.store(0, ordering: .relaxed) }

    /// Whether that is something new to say; nil when all is well.
    func note(fault reason: String?) -> Bool {
        fault.withLock { fault in
            defer { fault = reason }
            return fault != reason
        }
    }
}

/// A resolver that queries go to, as one thread sees it.
final class Upstream {
    let address: SocketAddress
    /// Who it has to be where queries go to it over TLS; nil for plain DNS.
    let serverName: TLSServerName?
    let health: UpstreamHealth
    /// By transport.
    private var idle: [[UpstreamSocket]] = Array(repeating: [], count: UpstreamTransport.allCases.count)
    private let metrics: ForwardMetrics
    private var durations: [UInt16: Histogram] = [:]
    private let hits: [Counter]
    private let misses: [Counter]

    init(endpoint: ForwardEndpoint, health: UpstreamHealth, metrics: ForwardMetrics) {
        address = endpoint.address
        serverName = endpoint.serverName
        self.health = health
        self.metrics = metrics
        hits = UpstreamTransport.allCases.map { metrics.cacheHits(endpoint.address, $0) }
        misses = UpstreamTransport.allCases.map { metrics.cacheMisses(endpoint.address, $0) }
    }

    func count(code: UInt16, nanoseconds: UInt64) {
        let histogram = durations[code] ?? metrics.duration(address, code: code)
        durations[code] = histogram
        histogram.observe(Double(nanoseconds) / 1e9)
    }

    /// A socket that waits for its next use, the one used last first. What was found to be over is for the caller to close.
    func takeIdle(_ transport: UpstreamTransport, now: Instant, over: (UpstreamSocket) -> Void) -> UpstreamSocket? {
        while let socket = idle[transport.rawValue].popLast() {
            if socket.isReusable, socket.idleUntil > now {
                hits[transport.rawValue].add()
                return socket
            }
            over(socket)
        }
        misses[transport.rawValue].add()
        return nil
    }

    func keep(_ socket: UpstreamSocket) { idle[socket.transport.rawValue].append(socket) }

    /// Takes out and returns idle sockets whose time is over, or all. Those that the other side has ended go with them.
    func expireIdle(now: Instant?) -> [UpstreamSocket] {
        let isOver: (UpstreamSocket) -> Bool = { socket in now.map { socket.idleUntil <= $0 || !socket.isOpen } ?? true }
        let expired = idle.flatMap { $0.filter(isOver) }
        if expired.isEmpty { return [] }
        for index in idle.indices { idle[index].removeAll(where: isOver) }
        return expired
    }
}
