package import HummingbirdCore
import HummingbirdHTTP2
package import Logging
package import NIOCore
import NIOHTTP2
package import NIOSSL
import NIOTLS
import Synchronization

/// How connections are encrypted, and whom they are kept with.
package struct EncryptionSettings: Sendable {
    package var tls: TLSConfiguration
    /// Offered beside HTTP/1.1 (ALPN).
    package var allowsHTTP2: Bool
    /// Clients are asked for a certificate and must have its key; who signed it is somebody else's to judge.
    package var takesAnyCertificate: Bool
    /// Judges the client's certificate, or that there is none, when the handshake is over; nil lets all in.
    package var admits: (@Sendable (NIOSSLCertificate?) -> Bool)?

    package init(
        tls: TLSConfiguration, allowsHTTP2: Bool = true, takesAnyCertificate: Bool = false,
        admits: (@Sendable (NIOSSLCertificate?) -> Bool)? = nil
    ) {
        (self.tls, self.allowsHTTP2, self.takesAnyCertificate, self.admits) = (tls, allowsHTTP2, takesAnyCertificate, admits)
    }
}

/// Who is at the other end of a connection, for whatever answers its requests.
package final class EncryptedPeer: Sendable {
    /// That of the request which is being answered; nil where it did not come through an ``EncryptedChannel``.
    @TaskLocal package static var current: EncryptedPeer?

    private let shown = Mutex<[[UInt8]]>([])

    /// What the client showed, in DER: first its own, which it has the key of, then others, as they came and as far as there is room. Empty
    /// for none, and before the end of the handshake.
    package var certificates: [[UInt8]] { shown.withLock { $0 } }

    /// Beside the client's own; as many bytes as they may have together. Every connection holds them.
    private static let most = 8
    private static let room = 32 << 10

    fileprivate init() {}

    /// Written once for all requests of the connection.
    /// - Parameter others: those that came beside it; of a session that is resumed none are known any more.
    fileprivate func show(_ certificate: NIOSSLCertificate?, beside others: [NIOSSLCertificate]) {
        guard let own = try? certificate?.toDERBytes() else { return }
        var (certificates, room) = ([own], Self.room)
        for other in others.prefix(Self.most) {
            guard let bytes = try? other.toDERBytes(), bytes.count <= room else { break }
            certificates.append(bytes)
            room -= bytes.count
        }
        shown.withLock { $0 = certificates }
    }
}

/// Speaks TLS, and in it HTTP/1.1 or HTTP/2, by the settings that hold when a connection comes.
package struct EncryptedChannel: HTTPChannelHandler {
    /// A connection goes on with what it began with.
    package struct Value: ServerChildChannelValue {
        fileprivate enum Kind: Sendable {
            /// Known when the handshake is over.
            case negotiated(HTTP2Channel, EventLoopFuture<NIONegotiatedHTTPVersion<HTTP1Channel.Value, HTTP2Channel.Value>>)
            case http1(HTTP1Channel.Value)
        }

        fileprivate let kind: Kind
        fileprivate let http1: HTTP1Channel
        fileprivate let peer: EncryptedPeer
        package let channel: any Channel
    }

    /// What connections of one configuration have in common.
    private struct Layers: Sendable {
        var tls: NIOSSLContext
        var http1: HTTP1Channel
        /// Nil where it is not offered.
        var http2: HTTP2Channel?
    }

    private final class Cache: Sendable {
        let held = Mutex<(generation: Int, layers: Layers)?>(nil)
    }

    /// Nobody needs longer for a handshake.
    private static let handshakeTime = TimeAmount.seconds(10)

    private let settings: @Sendable () -> (settings: EncryptionSettings, generation: Int)
    private let connections: HTTP1Channel.Configuration
    private let entered: @Sendable (any Channel) throws -> Void
    package let responder: Responder
    private let cache = Cache()

    /// - Parameters:
    ///   - settings: asked for each connection; the generation changes when they do.
    ///   - connections: how each is held, and each stream of HTTP/2.
    ///   - entered: called with each connection, on its event loop, before anything is read from it.
    package init(
        settings: @escaping @Sendable () -> (settings: EncryptionSettings, generation: Int), connections: HTTP1Channel.Configuration,
        entered: @escaping @Sendable (any Channel) throws -> Void, responder: @escaping Responder
    ) {
        (self.settings, self.connections, self.entered, self.responder) = (settings, connections, entered, responder)
    }

    package func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let (settings, generation) = settings()
        let peer = EncryptedPeer()
        do {
            let layers = try layers(settings, generation)
            let (http1, pipeline) = (layers.http1, channel.pipeline.syncOperations)
            let tls =
                settings.takesAnyCertificate
                ? NIOSSLServerHandler(context: layers.tls, configuration: .init(), customVerificationCallbackWithMetadata: Self.takeAny)
                : NIOSSLServerHandler(context: layers.tls)
            try pipeline.addHandler(tls)
            // Directly behind it: nothing that it decrypts comes past the watch.
            try pipeline.addHandler(HandshakeWatch(tls, peer, admits: settings.admits, limit: Self.handshakeTime))
            try entered(channel)
            guard let http2 = layers.http2 else {
                return http1.setup(channel: channel, logger: logger).map {
                    Value(kind: .http1($0), http1: http1, peer: peer, channel: channel)
                }
            }
            return channel.configureHTTP2AsyncSecureUpgrade {
                http1.setup(channel: $0, logger: logger)
            } http2ConnectionInitializer: {
                http2.setup(channel: $0, logger: logger)
            }.map { Value(kind: .negotiated(http2, $0), http1: http1, peer: peer, channel: channel) }
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    package func handle(value: Value, logger: Logger) async {
        await EncryptedPeer.$current.withValue(value.peer) {
            switch value.kind {
            case .http1(let connection): await value.http1.handle(value: connection, logger: logger)
            case .negotiated(let http2, let version):
                switch try? await version.get() {
                case .http1_1(let connection): await value.http1.handle(value: connection, logger: logger)
                case .http2(let connection): await http2.handle(value: connection, logger: logger)
                // It has ended in the handshake.
                case nil: break
                }
            }
        }
    }

    private func layers(_ settings: EncryptionSettings, _ generation: Int) throws -> Layers {
        if let held = cache.held.withLock({ $0 }), held.generation == generation { return held.layers }
        let layers = try makeLayers(settings)
        cache.held.withLock { $0 = (generation, layers) }
        return layers
    }

    /// Who takes any certificate has the library ask for one, and does not judge it. What the library calls a chain that is validated is what
    /// the client has sent: it has no other word for it, and whoever asks a peer for certificates is told what they are.
    private static let takeAny: @Sendable ([NIOSSLCertificate], EventLoopPromise<NIOSSLVerificationResultWithMetadata>) -> Void = {
        shown, verdict in
        verdict.succeed(.certificateVerified(VerificationMetadata(shown.isEmpty ? nil : ValidatedCertificateChain(shown))))
    }

    private func makeLayers(_ settings: EncryptionSettings) throws -> Layers {
        var tls = settings.tls
        if settings.allowsHTTP2 { tls.applicationProtocols = NIOHTTP2SupportedALPNProtocols }
        let http2 = HTTP2ChannelConfiguration(
            idleTimeout: connections.idleTimeout.map { Duration($0) }, streamConfiguration: connections)
        return Layers(
            tls: try NIOSSLContext(configuration: tls), http1: HTTP1Channel(responder: responder, configuration: connections),
            http2: settings.allowsHTTP2 ? HTTP2Channel(responder: responder, configuration: http2) : nil)
    }
}

/// Notes who is there when the handshake is over, and ends connections whose handshake takes too long or whose client is not let in.
private final class HandshakeWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let tls: NIOSSLServerHandler
    private let peer: EncryptedPeer
    private let admits: (@Sendable (NIOSSLCertificate?) -> Bool)?
    private let limit: TimeAmount
    private var deadline: Scheduled<Void>?

    init(_ tls: NIOSSLServerHandler, _ peer: EncryptedPeer, admits: (@Sendable (NIOSSLCertificate?) -> Bool)?, limit: TimeAmount) {
        (self.tls, self.peer, self.admits, self.limit) = (tls, peer, admits, limit)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent {
            deadline?.cancel()
            peer.show(tls.peerCertificate, beside: tls.peerValidatedCertificateChain.map { Array($0.dropFirst()) } ?? [])
            if let admits, !admits(tls.peerCertificate) {
                context.close(promise: nil)
                return
            }
        }
        context.fireUserInboundEventTriggered(event)
    }
}
