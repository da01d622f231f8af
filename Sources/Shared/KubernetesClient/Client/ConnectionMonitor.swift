import NIOCore
import NIOHTTP2
import NIOSSL

/// Judges an HTTP/2 connection by what is read from it, whichever stream that is for: it sends a PING when nothing was read for a
/// while, and closes the connection, failing its requests with ``ConnectionSilence``, when nothing comes after that either.
///
/// Its place is between the frame decoder and the stream multiplexer. It asks only while a request is under way: nobody waits for an idle
/// connection, and servers that count PINGs count those first. Its clock is the event loop's, which stands still while the machine is
/// suspended: a connection that slept is asked at the latest `quiet` after the machine woke.
final class ConnectionMonitor: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let limits: SilenceLimits
    private let server: ServerTraits
    private var signs: SignsOfLife
    private var openStreams: Set<HTTP2StreamID> = []
    private var waitingSince: Duration = .zero
    private var timer: Scheduled<Void>?
    private var pings: UInt64 = 0
    /// The last stream that the server looks at, by its GOAWAY.
    private var lastStreamSeen = HTTP2StreamID.maxID

    /// - Parameter server: told of what the server says about itself.
    init(limits: SilenceLimits, server: ServerTraits) {
        // A server that found us too curious is asked less often.
        self.limits = SilenceLimits(quiet: limits.quiet * server.pingInterval, answer: limits.answer)
        self.server = server
        signs = SignsOfLife(limits: self.limits, now: .zero)
    }

    /// Puts a monitor into the pipeline of an HTTP/2 connection. On the channel's event loop it is there when this returns, and so sees
    /// the server's first SETTINGS: those are on their way through the pipeline when the library calls its debug initializer.
    static func add(to channel: any Channel, limits: SilenceLimits, server: ServerTraits) -> EventLoopFuture<Void> {
        let add = { @Sendable in
            let pipeline = channel.pipeline.syncOperations
            let multiplexer = try pipeline.handler(type: HTTP2StreamMultiplexer.self)
            try pipeline.addHandler(ConnectionMonitor(limits: limits, server: server), position: .before(multiplexer))
        }
        return channel.eventLoop.inEventLoop ? channel.eventLoop.makeCompletedFuture(withResultOf: add) : channel.eventLoop.submit(add)
    }

    func handlerAdded(context: ChannelHandlerContext) { signs.heard(now: Self.now(context)) }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data).payload {
        case .settings(.settings(let settings)):
            if let limit = settings.last(where: { $0.parameter == .maxConcurrentStreams })?.value { server.allows(streams: limit) }
        case .goAway(let last, let code, _):
            lastStreamSeen = last
            if code == .enhanceYourCalm { server.wasTooCurious() }
        case .settings(.ack), .data, .headers, .priority, .rstStream, .pushPromise, .ping, .windowUpdate, .alternativeService, .origin:
            break
        }
        context.fireChannelRead(data)
    }

    /// Bytes were read, be it a part of a frame.
    func channelReadComplete(context: ChannelHandlerContext) {
        signs.heard(now: Self.now(context))
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as NIOHTTP2StreamCreatedEvent:
            if openStreams.isEmpty { waitingSince = Self.now(context) }
            openStreams.insert(event.streamID)
            if timer == nil { judge(context) }
        case let event as StreamClosedEvent:
            openStreams.remove(event.streamID)
            if openStreams.isEmpty { stop() }
            if event.reason != nil, event.streamID > lastStreamSeen {
                // The decoder calls these cancelled; that the server has not looked at them makes them safe to send again.
                context.fireUserInboundEventTriggered(StreamClosedEvent(streamID: event.streamID, reason: .refusedStream))
                return
            }
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func stop() {
        timer?.cancel()
        timer = nil
    }

    private func judge(_ context: ChannelHandlerContext) {
        timer = nil
        guard !openStreams.isEmpty, context.channel.isActive else { return }
        switch signs.judge(now: Self.now(context), waitingSince: waitingSince) {
        case .waits(let duration): wait(duration, context)
        case .asks:
            pings &+= 1
            let frame = HTTP2Frame(streamID: .rootStream, payload: .ping(HTTP2PingData(withInteger: pings), ack: false))
            context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
            wait(limits.answer, context)
        case .isDead: giveUp(context)
        }
    }

    private func wait(_ duration: Duration, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: TimeAmount(duration)) {
            let (monitor, context) = bound.value
            monitor.judge(context)
        }
    }

    private func giveUp(_ context: ChannelHandlerContext) {
        let silence = ConnectionSilence(quiet: limits.quiet, answer: limits.answer)
        for stream in openStreams {
            context.fireErrorCaught(NIOHTTP2Errors.streamError(streamID: stream, baseError: silence))
        }
        // A close from here would wait for the dead peer's part of TLS's farewell, and new requests would meet the connection until then.
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self)
        (tls ?? context).close(mode: .all, promise: nil)
    }

    private static func now(_ context: ChannelHandlerContext) -> Duration {
        Duration(context.eventLoop.now - .uptimeNanoseconds(0))
    }
}

/// The peer of a connection sends nothing, and does not answer a PING.
struct ConnectionSilence: Error {
    let quiet: Duration
    let answer: Duration
}
