import Hummingbird
import HummingbirdCore
import HummingbirdHTTP2
import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle

/// One address on which the API is served.
struct Listener: Sendable {
    /// The port that was bound.
    let port: Int
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    /// - Parameter tls: `nil` for plain HTTP; with it, HTTP/1.1 and HTTP/2 by ALPN.
    static func start(
        _ server: APIServer, host: String, port: Int, tls: TLSConfiguration?, logger: Logger
    ) async throws -> Listener {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let (bound, announce) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: APIResponder(server: server, isSecure: tls != nil),
            server: try tls.map { try HTTPServerBuilder.http2Upgrade(tlsConfiguration: $0) } ?? .http1(),
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { channel in
                announce.yield(channel.localAddress?.port ?? port)
                announce.finish()
            },
            logger: quiet)
        let group = ServiceGroup(configuration: .init(services: [application], logger: quiet))
        let task = Task {
            defer { announce.finish() }
            try await group.run()
        }
        var ports = bound.makeAsyncIterator()
        guard let port = await ports.next() else {
            try await task.value
            throw StatusError(code: 500, reason: "InternalError", message: "the listener ended before it began")
        }
        return Listener(port: port, group: group, task: task)
    }

    /// Lets running requests end for up to two seconds, then closes what is left.
    func stop() async {
        await group.triggerGracefulShutdown()
        let watchdog = Task {
            try await Task.sleep(for: .seconds(2))
            task.cancel()
        }
        _ = await task.result
        watchdog.cancel()
    }
}
