import MizzenSystem

/// One query on its way through the upstreams of one group.
final class UpstreamRun {
    /// Who waits for the answer.
    let exchange: Exchange
    let group: UpstreamGroup
    var message: [UInt8]
    let order: [Int]
    let deadline: Instant
    /// Whether the query came over a stream.
    let cameOverStream: Bool
    var position = 0
    /// Upstreams passed over because they are down.
    var skipped = 0
    var attempts = 0
    /// Answers that could not be read.
    var unreadable = 0
    /// After an answer that was cut, under `prefer_udp`.
    var insistsOnStream = false
    var lastFailure = "no healthy upstream"
    /// The socket whose answer is waited for, and who is asked next only when that is late or fails.
    var asking: UpstreamSocket?
    /// Sockets on which an answer may still come, although others have been asked since.
    var late: [UpstreamSocket] = []
    /// Whether an answer was taken, or all hope given up.
    var isOver = false

    init(exchange: Exchange, request: UpstreamRequest, deadline: Instant) {
        self.exchange = exchange
        group = request.group
        message = request.message
        var order = request.group.source.order()
        if let denier = request.denier.flatMap({ request.group.source.upstreams.firstIndex(of: $0) }) {
            order = order.filter { $0 != denier } + [denier]
        }
        self.order = order
        self.deadline = deadline
        cameOverStream = exchange.isOverStream
    }

    /// Whether nobody is to be asked any more. CoreDNS asks on until its deadline; an upstream that refuses connections, or one that
    /// answers at once with what `failover` names, would be asked thousands of times.
    var isExhausted: Bool { attempts >= 2 * order.count || unreadable >= order.count }

    func transport(to upstream: Upstream) -> UpstreamTransport {
        if upstream.serverName != nil { return .tls }
        let settings = group.source.settings
        if settings.forceTCP || insistsOnStream { return .stream }
        if settings.preferUDP { return .datagram }
        return cameOverStream ? .stream : .datagram
    }
}

/// What is known of a message that went to an upstream or came from one, for directives that keep books of those.
struct UpstreamHop {
    enum Kind { case query, response }

    let kind: Kind
    let upstream: SocketAddress
    let transport: UpstreamTransport
    /// When the query was sent.
    let sentAt: Instant

    init(_ kind: Kind, _ socket: UpstreamSocket) {
        self.kind = kind
        upstream = socket.upstream.address
        transport = socket.transport
        sentAt = socket.sentAt
    }
}
