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
    var failovers = 0
    /// Answers that could not be read.
    var unreadable = 0
    /// After an answer that was cut, under `prefer_udp`.
    var insistsOnStream = false
    var lastFailure = "no healthy upstream"
    /// Sockets on which an answer may still come, although others have been asked since.
    var late: [UpstreamSocket] = []
    /// Whether an exchange is under way that is not late yet.
    var isAsking = false
    /// Whether an answer was taken, or all hope given up.
    var isOver = false

    init(exchange: Exchange, request: UpstreamRequest, deadline: Instant) {
        self.exchange = exchange
        group = request.group
        message = request.message
        order = request.group.source.order()
        self.deadline = deadline
        cameOverStream = exchange.isOverStream
    }

    var kind: Socket.Kind {
        let settings = group.source.settings
        if settings.forceTCP || insistsOnStream { return .stream }
        if settings.preferUDP { return .datagram }
        return cameOverStream ? .stream : .datagram
    }
}
