package import HummingbirdCore
import HummingbirdHTTP2
import HummingbirdTLS
package import Logging
package import NIOCore
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

    private let shown = Mutex<[UInt8]?>(nil)

    /// What the client showed and has the key of, in DER; nil for none, and before the end of the handshake.
    package var certificate: [UInt8]? { shown.withLock { $0 } }

    fileprivate init() {}

    /// Written once for all requests of the connection.
    fileprivate func show(_ certificate: NIOSSLCertificate?) {
        let bytes = try? certificate?.toDERBytes()
        shown.withLock { $0 = bytes }
    }
}

/// Speaks TLS, and in it HTTP/1.1 or HTTP/2, by the settings that hold when a connection comes.
package struct EncryptedChannel: HTTPChannelHandler {
    /// A connection goes on with what it began with.
    package struct Value: ServerChildChannelValue {
        fileprivate enum Kind: Sendable {
            case both(HTTP2UpgradeChannel, HTTP2UpgradeChannel.Value)
            case http1(TLSChannel<HTTP1Channel>, TLSChannel<HTTP1Channel>.Value)
        }

        fileprivate let kind: Kind
        fileprivate let peer: EncryptedPeer
        package let channel: any Channel
    }

    /// What connections of one configuration have in common.
    private enum Layers: Sendable {
        case both(HTTP2UpgradeChannel)
        case http1(TLSChannel<HTTP1Channel>)
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
        let started: EventLoopFuture<Value>
        do {
            switch try layers(settings, generation) {
            case .both(let base):
                started = base.setup(channel: channel, logger: logger).map { Value(kind: .both(base, $0), peer: peer, channel: channel) }
            case .http1(let base):
                started = base.setup(channel: channel, logger: logger).map { Value(kind: .http1(base, $0), peer: peer, channel: channel) }
            }
            // Directly behind the layer of TLS, which stands already: nothing that it decrypts comes past the watch.
            let pipeline = channel.pipeline.syncOperations
            let tls = try pipeline.handler(type: NIOSSLServerHandler.self)
            let watch = HandshakeWatch(tls, peer, admits: settings.admits, limit: Self.handshakeTime)
            try pipeline.addHandler(watch, position: .after(tls))
            try entered(channel)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return started
    }

    package func handle(value: Value, logger: Logger) async {
        await EncryptedPeer.$current.withValue(value.peer) {
            switch value.kind {
            case .both(let base, let value): await base.handle(value: value, logger: logger)
            case .http1(let base, let value): await base.handle(value: value, logger: logger)
            }
        }
    }

    private func layers(_ settings: EncryptionSettings, _ generation: Int) throws -> Layers {
        if let held = cache.held.withLock({ $0 }), held.generation == generation { return held.layers }
        let layers = try makeLayers(settings)
        cache.held.withLock { $0 = (generation, layers) }
        return layers
    }

    private static let takeAny: @Sendable ([NIOSSLCertificate], EventLoopPromise<NIOSSLVerificationResult>) -> Void = { _, verdict in
        verdict.succeed(.certificateVerified)
    }

    private func makeLayers(_ settings: EncryptionSettings) throws -> Layers {
        // Who takes any certificate has the library ask for one, and does not judge it.
        let judge = settings.takesAnyCertificate ? Self.takeAny : nil
        if settings.allowsHTTP2 {
            return .both(
                try HTTP2UpgradeChannel(
                    tlsChannelConfiguration: HummingbirdHTTP2.TLSChannelConfiguration(
                        tlsConfiguration: settings.tls, customVerificationCallback: judge),
                    configuration: HTTP2ChannelConfiguration(
                        idleTimeout: connections.idleTimeout.map { Duration($0) }, streamConfiguration: connections),
                    responder: responder))
        }
        return .http1(
            try TLSChannel(
                HTTP1Channel(responder: responder, configuration: connections),
                configuration: HummingbirdTLS.TLSChannelConfiguration(tlsConfiguration: settings.tls, customVerificationCallback: judge)))
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
            peer.show(tls.peerCertificate)
            if let admits, !admits(tls.peerCertificate) {
                context.close(promise: nil)
                return
            }
        }
        context.fireUserInboundEventTriggered(event)
    }
}
