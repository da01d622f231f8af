import NIOCore
import NIOHTTP2

/// Lets a client of HTTP/2 send as many PINGs as it likes, as Go's server does. The one here follows gRPC and closes a connection on
/// which three come within half a minute, which is what clients with short limits send in tests. The PINGs are answered before.
final class PingTolerance: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = HTTP2Frame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .ping(_, ack: false) = unwrapInboundIn(data).payload { return }
        context.fireChannelRead(data)
    }

    /// - Parameter stream: a request's channel; of HTTP/1.1 it is the connection's, and nothing happens.
    static func add(toConnectionOf stream: any Channel) {
        guard let connection = stream.parent else { return }
        connection.eventLoop.execute {
            let pipeline = connection.pipeline.syncOperations
            guard (try? pipeline.handler(type: PingTolerance.self)) == nil,
                let decoder = try? pipeline.handler(type: NIOHTTP2Handler.self)
            else { return }
            try? pipeline.addHandler(PingTolerance(), position: .after(decoder))
        }
    }
}
