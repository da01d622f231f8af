import AsyncHTTPClient
public import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// Requests to one API server. HTTP/2 over a single connection where the server offers it, HTTP/1.1 else.
///
/// Any task may call it at any time. Call ``shutdown()`` before letting go of it.
public final class APIClient: Sendable {
    private let configuration: ClientConfiguration
    private let userAgent: String
    private let credentials: CredentialSource
    private let http: HTTPClient
    private let logger: Logger
    private let firstContact = Mutex<Task<Void, any Error>?>(nil)

    /// - Parameter userAgent: `NAME/VERSION` of the process, shown in the API server's audit log.
    /// - Throws: ``CredentialError`` when certificates or keys cannot be used.
    public init(
        _ configuration: ClientConfiguration, userAgent: String = "mizzen-watcher", logger: Logger
    ) throws(CredentialError) {
        self.configuration = configuration
        self.userAgent = userAgent
        self.logger = logger
        try Self.check(configuration)
        credentials = CredentialSource(configuration, logger: logger)
        http = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: Self.httpConfiguration(configuration))
    }

    /// The address of the API server, for messages.
    public var server: String { configuration.server.url }

    /// Ends all requests and closes the connections.
    public func shutdown() async throws {
        try await http.shutdown()
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
            let response = try await self.exchange(request)
            return try await self.collect(response, limit: limit)
        }
    }

    /// Sends a request and returns when the answer begins with a 2xx; its body is then read as it arrives.
    ///
    /// There is no time limit: the caller decides how long silence may last, and cancels its task.
    /// - Throws: ``APIError``, ``APIError/status(_:)`` for any other answer; `CancellationError`.
    public func open(_ request: APIRequest) async throws -> APIStream {
        let response = try await exchange(request)
        guard (200..<300).contains(response.status.code) else {
            let answer = try await within(.seconds(30)) { try await self.collect(response, limit: 1 << 20) }
            throw APIError.status(answer.errorStatus)
        }
        return APIStream(
            status: Int(response.status.code), contentType: response.headers.first(name: "content-type") ?? "",
            body: APIBody(chunks: response.body, server: server))
    }

    /// One request and, when the server refuses the credentials and there are newer ones, a second.
    private func exchange(_ request: APIRequest) async throws -> HTTPClientResponse {
        do {
            let current = try await credentials.current()
            try await contact(current)
            let response = try await http.execute(
                prepared(request, current), deadline: .distantFuture, logger: nil)
            guard response.status == .unauthorized,
                let fresh = try await credentials.replacement(for: current)
            else { return response }
            logger.debug("the credentials were refused, trying newer ones", metadata: ["server": "\(server)"])
            // The refused answer is read to its end so that an HTTP/1 connection can be used again.
            _ = try? await response.body.collect(upTo: 1 << 20)
            return try await http.execute(prepared(request, fresh), deadline: .distantFuture, logger: nil)
        } catch {
            throw APIError.describing(error, server: server, configuration: configuration)
        }
    }

    /// Before anything else one small request goes alone, so that dozens of watches which start together find out
    /// from it that the server speaks HTTP/2 and share its connection, instead of opening one each.
    private func contact(_ credentials: ResolvedCredentials) async throws {
        guard configuration.server.isSecure else { return }
        let task = firstContact.withLock { contact in
            if let contact { return contact }
            let started = Task {
                let request = self.prepared(APIRequest(path: "/version"), credentials)
                let response = try await self.http.execute(request, deadline: .now() + .seconds(15), logger: nil)
                _ = try? await response.body.collect(upTo: 1 << 20)
            }
            contact = started
            return started
        }
        do {
            // Whoever stops waiting stops the attempt for all, which is right at the end of a process; others try again.
            try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
        } catch {
            firstContact.withLock { contact in
                if contact == task { contact = nil }
            }
            throw error
        }
    }

    private func collect(_ response: HTTPClientResponse, limit: Int) async throws -> APIResponse {
        var bytes: [UInt8] = []
        for try await chunk in APIBody(chunks: response.body, server: server) {
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

    private static func httpConfiguration(_ configuration: ClientConfiguration) -> HTTPClient.Configuration {
        var http = HTTPClient.Configuration()
        http.redirectConfiguration = .disallow
        http.timeout.connect = .seconds(10)
        // Over HTTP/1 each watch keeps a connection; the limit only has to be larger than their number.
        http.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1_024
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
        http.http2ConnectionDebugInitializer = noticeDeadPeer
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
