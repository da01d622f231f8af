import Names
import NIOCore
import NIOEmbedded
import NIOSSL
import NIOTLS

/// One TLS connection as its client sees it, without a socket: octets that came go in, octets to send come out, and who owns the
/// session moves them. Nothing in here waits, starts a thread or looks at a clock but to word an error.
///
/// NIOSSL has no other interface than a channel handler, so the session keeps one in an `EmbeddedChannel`. That type serves tests
/// elsewhere; it is sound in here because of what it is and how it is used:
/// - *Threads.* Channel and loop belong to the thread that made them and say so loudly when another one comes. A worker makes, uses and
///   drops its sessions on its own thread; the class is not `Sendable`, so the compiler keeps it there.
/// - *Order.* A call runs the whole pipeline before it returns, and no handler in it hands work to anybody else, so everything that a
///   chunk of octets causes is there when `receive` returns. Work that was put off until later in the same moment (the channel takes
///   its handlers out that way) is done by `run()` at the end of each call.
/// - *Timers.* The embedded clock stands still, so a timer would never fire. The handler sets exactly one: how long it waits for the
///   other side's close_notify. That time is zero, so `run()` ends the wait in the call that began it. It costs nothing: who closes
///   wants no more from the connection, and a DNS message over TCP says its length, so a cut one is seen without close_notify. Time
///   limits for handshakes and answers are the owner's, as for plain connections.
/// - *Errors.* The handler reports through the pipeline's end, where the session's own handler keeps the first one, and closes the
///   channel. Nothing is thrown past it, and nothing is left for the channel to complain about.
/// - *Memory.* A channel that is dropped while open complains in debug builds and keeps a cycle alive, so the session closes it when it
///   ends, at the latest in `deinit`. An open session that has exchanged an answer holds about 26 KB (resident memory of 200 sessions
///   with unbound, divided).
final class TLSSession {
    enum State: Equatable, Sendable {
        /// Nothing is known of the other side yet. `open`, `failed` or `closed` follows.
        case handshaking
        /// The other side has proved who it is; what is sent and received is protected. `failed` or `closed` follows.
        case open
        /// One of the sides has ended it. The connection is of no more use once `toSend` is sent.
        case closed
        /// It cannot be used, for this reason, which is the end of a sentence for an operator. Close the connection.
        case failed(String)
    }

    /// What a step yields. Both may be there at once, also with a state of `closed` or `failed`: what came before the end is good.
    struct Output: Equatable, Sendable {
        /// What the other side said, in order.
        var plaintext: [UInt8] = []
        /// To be sent to the other side, after all that earlier steps yielded.
        var toSend: [UInt8] = []
    }

    private(set) var state = State.handshaking
    private let serverName: TLSServerName
    private let channel: EmbeddedChannel
    private let handler: NIOSSLClientHandler
    private let end = PipelineEnd()
    private var isTornDown = false

    /// Fails for no name that `TLSServerName` takes.
    init(_ configuration: TLSClientConfiguration, serverName: TLSServerName) throws {
        self.serverName = serverName
        channel = EmbeddedChannel()
        switch serverName {
        case .name(let name):
            // Only looked at where an address is to be matched, but asked for in any case.
            channel.remoteAddress = try NIOCore.SocketAddress(ipAddress: "0.0.0.0", port: 0)
            handler = try NIOSSLClientHandler(context: configuration.context, serverHostname: name)
        case .address(let address):
            channel.remoteAddress = try NIOCore.SocketAddress(packedIPAddress: ByteBuffer(bytes: address.bytes), port: 0)
            handler = try NIOSSLClientHandler(context: configuration.context, serverHostname: nil)
        }
        try channel.pipeline.syncOperations.addHandlers([handler, end])
    }

    deinit { tearDown() }

    /// TLS 1.2 or 1.3, once the state is `open`; else nil.
    var version: TLSVersion? { end.isOpen ? handler.tlsVersion : nil }

    /// Begins the handshake; to be called once, before all else.
    /// - Returns: what to send first.
    func start() -> [UInt8] {
        guard state == .handshaking, let address = channel.remoteAddress else { return [] }
        channel.connect(to: address, promise: nil)
        return finishStep().toSend
    }

    /// Takes what the other side sent, in pieces of any size. Look at `state` afterwards.
    func receive(_ bytes: Span<UInt8>) -> Output {
        guard state == .handshaking || state == .open else { return Output() }
        var buffer = channel.allocator.buffer(capacity: bytes.count)
        // Safe: the span is valid for the call, which copies.
        unsafe bytes.withUnsafeBufferPointer { _ = unsafe buffer.writeBytes($0) }
        channel.pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
        channel.pipeline.syncOperations.fireChannelReadComplete()
        return finishStep()
    }

    /// Says something to the other side. During the handshake it is kept, and comes out of the `receive` that completes it.
    /// - Returns: what to send.
    func send(_ plaintext: [UInt8]) -> [UInt8] {
        guard state == .handshaking || state == .open else { return [] }
        channel.writeAndFlush(ByteBuffer(bytes: plaintext), promise: nil)
        return finishStep().toSend
    }

    /// Ends the session from this side.
    /// - Returns: a last word (close_notify) to send before the connection is closed, if there is one.
    func close() -> [UInt8] {
        guard state == .handshaking || state == .open else { return [] }
        state = .closed
        tearDown()
        return takeOutput().toSend
    }

    /// Tells that the connection below has ended.
    func connectionEnded() {
        switch state {
        case .handshaking: state = .failed("the connection was closed during the TLS handshake")
        case .open: state = .closed
        case .closed, .failed: break
        }
        tearDown()
    }

    private func finishStep() -> Output {
        channel.embeddedEventLoop.run()
        let output = takeOutput()
        if let error = end.error {
            state = .failed(Self.words(error, certificate: handler.peerCertificate, serverName: serverName))
        } else if !channel.isActive {
            state = .closed
        } else if end.isOpen {
            state = .open
        }
        if state != .handshaking, state != .open { tearDown() }
        return output
    }

    private func takeOutput() -> Output {
        var output = Output(plaintext: end.takePlaintext())
        // The handler writes nothing but buffers.
        while let buffer = try? channel.readOutbound(as: ByteBuffer.self) { output.toSend += buffer.readableBytesView }
        return output
    }

    /// Closes the channel: the handler lets go of the connection, the pipeline of its handlers.
    private func tearDown() {
        guard !isTornDown else { return }
        isTornDown = true
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
    }
}

/// Keeps what arrives behind the TLS handler.
private final class PipelineEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var plaintext: [UInt8] = []
    private(set) var isOpen = false
    /// The first one; those after it are its consequences.
    private(set) var error: (any Error)?

    func takePlaintext() -> [UInt8] {
        defer { plaintext = [] }
        return plaintext
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { plaintext += unwrapInboundIn(data).readableBytesView }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { isOpen = true }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.error == nil { self.error = error }
    }
}
