import HummingbirdCore
import HummingbirdHTTP2
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import NIOTLS
import Synchronization

/// Speaks TLS, and in it HTTP/1.1 or HTTP/2, by the web configuration that holds when a connection comes.
struct EncryptedChannel: HTTPChannelHandler {
    /// A connection goes on with what it began with.
    struct Value: ServerChildChannelValue {
        fileprivate enum Kind: Sendable {
            case both(HTTP2UpgradeChannel, HTTP2UpgradeChannel.Value)
            case http1(TLSChannel<HTTP1Channel>, TLSChannel<HTTP1Channel>.Value)
        }

        fileprivate let kind: Kind
        let channel: any Channel
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

    let source: WebConfigurationSource
    let idleTimeout: TimeAmount
    let responder: Responder
    private let cache = Cache()

    init(source: WebConfigurationSource, idleTimeout: TimeAmount, responder: @escaping Responder) {
        (self.source, self.idleTimeout, self.responder) = (source, idleTimeout, responder)
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let (loaded, generation) = source.current
        let started: EventLoopFuture<Value>
        do {
            switch try layers(loaded, generation) {
            case .both(let base):
                started = base.setup(channel: channel, logger: logger).map { Value(kind: .both(base, $0), channel: channel) }
            case .http1(let base):
                started = base.setup(channel: channel, logger: logger).map { Value(kind: .http1(base, $0), channel: channel) }
            }
            // Directly behind the layer of TLS, which stands already: nothing that it decrypts comes past the watch.
            let pipeline = channel.pipeline.syncOperations
            let tls = try pipeline.handler(type: NIOSSLServerHandler.self)
            let watch = HandshakeWatch(tls, allowedNames: loaded.web.encryption?.allowedNames, limit: Self.handshakeTime)
            try pipeline.addHandler(watch, position: .after(tls))
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return started
    }

    func handle(value: Value, logger: Logger) async {
        switch value.kind {
        case .both(let base, let value): await base.handle(value: value, logger: logger)
        case .http1(let base, let value): await base.handle(value: value, logger: logger)
        }
    }

    private func layers(_ loaded: LoadedWebConfiguration, _ generation: Int) throws -> Layers {
        if let held = cache.held.withLock({ $0 }), held.generation == generation { return held.layers }
        let layers = try makeLayers(loaded)
        cache.held.withLock { $0 = (generation, layers) }
        return layers
    }

    private static let takeAny: @Sendable ([NIOSSLCertificate], EventLoopPromise<NIOSSLVerificationResult>) -> Void = { _, verdict in
        verdict.succeed(.certificateVerified)
    }

    private func makeLayers(_ loaded: LoadedWebConfiguration) throws -> Layers {
        guard let tls = loaded.tls else { throw ChannelError.inappropriateOperationForState }
        // Who takes any certificate has the library ask for one, and does not judge it.
        let takesAny = loaded.web.encryption.map { $0.clients != .none && !$0.clients.isVerified } ?? false
        let judge = takesAny ? Self.takeAny : nil
        let http1 = HTTP1Channel.Configuration(idleTimeout: idleTimeout)
        if loaded.web.allowsHTTP2 {
            return .both(
                try HTTP2UpgradeChannel(
                    tlsChannelConfiguration: HummingbirdHTTP2.TLSChannelConfiguration(
                        tlsConfiguration: tls, customVerificationCallback: judge),
                    configuration: HTTP2ChannelConfiguration(idleTimeout: Duration(idleTimeout), streamConfiguration: http1),
                    responder: responder))
        }
        return .http1(
            try TLSChannel(
                HTTP1Channel(responder: responder, configuration: http1),
                configuration: HummingbirdTLS.TLSChannelConfiguration(tlsConfiguration: tls, customVerificationCallback: judge)))
    }
}

/// Ends connections whose handshake takes too long, or whose client's certificate has none of the names that are let in.
private final class HandshakeWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let tls: NIOSSLServerHandler
    /// nil: all are let in.
    private let allowedNames: Set<String>?
    private let limit: TimeAmount
    private var deadline: Scheduled<Void>?

    init(_ tls: NIOSSLServerHandler, allowedNames: Set<String>?, limit: TimeAmount) {
        (self.tls, self.allowedNames, self.limit) = (tls, allowedNames, limit)
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
            if let allowedNames, allowedNames.isDisjoint(with: tls.peerCertificate?.alternativeNames ?? []) {
                context.close(promise: nil)
                return
            }
        }
        context.fireUserInboundEventTriggered(event)
    }
}

extension NIOSSLCertificate {
    /// Host names, mail addresses, URIs and addresses, as texts.
    fileprivate var alternativeNames: [String] {
        _subjectAlternativeNames().compactMap { name in
            switch name.nameType {
            case .dnsName, .email, .uri: String(decoding: name.contents, as: UTF8.self)
            case .ipAddress: (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: name.contents), port: 0))?.ipAddress
            default: nil
            }
        }
    }
}
