import NIOCore
import NIOPosix
import Synchronization

/// Passes TCP connections on to a port of this machine, until it is told to swallow: then it acknowledges whatever comes, as a kernel does
/// for a process that hangs or a firewall that lost its table, and passes nothing on. New connections are accepted all the same.
final class SwallowingProxy: Sendable {
    fileprivate final class Mouth: Sendable {
        let swallows = Atomic(false)
        let accepted = Atomic(0)
        let near = Mutex<[any Channel]>([])
    }

    private let mouth: Mouth
    private let listener: any Channel

    init(to target: Int) async throws {
        let mouth = Mouth()
        self.mouth = mouth
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { near in
                mouth.accepted.add(1, ordering: .relaxed)
                mouth.near.withLock { $0.append(near) }
                return ClientBootstrap(group: near.eventLoop)
                    .channelInitializer { far in
                        far.eventLoop.makeCompletedFuture {
                            try far.pipeline.syncOperations.addHandler(Passage(to: near, mouth))
                            try near.pipeline.syncOperations.addHandler(Passage(to: far, mouth))
                        }
                    }
                    .connect(host: "127.0.0.1", port: target).map { _ in }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var port: Int { listener.localAddress?.port ?? 0 }

    /// How many connections there were.
    var accepted: Int { mouth.accepted.load(ordering: .relaxed) }

    func swallow() { mouth.swallows.store(true, ordering: .relaxed) }

    func passOn() { mouth.swallows.store(false, ordering: .relaxed) }

    /// Ends, on every connection, the half that sends to the client; what the client sends is read as before.
    func endSending() async throws {
        for near in mouth.near.withLock({ $0 }) where near.isActive { try await near.close(mode: .output).get() }
    }

    func stop() async throws { try await listener.close().get() }
}

/// One direction.
private final class Passage: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let mouth: SwallowingProxy.Mouth

    init(to other: any Channel, _ mouth: SwallowingProxy.Mouth) {
        self.other = other
        self.mouth = mouth
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if mouth.swallows.load(ordering: .relaxed) { return }
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
