import MizzenSystem
import ProcessRuntime

/// Upstreams that are asked for one another, as one thread sees them: their state, and the rules by which one is chosen.
final class UpstreamGroup {
    let source: ForwardSource
    let upstreams: [Upstream]
    /// Whether the group is still in use; nobody is probed for one that is not.
    var isRetired = false

    init(source: ForwardSource) {
        self.source = source
        upstreams = source.upstreams.map { Upstream(address: $0, metrics: source.metrics) }
    }

    /// CoreDNS counts an upstream as down only after more failed checks than `max_fails`.
    func isDown(_ upstream: Upstream) -> Bool {
        let limit = source.settings.maximumFailures
        return limit > 0 && upstream.failures > limit
    }
}

/// A resolver that queries go to, as one thread sees it.
final class Upstream {
    let address: SocketAddress
    /// Failed health checks since the last good one.
    var failures: UInt32 = 0
    var isProbing = false
    private var idleDatagrams: [UpstreamSocket] = []
    private var idleStreams: [UpstreamSocket] = []
    private let metrics: ForwardMetrics
    private var durations: [UInt16: Histogram] = [:]
    private let hits: [Counter]
    private let misses: [Counter]
    private let failed: Counter

    init(address: SocketAddress, metrics: ForwardMetrics) {
        self.address = address
        self.metrics = metrics
        hits = [false, true].map { metrics.cacheHits(address, isTCP: $0) }
        misses = [false, true].map { metrics.cacheMisses(address, isTCP: $0) }
        failed = metrics.failures(address)
    }

    func countFailedCheck() {
        failed.add()
        if failures < .max { failures += 1 }
    }

    func count(code: UInt16, nanoseconds: UInt64) {
        let histogram = durations[code] ?? metrics.duration(address, code: code)
        durations[code] = histogram
        histogram.observe(Double(nanoseconds) / 1e9)
    }

    /// A socket that waits for its next use, the one used last first.
    func takeIdle(_ kind: Socket.Kind, now: Instant) -> UpstreamSocket? {
        let index = kind == .stream ? 1 : 0
        while let socket = kind == .stream ? idleStreams.popLast() : idleDatagrams.popLast() {
            if socket.isOpen, socket.idleUntil > now {
                hits[index].add()
                return socket
            }
            socket.close()
        }
        misses[index].add()
        return nil
    }

    func keep(_ socket: UpstreamSocket) {
        switch socket.kind {
        case .stream: idleStreams.append(socket)
        case .datagram: idleDatagrams.append(socket)
        }
    }

    /// Takes out and returns idle sockets whose time is over, or all.
    func expireIdle(now: Instant?) -> [UpstreamSocket] {
        let isOver: (UpstreamSocket) -> Bool = { socket in now.map { socket.idleUntil <= $0 } ?? true }
        let expired = (idleStreams + idleDatagrams).filter(isOver)
        idleStreams.removeAll(where: isOver)
        idleDatagrams.removeAll(where: isOver)
        return expired
    }
}

/// A socket connected to an upstream; at most one exchange uses it at a time, so its port and its id are a guess for
/// others.
final class UpstreamSocket {
    enum Use {
        case idle
        case query(UpstreamRun)
        case probe
    }

    let kind: Socket.Kind
    let upstream: Upstream
    let group: UpstreamGroup
    private(set) var descriptor: Descriptor?
    var token: UInt64 = 0
    var use = Use.idle
    /// Grows with every use, so that an old timer finds out that it means nothing any more.
    var serial: UInt64 = 0
    var idleUntil: Instant = 0
    var isReused = false
    /// The message that was sent: id and question are compared with those of an answer.
    var sent: [UInt8] = []
    var sentAt: Instant = 0
    /// What of a stream's octets is still to be sent.
    var unsent: [UInt8] = []
    /// What of a stream's answer is there.
    var received: [UInt8] = []

    init(_ descriptor: Descriptor, kind: Socket.Kind, upstream: Upstream, group: UpstreamGroup) {
        self.descriptor = descriptor
        self.kind = kind
        self.upstream = upstream
        self.group = group
    }

    var isOpen: Bool { descriptor != nil }

    func close() { descriptor = nil }

    /// Whether `message` answers what was sent: id, the QR bit and the question (letter case aside, as some upstreams
    /// change it).
    func isAnswered(by message: Span<UInt8>) -> Bool {
        guard message.count >= 12, sent.count >= 12 else { return false }
        guard message[0] == sent[0], message[1] == sent[1], message[2] & 0x80 != 0 else { return false }
        // An answer to a probe may be anything; FORMERR may come without a question.
        guard case .query = use else { return true }
        if message[4] == 0, message[5] == 0 { return message[3] & 0xf != 0 }
        guard message[4] == 0, message[5] == 1, let end = Self.questionEnd(sent.span), message.count >= end else {
            return false
        }
        for index in 12..<end where Self.lower(message[index]) != Self.lower(sent[index]) { return false }
        return true
    }

    private static func questionEnd(_ message: Span<UInt8>) -> Int? {
        guard let end = try? PacketReader.skipName(message, at: 12), end + 4 <= message.count else { return nil }
        return end + 4
    }

    private static func lower(_ octet: UInt8) -> UInt8 { octet &- 0x41 < 26 ? octet | 0x20 : octet }
}
