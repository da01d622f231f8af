public import HummingbirdCore
import NIOCore
import NIOHTTPTypes

/// How long the parts of an exchange may take, as Go's `net/http.Server` counts them, whose names these are; nil for no limit. A connection on
/// which something takes longer is closed.
public struct HTTPTimeouts: Sendable {
    /// Until the headers of a request are there: from the connection's beginning, later from the first byte of the request.
    public var readHeader: Duration?
    /// Until the request is there, its body included; from the same moment.
    public var read: Duration?
    /// From the end of the headers to the end of the answer: a client that stops reading is not waited for.
    public var write: Duration?
    /// Between two requests.
    public var idle: Duration?
    /// Told which of the first three ended a connection, by its name on kube-state-metrics' command line: `read-header`, `read` or `write`; and
    /// `connections` for one that had to make ``room()``.
    public var ended: @Sendable (String) -> Void

    public init(
        readHeader: Duration? = nil, read: Duration? = nil, write: Duration? = nil, idle: Duration? = nil,
        ended: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        (self.readHeader, self.read, self.write, self.idle, self.ended) = (readHeader, read, write, idle, ended)
    }

    /// Of one connection with HTTP/1.1, or of one stream of HTTP/2, on which headers come at once.
    /// - Parameter room: takes the connection in; nil where something else does.
    public func connection(in room: ConnectionRoom? = nil) -> HTTP1Channel.Configuration {
        HTTP1Channel.Configuration(additionalChannelHandlers: handlers(room), idleTimeout: idle.map { TimeAmount($0) })
    }

    /// As many connections as a port usually has.
    public func room() -> ConnectionRoom { ConnectionRoom(crowded: { ended("connections") }) }

    private func handlers(_ room: ConnectionRoom?) -> [any RemovableChannelHandler] {
        var handlers: [any RemovableChannelHandler] = []
        if let room { handlers.append(RoomEntry(room)) }
        if readHeader != nil || read != nil || write != nil { handlers.append(ExchangeWatch(self)) }
        return handlers
    }
}

/// Closes its connection when a part of an exchange takes too long. Stands where requests and answers pass in parts; ``FirstBytes`` tells of
/// what has not become a part yet.
///
/// A channel's handlers run on its event loop, and so do the alarms: nothing here is shared.
private final class ExchangeWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum Part: String { case header = "read-header", request = "read", answer = "write" }

    private let timeouts: HTTPTimeouts
    private var alarms: [Part: Scheduled<Void>] = [:]
    /// A request has begun and is not there whole.
    private var reads = false
    /// Requests that are not answered to the end; more than one where a client sends the next without waiting.
    private var answers = 0

    init(_ timeouts: HTTPTimeouts) { self.timeouts = timeouts }

    func handlerAdded(context: ChannelHandlerContext) {
        // Not on a stream of HTTP/2, which begins with its headers: what comes there are frames.
        let watch = NIOLoopBound(self, eventLoop: context.eventLoop)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        try? context.pipeline.syncOperations.addHandler(
            FirstBytes { watch.value.begin(bound.value) }, position: .first)
        begin(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancelAll() }

    func channelInactive(context: ChannelHandlerContext) {
        cancelAll()
        context.fireChannelInactive()
    }

    /// Bytes came, or the connection.
    private func begin(_ context: ChannelHandlerContext) {
        // Further bytes are the same request's, or of the next one, which waits its turn.
        guard !reads, answers == 0 else { return }
        reads = true
        set(.header, timeouts.readHeader, context)
        set(.request, timeouts.read, context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            reads = true
            answers += 1
            cancel(.header)
            if answers == 1 { set(.answer, timeouts.write, context) }
        case .body: break
        case .end:
            reads = false
            cancel(.request)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        let written = promise ?? context.eventLoop.makePromise()
        let watch = NIOLoopBound(self, eventLoop: context.eventLoop)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        // Not when it was handed on: a client that does not read leaves it in the queue.
        written.futureResult.whenSuccess { watch.value.answered(bound.value) }
        context.write(data, promise: written)
    }

    private func answered(_ context: ChannelHandlerContext) {
        answers -= 1
        cancel(.answer)
        if answers > 0 { set(.answer, timeouts.write, context) }
    }

    private func set(_ part: Part, _ limit: Duration?, _ context: ChannelHandlerContext) {
        guard let limit else { return }
        cancel(part)
        let channel = context.channel
        let ended = timeouts.ended
        alarms[part] = context.eventLoop.scheduleTask(in: TimeAmount(limit)) {
            ended(part.rawValue)
            channel.close(promise: nil)
        }
    }

    private func cancel(_ part: Part) { alarms.removeValue(forKey: part)?.cancel() }

    private func cancelAll() {
        for alarm in alarms.values { alarm.cancel() }
        alarms = [:]
    }
}

/// Tells that bytes have come, before anything makes requests of them.
private final class FirstBytes: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    private let came: () -> Void

    init(came: @escaping () -> Void) { self.came = came }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        came()
        context.fireChannelRead(data)
    }
}
