import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One kubelet: a TLS listener that answers `GET /metrics/resource` and `/stats/summary` to callers with credentials.
struct KubeletListener: Sendable {
    enum Answer: Sendable {
        case text(String)
        case json(String)
        case failure(Int)
        /// None, and the connection stays open.
        case nothing
        /// None, and the connection is closed.
        case end
        /// The first half of a text, then the connection is closed.
        case half(of: String)
        /// A text and so many mebibytes of blanks behind it.
        case huge(String, mebibytes: Int, isChunked: Bool)
        /// A text, of which a byte comes each second.
        case drip(String)
        /// A text, behind which the connection is closed.
        case last(String)
    }

    let channel: any Channel
    var port: Int { channel.localAddress?.port ?? 0 }

    /// - Parameters:
    ///   - tls: asked for each connection.
    ///   - connected: called for each connection; it says how many seconds the handshake is to wait.
    ///   - disconnected: called at the end of each.
    ///   - answer: called for each authorised request.
    static func start(
        host: String, port: Int, tls: @escaping @Sendable () -> NIOSSLContext, authenticator: Authenticator, group: any EventLoopGroup,
        connected: @escaping @Sendable () -> Int, disconnected: @escaping @Sendable () -> Void,
        answer: @escaping @Sendable (Fault.KubeletPath) -> Answer
    ) async throws -> KubeletListener {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let wait = connected()
                channel.closeFuture.whenComplete { _ in disconnected() }
                return channel.eventLoop.scheduleTask(in: .seconds(Int64(wait))) {
                    let operations = channel.pipeline.syncOperations
                    try operations.addHandler(NIOSSLServerHandler(context: tls()))
                    try operations.configureHTTPServerPipeline(withErrorHandling: true)
                    try operations.addHandler(KubeletHandler(authenticator: authenticator, answer: answer))
                }.futureResult
            }
        return KubeletListener(channel: try await bootstrap.bind(host: host, port: port).get())
    }

    func stop() async { try? await channel.close().get() }
}

private final class KubeletHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let authenticator: Authenticator
    private let answer: @Sendable (Fault.KubeletPath) -> KubeletListener.Answer
    private var head: HTTPRequestHead?

    init(authenticator: Authenticator, answer: @escaping @Sendable (Fault.KubeletPath) -> KubeletListener.Answer) {
        self.authenticator = authenticator
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            respond(to: head, context)
        }
    }

    private func respond(to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let certificate = try? context.channel.pipeline.syncOperations.nioSSL_peerCertificate()
        let user: Authenticator.User
        do throws(StatusError) {
            user = try authenticator.authenticate(
                authorization: head.headers.first(name: "Authorization"),
                certificate: (certificate ?? nil).flatMap(Authority.user))
        } catch { return respond(.unauthorized, "Unauthorized", context) }
        guard user != .anonymous else { return respond(.unauthorized, "Unauthorized", context) }
        let path = head.uri.split(separator: "?").first ?? ""
        if path == "/healthz" { return respond(.ok, "ok", context) }
        guard let wanted = Fault.KubeletPath.allCases.first(where: { $0.path == path }) else {
            return respond(.notFound, "404 page not found\n", context)
        }
        guard head.method == .GET else { return respond(.methodNotAllowed, "", context) }
        guard user.isAllowed else {
            return respond(.forbidden, "Forbidden (user=\(user.name), verb=get, resource=nodes, subresource=\(wanted.leave))", context)
        }
        respond(answer(wanted), context)
    }

    private func respond(_ answer: KubeletListener.Answer, _ context: ChannelHandlerContext) {
        switch answer {
        case .text(let text): respond(.ok, text, context)
        case .json(let text): respond(.ok, text, type: "application/json", context)
        case .failure(let code): respond(HTTPResponseStatus(statusCode: code), "made up by a fault plan\n", context)
        case .nothing: break
        case .end: context.close(promise: nil)
        case .half(let text):
            writeHead(.ok, "text/plain", length: text.utf8.count, context)
            let half = ByteBuffer(bytes: Array(text.utf8.prefix(text.utf8.count / 2)))
            let channel = context.channel
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(half)))).whenComplete { _ in channel.close(promise: nil) }
        case .last(let text):
            head?.headers.replaceOrAdd(name: "Connection", value: "close")
            respond(.ok, text, context)
        case .drip(let text):
            writeHead(.ok, "text/plain", length: text.utf8.count, context)
            context.flush()
            drip(Array(text.utf8)[...], NIOLoopBound(context, eventLoop: context.eventLoop))
        case .huge(let text, let mebibytes, let isChunked):
            writeHead(.ok, "text/plain", length: isChunked ? nil : text.utf8.count + mebibytes << 20, context)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            flood(mebibytes, NIOLoopBound(context, eventLoop: context.eventLoop))
        }
    }

    private func respond(
        _ status: HTTPResponseStatus, _ body: String, type: String = "text/plain; version=0.0.4; charset=utf-8",
        _ context: ChannelHandlerContext
    ) {
        writeHead(status, type, length: body.utf8.count, context)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        let promise = isKeptAlive ? nil : context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        promise?.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }

    private static let blanks = ByteBuffer(repeating: UInt8(ascii: "\n"), count: 1 << 20)

    /// Writes blanks, a mebibyte when the one before has gone: all at once would be encrypted at once, also for somebody who has hung up, and
    /// the kubelets that have the same thread would answer late.
    private func flood(_ mebibytes: Int, _ context: NIOLoopBound<ChannelHandlerContext>) {
        guard context.value.channel.isActive else { return }
        guard mebibytes > 0 else { return context.value.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
        let bound = NIOLoopBound(self, eventLoop: context.value.eventLoop)
        context.value.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(Self.blanks)))).whenSuccess {
            bound.value.flood(mebibytes - 1, context)
        }
    }

    private func drip(_ bytes: ArraySlice<UInt8>, _ context: NIOLoopBound<ChannelHandlerContext>) {
        guard let first = bytes.first, context.value.channel.isActive else { return }
        context.value.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: [first])))), promise: nil)
        let bound = NIOLoopBound(self, eventLoop: context.value.eventLoop)
        context.value.eventLoop.scheduleTask(in: .seconds(1)) { bound.value.drip(bytes.dropFirst(), context) }
    }

    private var isKeptAlive: Bool { head?.isKeepAlive ?? false }

    private func writeHead(_ status: HTTPResponseStatus, _ type: String, length: Int?, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders()
        headers.add(name: "Content-Type", value: type)
        if let length { headers.add(name: "Content-Length", value: String(length)) }
        if !isKeptAlive { headers.add(name: "Connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
