public import ArgumentParser
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
public import ServiceLifecycle

/// Where an HTTP server listens: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for every address.
public struct HTTPAddress: Hashable, Sendable, CustomStringConvertible, ExpressibleByArgument {
    public var host: String
    /// 0 picks a free port.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    public init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let port = UInt16(argument[argument.index(after: colon)...])
        else { return nil }
        var host = argument[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        self.init(host: host.isEmpty ? ListenHost.all : String(host), port: Int(port))
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    public var defaultValueDescription: String { description }
}

/// One answer of ``HTTPEndpoints``.
public struct HTTPAnswer: Sendable {
    public var status: Int
    public var contentType: String
    public var body: [UInt8]

    public init(status: Int = 200, contentType: String = "text/plain; charset=utf-8", body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// Plain text; a line end is added.
    public static func text(_ text: String, status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, body: Array("\(text)\n".utf8))
    }

    /// Prometheus text exposition, version 0.0.4.
    public static func metrics(_ body: [UInt8]) -> HTTPAnswer {
        HTTPAnswer(contentType: "text/plain; version=0.0.4; charset=utf-8", body: body)
    }
}

/// A small HTTP server for health and metrics: fixed paths, GET and HEAD only.
public struct HTTPEndpoints: Service {
    public typealias Route = @Sendable () async -> HTTPAnswer

    private let address: HTTPAddress
    private let routes: [String: Route]
    private let front: HTTPFront
    private let mostConnections: Int
    private let sharing: PortSharing
    private let logger: Logger
    private let listening: @Sendable (HTTPAddress) -> Void

    /// - Parameters:
    ///   - routes: path (`/metrics`) to handler, called at every request.
    ///   - mostConnections: further ones wait until one ends; more than ``ConnectionRoom`` lets stay. Whoever can reach the port must not take
    ///     all of the process's descriptors.
    ///   - sharing: whether other processes may listen there too; with them the port speaks HTTP/1.1, whatever `front` says.
    ///   - listening: called once with the address in use, which has a number where port 0 was asked for.
    public init(
        address: HTTPAddress, routes: [String: Route], front: HTTPFront = HTTPFront(), mostConnections: Int = HTTPFront.mostConnections,
        sharing: PortSharing = .none, logger: Logger,
        listening: @escaping @Sendable (HTTPAddress) -> Void = { _ in }
    ) {
        self.address = address
        self.routes = routes
        self.front = front
        self.mostConnections = mostConnections
        self.sharing = sharing
        self.logger = logger
        self.listening = listening
    }

    /// Serves until graceful shutdown.
    /// - Throws: `ProcessError` 69 naming the address if it cannot be bound.
    public func run() async throws {
        let routes = routes
        let address = address
        let logger = logger
        let listening = listening
        let front = front
        if case .with(let others) = sharing {
            let port = SharedPort(address: address, mostConnections: mostConnections, logger: logger.atLeast(.warning), others: others)
            return try await port.serve { request in
                await front.admit(request) { await Self.response(to: request, routes: routes) }
            } listening: { channel in
                HTTPFront.pace(channel)
                Self.tell(channel, address, logger, listening)
            }
        }
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            await front.admit(request) { await Self.response(to: request, routes: routes) }
        }
        let application = Application(
            responder: responder,
            server: front.server,
            configuration: .init(
                address: .hostname(address.host, port: address.port),
                availableConnectionsDelegate: MaximumAvailableConnections(mostConnections)),
            onServerRunning: { channel in
                HTTPFront.pace(channel)
                Self.tell(channel, address, logger, listening)
            },
            logger: logger.atLeast(.warning))
        do {
            try await application.run()
        } catch {
            throw ProcessError.cannotListen(at: address, for: "HTTP", because: error) ?? error
        }
    }

    private static func tell(
        _ channel: any Channel, _ address: HTTPAddress, _ logger: Logger, _ listening: (HTTPAddress) -> Void
    ) {
        let bound = HTTPAddress(host: address.host, port: channel.localAddress?.port ?? address.port)
        logger.info("listening", metadata: ["address": "\(bound)"])
        listening(bound)
    }

    private static func response(to request: Request, routes: [String: Route]) async -> Response {
        guard request.method == .get || request.method == .head else {
            return response(.text("only GET and HEAD are served here", status: 405), to: request)
        }
        guard let route = routes[request.uri.path] else {
            return response(
                .text("not found; served here: \(routes.keys.sorted().joined(separator: " "))", status: 404),
                to: request)
        }
        return response(await route(), to: request)
    }

    private static func response(_ answer: HTTPAnswer, to request: Request) -> Response {
        var headers: HTTPFields = [.contentType: answer.contentType]
        if request.method == .head {
            headers[.contentLength] = String(answer.body.count)
            return Response(status: .init(code: answer.status), headers: headers)
        }
        return Response(
            status: .init(code: answer.status), headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}
