import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import MizzenSystem
import NIOCore
import NIOPosix

/// Whether other processes may listen at the address of an HTTP server.
public enum PortSharing: Sendable {
    /// The address is this process's alone.
    case none
    /// Several processes listen, and the kernel chooses one for each connection (SO_REUSEPORT): whichever it is has to give the same answers.
    /// - Parameter others: whether processes that do so listen there at the moment.
    case with(others: @Sendable () -> Bool)
}

/// An HTTP/1.1 server at an address that several processes listen at.
///
/// The kernel lets every process of one user listen that asks for it, also one that has nothing to do with the others. So it is first tried to
/// have the address alone, for a moment: that fails as soon as anybody listens, and then it has to be those that are known (`others`). Two strangers
/// that start in the same millisecond may miss one another.
struct SharedPort {
    let address: HTTPAddress
    let mostConnections: Int
    let logger: Logger
    let others: @Sendable () -> Bool

    /// NIO has no name for it on Linux.
    private static let reusePort = NIOBSDSocket.Option(rawValue: SO_REUSEPORT)

    /// Companions that start at the same time try for a moment to have the address alone, as this one does.
    private static let attempts = 100
    private static let pause = Duration.milliseconds(10)

    /// Serves until cancelled.
    ///
    /// - Throws: `ProcessError` 69 naming the address if it cannot be bound, or if strangers listen there.
    func serve(
        _ answer: @escaping @Sendable (Request) async -> Response, listening: (any Channel) -> Void
    ) async throws {
        let timeouts = HTTPTimeouts(readHeader: .seconds(30), idle: .seconds(120))
        let http = HTTP1Channel(
            responder: { request, writer, _ in
                var response = await answer(request)
                response.headers[.date] = HTTPDate.text(WallClock.nanoseconds() / 1_000_000_000)
                try await writer.write(response: response.head, body: response.body)
            }, configuration: timeouts.connection(in: timeouts.room()))
        let server = try await open(http)
        listening(server.channel)
        await withDiscardingTaskGroup { group in
            do {
                try await server.executeThenClose { connections in
                    for try await connection in connections {
                        group.addTask { [logger] in await http.handle(value: connection, logger: logger) }
                    }
                }
            } catch {
                // A stop ends it in this way too.
                if !Task.isCancelled {
                    logger.warning("connections are not accepted any more", metadata: ["address": "\(address)", "error": "\(error)"])
                }
            }
            group.cancelAll()
        }
    }

    private func open(_ http: HTTP1Channel) async throws -> NIOAsyncChannel<HTTP1Channel.Value, Never> {
        do {
            do {
                try await bootstrap(isShared: false).bind(host: address.host, port: address.port).get().close()
            } catch {
                guard Self.isInUse(error), others() else { throw error }
            }
            for _ in 1..<Self.attempts {
                do {
                    return try await bind(http)
                } catch {
                    guard Self.isInUse(error), others() else { throw error }
                    try await Task.sleep(for: Self.pause)
                }
            }
            return try await bind(http)
        } catch {
            throw ProcessError.cannotListen(at: address, for: "HTTP", because: error) ?? error
        }
    }

    private func bind(_ http: HTTP1Channel) async throws -> NIOAsyncChannel<HTTP1Channel.Value, Never> {
        try await bootstrap(isShared: true).serverChannelInitializer { [mostConnections] channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    AvailableConnectionsChannelHandler(delegate: MaximumAvailableConnections(mostConnections)))
            }
        }.bind(host: address.host, port: address.port, serverBackPressureStrategy: nil) { [logger] channel in
            http.setup(channel: channel, logger: logger)
        }
    }

    private func bootstrap(isShared: Bool) -> ServerBootstrap {
        ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(ChannelOptions.backlog, value: 256)
            // Whoever connects while the address is only tried must see that connection end: accepted, it would be nobody's for ever.
            .serverChannelOption(ChannelOptions.autoRead, value: isShared)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(ChannelOptions.Types.SocketOption(level: .socket, name: Self.reusePort), value: isShared ? 1 : 0)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
    }

    private static func isInUse(_ error: any Error) -> Bool { (error as? IOError)?.errnoCode == EADDRINUSE }
}
