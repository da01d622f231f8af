import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One kubelet: a TLS listener that answers `GET /metrics/resource` to callers with credentials.
struct KubeletListener: Sendable {
    enum Answer: Sendable {
        case exposition(String)
        case failure(Int)
    }

    let channel: any Channel
    var port: Int { channel.localAddress?.port ?? 0 }

    /// - Parameter scrape: called for each authorised scrape.
    static func start(
        host: String, port: Int, tls: NIOSSLContext, authenticator: Authenticator, group: any EventLoopGroup,
        scrape: @escaping @Sendable () -> Answer
    ) async throws -> KubeletListener {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let operations = channel.pipeline.syncOperations
                    try operations.addHandler(NIOSSLServerHandler(context: tls))
                    try operations.configureHTTPServerPipeline(withErrorHandling: true)
                    try operations.addHandler(KubeletHandler(authenticator: authenticator, scrape: scrape))
                }
            }
        return KubeletListener(channel: try await bootstrap.bind(host: host, port: port).get())
    }

    func stop() async { try? await channel.close().get() }
}

private final class KubeletHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let authenticator: Authenticator
    private let scrape: @Sendable () -> KubeletListener.Answer
    private var head: HTTPRequestHead?

    init(authenticator: Authenticator, scrape: @escaping @Sendable () -> KubeletListener.Answer) {
        self.authenticator = authenticator
        self.scrape = scrape
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            let (status, body) = answer(head, context)
            respond(status, body, isKeptAlive: head.isKeepAlive, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> (HTTPResponseStatus, String) {
        let certificate = try? context.channel.pipeline.syncOperations.nioSSL_peerCertificate()
        let user: Authenticator.User
        do throws(StatusError) {
            user = try authenticator.authenticate(
                authorization: head.headers.first(name: "Authorization"),
                certificate: (certificate ?? nil).flatMap(Authority.user))
        } catch { return (.unauthorized, "Unauthorized") }
        guard user != .anonymous else { return (.unauthorized, "Unauthorized") }
        let path = head.uri.split(separator: "?").first ?? ""
        switch path {
        case "/healthz": return (.ok, "ok")
        case "/metrics/resource": break
        default: return (.notFound, "404 page not found\n")
        }
        guard head.method == .GET else { return (.methodNotAllowed, "") }
        guard user.isAllowed else {
            return (.forbidden, "Forbidden (user=\(user.name), verb=get, resource=nodes, subresource=metrics)")
        }
        switch scrape() {
        case .exposition(let text): return (.ok, text)
        case .failure(let code): return (HTTPResponseStatus(statusCode: code), "Internal Server Error\n")
        }
    }

    private func respond(
        _ status: HTTPResponseStatus, _ body: String, isKeptAlive: Bool, _ context: ChannelHandlerContext
    ) {
        var headers = HTTPHeaders()
        headers.add(name: "Content-Type", value: "text/plain; version=0.0.4; charset=utf-8")
        headers.add(name: "Content-Length", value: String(body.utf8.count))
        if !isKeptAlive { headers.add(name: "Connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        let promise = isKeptAlive ? nil : context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        promise?.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
