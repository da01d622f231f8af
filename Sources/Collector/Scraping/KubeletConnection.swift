import Glibc
import MizzenSystem
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOTLS
import Names
import Synchronization

/// How a connection is encrypted, and whom it is believed.
struct KubeletEncryption: Sendable {
    /// With the certificate that is shown to kubelets. It must leave judging theirs to a callback.
    var context: NIOSSLContext
    /// Two contexts of the same number are the same.
    var contextGeneration: Int
    var trust: CertificateTrust
}

/// A connection to a kubelet, HTTP/1.1, for one request at a time.
///
/// The kubelet's certificate is judged inside the handshake, so nothing is sent to anyone who is not believed.
final class KubeletConnection: Sendable {
    /// What a connection can be used for.
    struct Purpose: Hashable, Sendable {
        /// The node whose name its certificate may bear.
        var node: String
        var isEncrypted: Bool
        var host: String
        var port: Int
        var contextGeneration: Int?
        var trustGeneration: Int?
    }

    /// What came of an exchange that ended as HTTP says.
    struct Answer: Sendable {
        var status: HTTPResponseStatus
        /// Whether the connection is good for another one.
        var isKept: Bool
    }

    /// What came of one that did not.
    struct Loss: Error {
        var failure: ScrapeFailure
        /// Nothing of an answer had come: what a connection looks like that the kubelet had closed while it was idle.
        var isUnanswered: Bool
    }

    let purpose: Purpose
    /// What the kubelet showed.
    let certificate: CertificateFacts?
    /// Whether enough descriptors are left for others while it waits for its next request.
    let mayWait: Bool
    private let channel: any Channel
    private let handler: NIOLoopBound<ExchangeHandler>

    fileprivate init(
        _ purpose: Purpose, _ certificate: CertificateFacts?, mayWait: Bool, _ channel: any Channel, _ handler: ExchangeHandler
    ) {
        (self.purpose, self.certificate, self.mayWait, self.channel) = (purpose, certificate, mayWait, channel)
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    var isActive: Bool { channel.isActive }
    var end: EventLoopFuture<Void> { channel.closeFuture }

    func close() { channel.close(promise: nil) }

    /// - Parameters:
    ///   - aliases: what else the node is called that its certificate may bear.
    ///   - idle: how long it is kept open between two requests.
    /// - Throws: `ScrapeFailure`; `CancellationError`.
    static func open(
        _ purpose: Purpose, _ encryption: KubeletEncryption?, aliases: [String], on loop: any EventLoop, deadline: NIODeadline,
        idle: TimeAmount
    ) async throws -> KubeletConnection {
        let opening = Opening(purpose)
        let alarm = loop.scheduleTask(deadline: deadline) { opening.runOutOfTime() }
        defer { alarm.cancel() }
        let check = encryption.map { CertificateCheck(trust: $0.trust, dialled: purpose.host, aliases: aliases) }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(max(.milliseconds(1), deadline - .now()))
            // What is read before it is passed on is held decrypted too, and both buffers stay with the connection, of which there is one for
            // each node: without bounds they take a third of a megabyte.
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readSize))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let number = try pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
                    if let number {
                        // As if the system had given none: of kubelets there may be any number.
                        guard DescriptorLimit.leavesSome(number, for: .own) else { throw IOError(errnoCode: EMFILE, reason: "socket") }
                        if !DescriptorLimit.leavesSome(number, for: .client) { opening.isOneOfTheLast() }
                    }
                    if let encryption, let check {
                        try pipeline.addHandler(
                            NIOSSLClientHandler(context: encryption.context, serverHostname: serverName(purpose.host)) { chain, promise in
                                let encoded = chain.compactMap { try? $0.toDERBytes() }
                                promise.completeWithTask { await opening.judge(encoded, check) }
                            })
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(ExchangeHandler(opening, isEncrypted: encryption != nil, idle: idle))
                }
            }
        // An address needs no resolver, which has few threads.
        let connected =
            if let address = try? SocketAddress(ipAddress: purpose.host, port: purpose.port) {
                bootstrap.connect(to: address)
            } else {
                bootstrap.connect(host: purpose.host, port: purpose.port)
            }
        connected.whenComplete { opening.connected($0) }
        do {
            return try await opening.settlement.value
        } catch {
            opening.abandon()
            throw error
        }
    }

    /// Bytes: a record of TLS (RFC 8446 section 5.1), which is what kubelets write at a time, with its head and tag.
    private static let readSize = (16 << 10) + 256

    /// For the kubelet's choice of a certificate (RFC 6066 section 3: never an address).
    private static func serverName(_ host: String) -> String? {
        IPAddress(host) == nil && !host.isEmpty && host.utf8.count <= 255 && !host.hasSuffix(".") ? host : nil
    }

    /// Sends a request and waits for the end of its answer.
    /// - Parameters:
    ///   - limit: bytes; a body that is said to be larger ends the exchange. What is not said is for `take` to notice.
    ///   - take: called on the connection's thread with each part of the body of an answer with 200; what it throws ends the exchange.
    /// - Throws: ``Loss``; `CancellationError`. The connection is of no use then.
    func exchange(
        _ head: HTTPRequestHead, deadline: NIODeadline, limit: Int, take: @escaping @Sendable (ByteBuffer) throws -> Void
    ) async throws -> Answer {
        try await exchange(.some(head), deadline: deadline, limit: limit, take: take)
    }

    /// Waits for what a kubelet says that is not asked, and ends the connection.
    ///
    /// In TLS 1.3 a server judges its client's certificate when the client's handshake is over. What it says about it is lost to a client that
    /// has sent a request meanwhile: the server closes on unread bytes, the kernel resets the connection, and nothing is read from it any more.
    /// - Returns: nil if the kubelet says nothing.
    func complaint(deadline: NIODeadline) async -> ScrapeFailure? {
        do {
            _ = try await exchange(HTTPRequestHead?.none, deadline: deadline, limit: 0) { _ in }
        } catch let loss as Loss {
            return loss.failure.fault == .timeout ? nil : loss.failure
        } catch {}
        return nil
    }

    /// - Parameter head: nil to ask nothing.
    private func exchange(
        _ head: HTTPRequestHead?, deadline: NIODeadline, limit: Int, take: @escaping @Sendable (ByteBuffer) throws -> Void
    ) async throws -> Answer {
        let settlement = Settlement<Answer>()
        let handler = handler
        channel.eventLoop.execute { handler.value.begin(head, deadline: deadline, limit: limit, take: take, settlement) }
        do {
            return try await settlement.value
        } catch {
            close()
            throw error
        }
    }
}

/// A connection that is being made. Called from the connection's thread, and from that of the task that waits.
private final class Opening: Sendable {
    private struct State {
        var channel: (any Channel)?
        var isAbandoned = false
        var mayWait = true
        var verdict: CertificateVerdict?
    }

    let settlement = Settlement<KubeletConnection>()
    private let purpose: KubeletConnection.Purpose
    private let state = Mutex(State())

    init(_ purpose: KubeletConnection.Purpose) { self.purpose = purpose }

    func connected(_ result: Result<any Channel, any Error>) {
        switch result {
        case .success(let channel):
            let isAbandoned = state.withLock { state in
                state.channel = channel
                return state.isAbandoned
            }
            if isAbandoned { channel.close(promise: nil) }
        case .failure(let error): failed(error)
        }
    }

    func judge(_ chain: [[UInt8]], _ check: CertificateCheck) async -> NIOSSLVerificationResult {
        let verdict = await check.verdict(chain)
        state.withLock { $0.verdict = verdict }
        return verdict.failure == nil ? .certificateVerified : .failed
    }

    /// Its descriptor is one of the last: for one exchange.
    func isOneOfTheLast() { state.withLock { $0.mayWait = false } }

    /// The connection is ready for requests.
    func opened(_ channel: any Channel, _ handler: ExchangeHandler) {
        let (facts, mayWait) = state.withLock { ($0.verdict?.facts, $0.mayWait) }
        let connection = KubeletConnection(purpose, facts, mayWait: mayWait, channel, handler)
        if !settlement.settle(.success(connection)) { channel.close(promise: nil) }
    }

    func failed(_ error: any Error) {
        // The library only says that it was we who did not accept the certificate.
        settlement.settle(.failure(state.withLock { $0.verdict?.failure } ?? ScrapeFailure(error)))
    }

    func runOutOfTime() {
        let isConnected = state.withLock { $0.channel != nil }
        settlement.settle(
            .failure(
                ScrapeFailure(
                    .timeout, isConnected ? "the TLS handshake did not end within the time limit" : "no connection within the time limit")))
    }

    /// Nobody waits any more.
    func abandon() {
        let channel = state.withLock { state in
            state.isAbandoned = true
            return state.channel
        }
        channel?.close(promise: nil)
    }
}

/// One connection's requests and answers. On its thread only.
private final class ExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private struct Exchange {
        var settlement: Settlement<KubeletConnection.Answer>
        var limit: Int
        var take: @Sendable (ByteBuffer) throws -> Void
        var alarm: Scheduled<Void>
        var answer: HTTPResponseHead?
        /// Of an answer other than 200, whose body nobody wants.
        var unwanted = 0
    }

    private enum State {
        case opening(Opening)
        case idle(Scheduled<Void>)
        case busy(Exchange)
        /// And why.
        case over(ScrapeFailure)
    }

    private static let closed = ScrapeFailure(.closed, "the connection was closed")

    /// A refusal is read to its end, so that the connection lasts, unless it has more to say than any.
    private static let unwantedLimit = 64 << 10

    private var state: State
    private let isEncrypted: Bool
    private let idle: TimeAmount
    private var context: ChannelHandlerContext?

    init(_ opening: Opening, isEncrypted: Bool, idle: TimeAmount) {
        (state, self.isEncrypted, self.idle) = (.opening(opening), isEncrypted, idle)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        if !isEncrypted { open(context) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { open(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func open(_ context: ChannelHandlerContext) {
        guard case .opening(let opening) = state else { return }
        rest(context)
        opening.opened(context.channel, self)
    }

    private func rest(_ context: ChannelHandlerContext) {
        let channel = context.channel
        state = .idle(context.eventLoop.scheduleTask(in: idle) { channel.close(promise: nil) })
    }

    /// - Parameter head: nil to ask nothing.
    func begin(
        _ head: HTTPRequestHead?, deadline: NIODeadline, limit: Int, take: @escaping @Sendable (ByteBuffer) throws -> Void,
        _ settlement: Settlement<KubeletConnection.Answer>
    ) {
        guard case .idle(let end) = state, let context else {
            // It ended before it was asked.
            let failure = if case .over(let failure) = state { failure } else { Self.closed }
            settlement.settle(.failure(Self.loss(failure, isUnanswered: true)))
            return
        }
        end.cancel()
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let alarm = context.eventLoop.scheduleTask(deadline: deadline) { bound.value.runOutOfTime() }
        state = .busy(Exchange(settlement: settlement, limit: limit, take: take, alarm: alarm))
        guard let head else { return }
        context.write(wrapOutboundOut(.head(head))).whenFailure { bound.value.fail(ScrapeFailure($0)) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func runOutOfTime() {
        guard case .busy(let exchange) = state else { return }
        fail(
            ScrapeFailure(
                .timeout, exchange.answer == nil ? "the kubelet did not answer in time" : "the kubelet's answer did not end in time"))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .busy(var exchange) = state else {
            // Nobody asked for it.
            context.close(promise: nil)
            return
        }
        switch unwrapInboundIn(data) {
        case .head(let head):
            exchange.answer = head
            state = .busy(exchange)
            if head.status == .ok, let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > exchange.limit {
                fail(ScrapeFailure(ResourceMetricsParser.Failure.tooLarge(limit: exchange.limit)))
            }
        case .body(let part):
            do {
                if exchange.answer?.status == .ok {
                    try exchange.take(part)
                } else {
                    exchange.unwanted += part.readableBytes
                    state = .busy(exchange)
                    if exchange.unwanted > Self.unwantedLimit, let answer = exchange.answer {
                        finish(exchange, answer, isKept: false, context)
                    }
                }
            } catch {
                fail(ScrapeFailure(error))
            }
        case .end:
            guard let answer = exchange.answer else { return }
            finish(exchange, answer, isKept: answer.isKeepAlive, context)
        }
    }

    private func finish(_ exchange: Exchange, _ answer: HTTPResponseHead, isKept: Bool, _ context: ChannelHandlerContext) {
        exchange.alarm.cancel()
        if isKept {
            rest(context)
        } else {
            state = .over(Self.closed)
            context.close(promise: nil)
        }
        exchange.settlement.settle(.success(.init(status: answer.status, isKept: isKept)))
    }

    private func fail(_ failure: ScrapeFailure) {
        let former = state
        state = .over(failure)
        switch former {
        case .opening(let opening): opening.failed(failure)
        case .idle(let end): end.cancel()
        case .busy(let exchange):
            exchange.alarm.cancel()
            exchange.settlement.settle(.failure(Self.loss(failure, isUnanswered: exchange.answer == nil)))
        case .over(let first): state = .over(first)
        }
        context?.close(promise: nil)
    }

    private static func loss(_ failure: ScrapeFailure, isUnanswered: Bool) -> KubeletConnection.Loss {
        .init(failure: failure, isUnanswered: isUnanswered)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Go's servers, which kubelets are, and their proxies say good-bye to nobody in TLS; the end itself comes next.
        if case .uncleanShutdown? = error as? NIOSSLError { return }
        fail(ScrapeFailure(error))
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .busy(let exchange) = state, exchange.answer != nil {
            fail(ScrapeFailure(.closed, "the connection was closed in the middle of the answer"))
        } else {
            fail(Self.closed)
        }
        context.fireChannelInactive()
    }
}
