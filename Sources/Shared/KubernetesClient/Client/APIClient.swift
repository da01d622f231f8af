import AsyncHTTPClient
public import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOSSL

/// Requests to one API server. HTTP/2 over a single connection where the server offers it, HTTP/1.1 else.
///
/// An HTTP/2 connection from which nothing arrives, and no answer to a PING either, is closed, and its requests fail with
/// ``APIError/unresponsive(server:evidence:)``. Of an HTTP/1.1 connection the kernel asks whether the other end is there; whether the
/// process behind it still does anything has to be judged by whoever reads the answers.
///
/// Any task may call it at any time. Call ``shutdown()`` before letting go of it.
public final class APIClient: Sendable {
    private let configuration: ClientConfiguration
    private let userAgent: String
    private let credentials: CredentialSource
    private let lanes: ConnectionLanes
    private let logger: Logger

    /// - Parameters:
    ///   - userAgent: `NAME/VERSION` of the process, shown in the API server's audit log.
    ///   - silenceLimits: of HTTP/2 connections.
    ///   - mostConnections: where the server speaks HTTP/1 only; further requests wait. Each watch keeps one.
    /// - Throws: ``CredentialError`` when certificates or keys cannot be used.
    public init(
        _ configuration: ClientConfiguration, userAgent: String = "mizzen-watcher", silenceLimits: SilenceLimits = SilenceLimits(),
        mostConnections: Int = 1_024, logger: Logger
    ) throws(CredentialError) {
        self.configuration = configuration
        self.userAgent = userAgent
        self.logger = logger
        try Self.check(configuration)
        credentials = CredentialSource(configuration, logger: logger)
        let traits = ServerTraits()
        var http = Self.httpConfiguration(configuration, silenceLimits, traits)
        http.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = mostConnections
        lanes = ConnectionLanes(http, contactLimit: silenceLimits.answer, server: traits)
    }

    /// The address of the API server, for messages.
    public var server: String { configuration.server.url }

    /// Ends all requests and closes the connections, which takes at most 3 s.
    public func shutdown() async throws {
        try await lanes.shutdown()
    }

    /// Sends a request and waits for the whole answer, of whatever status.
    ///
    /// - Parameters:
    ///   - timeout: for everything from connecting to the last byte.
    ///   - limit: the longest answer to take, in bytes.
    /// - Throws: ``APIError``; `CancellationError`.
    public func send(
        _ request: APIRequest, timeout: Duration = .seconds(60), limit: Int = 64 << 20
    ) async throws -> APIResponse {
        try await within(timeout) {
            try await self.collect(try await self.exchange(request), limit: limit)
        }
    }

    /// Sends a request and returns when the answer begins with a 2xx; its body is then read as it arrives.
    ///
    /// There is no time limit: the caller decides how long silence may last, and cancels its task.
    /// - Throws: ``APIError``, ``APIError/status(_:)`` for any other answer; `CancellationError`.
    public func open(_ request: APIRequest) async throws -> APIStream {
        let exchange = try await exchange(request)
        let response = exchange.response
        guard (200..<300).contains(response.status.code) else {
            let answer = try await within(.seconds(30)) { try await self.collect(exchange, limit: 1 << 20) }
            throw APIError.status(answer.errorStatus)
        }
        return APIStream(
            status: Int(response.status.code), contentType: response.headers.first(name: "content-type") ?? "",
            body: APIBody(chunks: response.body, server: server, place: exchange.place))
    }

    /// An answer, and its request's place among those that are under way.
    private struct Exchange: Sendable {
        var response: HTTPClientResponse
        var place: RequestPlace
    }

    /// One request and, when the server refuses the credentials and there are newer ones, a second.
    private func exchange(_ request: APIRequest) async throws -> Exchange {
        do {
            let current = try await credentials.current()
            let first = try await answer(to: request, current)
            guard first.response.status == .unauthorized,
                let fresh = try await credentials.replacement(for: current)
            else { return first }
            logger.debug("the credentials were refused, trying newer ones", metadata: ["server": "\(server)"])
            // The refused answer is read to its end so that an HTTP/1 connection can be used again.
            _ = try? await first.response.body.collect(upTo: 1 << 20)
            return try await answer(to: request, fresh)
        } catch {
            throw APIError.describing(error, server: server, configuration: configuration)
        }
    }

    /// Sends a request, and sends it again when it is certain that the server has not looked at it: the server says so (RFC 9113, 8.7),
    /// because its GOAWAY, which API servers send now and then to spread their clients (`--goaway-chance`), and the request crossed;
    /// or the library gave it to a connection that had just been closed.
    private func answer(to request: APIRequest, _ credentials: ResolvedCredentials) async throws -> Exchange {
        for _ in 1..<Self.attempts {
            do {
                return try await attempt(request, credentials)
            } catch {
                guard Self.wasNotSeen(error), !Task.isCancelled else { throw error }
            }
        }
        return try await attempt(request, credentials)
    }

    private static let attempts = 3

    private static func wasNotSeen(_ error: any Error) -> Bool {
        switch error {
        case let error as NIOHTTP2Errors.StreamClosed: error.errorCode == .refusedStream
        case let error as HTTPClientError: error == .cancelled
        case let error as ChannelError: error == .ioOnClosedChannel
        default: false
        }
    }

    private func attempt(_ request: APIRequest, _ credentials: ResolvedCredentials) async throws -> Exchange {
        let place = try await place(credentials)
        do {
            let response = try await place.lane.http.execute(
                prepared(request, credentials), deadline: .distantFuture, logger: nil)
            return Exchange(response: response, place: place)
        } catch {
            place.lane.doubtContact()
            throw error
        }
    }

    /// A place on a lane whose connection is known to answer.
    private func place(_ credentials: ResolvedCredentials) async throws -> RequestPlace {
        while true {
            let place = try lanes.place()
            guard configuration.server.isSecure else { return place }
            do {
                try await place.lane.contact(self.prepared(APIRequest(path: "/version"), credentials))
            } catch let error as HTTPClientError where error == .deadlineExceeded {
                lanes.retire(place.lane)
                throw APIError.unresponsive(
                    server: server, evidence: "a first request has no answer after \(place.lane.contactLimit)")
            }
            // How much the server takes at a time is known after the first contact.
            if place.lane.fits(limit: lanes.limit) { return place }
        }
    }

    private func collect(_ exchange: Exchange, limit: Int) async throws -> APIResponse {
        let response = exchange.response
        var bytes: [UInt8] = []
        for try await chunk in APIBody(chunks: response.body, server: server, place: exchange.place) {
            guard bytes.count + chunk.count <= limit else { throw APIError.tooLarge(limit: limit) }
            bytes += chunk
        }
        return APIResponse(
            status: Int(response.status.code), contentType: response.headers.first(name: "content-type") ?? "",
            body: bytes, retryAfter: Self.retryAfter(response.headers))
    }

    private func prepared(_ request: APIRequest, _ credentials: ResolvedCredentials) -> HTTPClientRequest {
        let address = configuration.server
        var result: HTTPClientRequest
        if let name = configuration.tlsServerName, address.isSecure {
            // The name is in the URL, where the TLS layer takes it from; `dnsOverride` leads back to the host.
            result = HTTPClientRequest(url: "https://\(name):\(address.port)\(address.prefix)\(request.target)")
            result.headers.add(name: "Host", value: address.authority)
        } else {
            result = HTTPClientRequest(url: address.url + request.target)
        }
        result.method = HTTPMethod(rawValue: request.method.rawValue)
        result.headers.add(name: "Accept", value: request.accept)
        result.headers.add(name: "User-Agent", value: userAgent)
        for (name, value) in credentials.headers { result.headers.add(name: name, value: value) }
        if let type = request.contentType {
            result.headers.add(name: "Content-Type", value: type)
            result.body = .bytes(request.body)
        }
        result.tlsConfiguration = credentials.tls
        return result
    }

    /// Runs `work` with a time limit.
    private func within<Result: Sendable>(
        _ limit: Duration, _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: limit)
                throw APIError.timeout(server: self.server, after: limit)
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }
}

extension APIClient {
    private static func check(_ configuration: ClientConfiguration) throws(CredentialError) {
        if let name = configuration.tlsServerName, (try? SocketAddress(ipAddress: name, port: 1)) != nil {
            throw CredentialError(
                place: configuration.origin, field: "tls-server-name",
                message: "is the IP address \(name); TLS server names are host names")
        }
        guard configuration.server.isSecure else { return }
        var authorities: [UInt8]?
        if case .authorities(let source) = configuration.trust { authorities = try source.read() }
        var identity: ClientIdentity?
        if let certificate = configuration.user.certificate, let key = configuration.user.key {
            identity = ClientIdentity(certificate: try certificate.read(), key: try key.read())
        }
        _ = try TLSConfiguration.client(
            trust: configuration.trust, authorities: authorities, identity: identity, user: configuration.user,
            exec: nil)
    }

    private static func httpConfiguration(
        _ configuration: ClientConfiguration, _ silenceLimits: SilenceLimits, _ traits: ServerTraits
    ) -> HTTPClient.Configuration {
        var http = HTTPClient.Configuration()
        http.redirectConfiguration = .disallow
        http.timeout.connect = .seconds(10)
        // The reflector has a back-off of its own, and an error that is hidden for ten seconds helps nobody.
        http.connectionPool.retryConnectionEstablishment = false
        if let name = configuration.tlsServerName { http.dnsOverride = [name: configuration.server.host] }
        if let proxy = configuration.proxy {
            switch proxy.kind {
            case .http:
                let login = proxy.username.map {
                    HTTPClient.Authorization.basic(username: $0, password: proxy.password ?? "")
                }
                http.proxy = .server(host: proxy.host, port: proxy.port, authorization: login)
            case .socks5: http.proxy = .socksServer(host: proxy.host, port: proxy.port)
            }
        }
        http.http1_1ConnectionDebugInitializer = noticeDeadPeer
        http.http2ConnectionDebugInitializer = { channel in
            ConnectionMonitor.add(to: channel, limits: silenceLimits, server: traits).flatMap { noticeDeadPeer(channel) }
        }
        return http
    }

    /// A peer that vanished without a word would otherwise keep a connection for 15 minutes and more: the kernel asks
    /// after 15 s of silence, and gives up when 30 s pass without an acknowledgement.
    private static let noticeDeadPeer: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
        let options: [(ChannelOptions.Types.SocketOption, ChannelOptions.Types.SocketOption.Value)] = [
            (.init(level: .socket, name: .so_keepalive), 1),
            (.init(level: .tcp, name: NIOBSDSocket.Option(rawValue: 4)), 15),  // TCP_KEEPIDLE
            (.init(level: .tcp, name: NIOBSDSocket.Option(rawValue: 5)), 5),  // TCP_KEEPINTVL
            (.init(level: .tcp, name: NIOBSDSocket.Option(rawValue: 6)), 3),  // TCP_KEEPCNT
            (.init(level: .tcp, name: NIOBSDSocket.Option(rawValue: 18)), 30_000),  // TCP_USER_TIMEOUT, ms
        ]
        let set = options.map { channel.setOption($0.0, value: $0.1) }
        // A system without one of the options still gets a working connection.
        return EventLoopFuture.andAllComplete(set, on: channel.eventLoop)
    }

    /// Seconds, or an HTTP date, which API servers do not send and which is ignored here.
    private static func retryAfter(_ headers: HTTPHeaders) -> Duration? {
        headers.first(name: "retry-after").flatMap { Int64($0) }.map { .seconds(max(0, $0)) }
    }
}
