import MizzenSystem
import CZeroMQ
import KubernetesObjects
import Logging

/// The two sockets of a subscriber, and the reading of what comes over them. Belongs to the subscriber's thread.
struct SubscriberLink: ~Copyable {
    typealias Received = Result<SubscriberStateMachine.Event, EnvelopeError>

    /// Deltas read before the thread looks at anything else.
    private static let batch = 2000

    private let context: ZeroMQContext
    private let subscription: ZeroMQSocket
    private var requests: SnapshotLink
    private let deltas: Endpoint
    private var handshakes: HandshakeMonitor?
    /// When to connect again after a refusal; monotonic nanoseconds.
    private var reconnectAt: Int64?
    private let logger: Logger
    private var decoder: EnvelopeDecoder
    private var topic: ZeroMQFrame
    private var body: ZeroMQFrame
    /// What has been complained about already.
    private var complaints: Set<EnvelopeError> = []

    init(
        deltas: Endpoint, snapshots: Endpoint, interests: [ResourceInterest], options: Subscriber.Options,
        logger: Logger
    ) throws(DeltaStreamError) {
        let context = try ZeroMQContext()
        let subscription = try ZeroMQSocket(.subscribe, in: context)
        subscription.set(ZMQ_RCVHWM, options.receiveHighWaterMark)
        subscription.set(ZMQ_MAXMSGSIZE, SnapshotLink.longestFrame)
        try subscription.adapt(to: deltas, as: .subscriber)
        // Before connecting: the publisher then has them all before it sends anything.
        for prefix in interests.flatMap(\.subscriptions) { subscription.subscribe(prefix) }
        handshakes = try HandshakeMonitor(subscription, of: deltas, as: .subscriber, logger: logger)
        try subscription.connect(deltas.text)
        let resources = interests.map(\.resource)
        requests = try SnapshotLink(snapshots, in: context, resources: resources)
        self.deltas = deltas
        self.context = context
        self.subscription = subscription
        self.logger = logger
        decoder = EnvelopeDecoder(known: resources)
        topic = ZeroMQFrame()
        body = ZeroMQFrame()
    }

    /// Waits until something arrives.
    /// - Returns: whether to stop.
    func wait(waker: Waker, milliseconds: Int) -> Bool {
        subscription.wait(or: requests.socket, waker: waker, milliseconds: milliseconds).wake
    }

    mutating func perform(_ requests: [SubscriberStateMachine.Request]) {
        for request in requests {
            switch request {
            case .ask(let question): self.requests.send(question)
            case .reconnect:
                logger.warning("no answer to a snapshot request", metadata: ["endpoint": "\(self.requests.endpoint.text)"])
                do throws(DeltaStreamError) {
                    try self.requests.reconnect(in: context)
                } catch {
                    logger.error("cannot connect again", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    /// Reads answers, then deltas, and hands each to `decide`, whose requests are performed before the next is read: one
    /// must not be sent later than deltas are read which it is to include.
    /// - Parameter tell: called after the requests of each, so that the publisher makes its next answer while the consumer takes this one in.
    /// - Returns: whether nothing is left unread.
    mutating func drain(_ decide: (Received) -> [SubscriberStateMachine.Request], then tell: () -> Void) -> Bool {
        reconnectAfterRefusal()
        while let answer = requests.receive() {
            switch answer {
            case .success(let answer): perform(decide(.success(.answer(answer))))
            case .failure(let error): perform(decide(malformed(error)))
            }
            tell()
        }
        for _ in 0..<Self.batch {
            guard let event = receiveDelta() else { return true }
            perform(decide(event))
            tell()
        }
        return false
    }

    /// At most once a second, however often the other side refuses.
    private mutating func reconnectAfterRefusal() {
        if (handshakes?.report() ?? 0) > 0, reconnectAt == nil { reconnectAt = MonotonicClock.nanoseconds() + 1_000_000_000 }
        guard let at = reconnectAt, MonotonicClock.nanoseconds() >= at else { return }
        reconnectAt = nil
        do throws(DeltaStreamError) {
            try subscription.reconnect(deltas.text)
            try requests.reconnect(in: context)
        } catch {
            logger.error("cannot connect again", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Deltas

    private mutating func receiveDelta() -> Received? {
        guard subscription.receive(into: &topic) else { return nil }
        guard topic.hasMore, subscription.receive(into: &body) else { return malformed(.wrongFrames) }
        guard !body.hasMore else {
            subscription.skipRest(&body)
            return malformed(.wrongFrames)
        }
        do throws(EnvelopeError) {
            return .success(try readEvent())
        } catch {
            return malformed(error)
        }
    }

    private mutating func readEvent() throws(EnvelopeError) -> SubscriberStateMachine.Event {
        if topic.starts(with: "heartbeat/") {
            let heartbeat = try unsafe decoder.read(body) { decoder, bytes throws(EnvelopeError) in
                try unsafe decoder.heartbeat(bytes)
            }
            guard topic.text == Topic.heartbeat(Topic.name(of: heartbeat.resource)) else { throw .wrongTopic }
            return .heartbeat(heartbeat)
        }
        if topic.starts(with: "tail/") {
            let tail = try unsafe decoder.read(body) { decoder, bytes throws(EnvelopeError) in
                try unsafe decoder.tail(bytes)
            }
            guard topic.text == Topic.tail(Topic.name(of: tail.resource), namespace: tail.namespace) else {
                throw .wrongTopic
            }
            return .tail(tail)
        }
        let delta = try unsafe decoder.read(body) { decoder, bytes throws(EnvelopeError) in
            try unsafe decoder.delta(bytes)
        }
        guard topic.isTopic(of: delta) else { throw .wrongTopic }
        return .delta(delta)
    }

    private mutating func malformed(_ error: EnvelopeError) -> Received {
        // Once each, as a broken publisher would fill the log.
        if complaints.count < 64 && complaints.insert(error).inserted {
            logger.warning("messages on the stream are skipped", metadata: ["reason": "\(error.text)"])
        }
        return .failure(error)
    }
}

extension ZeroMQSocket {
    /// To be called before binding or connecting.
    func adapt(to endpoint: Endpoint, as side: HandshakeMonitor.Side) throws(DeltaStreamError) {
        set(ZMQ_RECONNECT_IVL, 50 as Int32)
        set(ZMQ_RECONNECT_IVL_MAX, 2000 as Int32)
        guard case .tcp(let host, _) = endpoint.kind else { return }
        // An IPv4 address on an IPv6 socket would turn up as ::ffff:… in every message.
        set(
            ZMQ_IPV6,
            host.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || $0 == UInt8(ascii: ".") }
                ? 0 : 1 as Int32)
        // Notice a peer whose host is gone: tcp alone would wait for ever.
        set(ZMQ_HEARTBEAT_IVL, 5000 as Int32)
        set(ZMQ_HEARTBEAT_TIMEOUT, 15000 as Int32)
        set(ZMQ_TCP_KEEPALIVE, 1 as Int32)
        guard let keys = endpoint.keys else { return }
        switch side {
        case .publisher:
            set(ZMQ_CURVE_SERVER, 1 as Int32)
            set(ZMQ_CURVE_SECRETKEY, try keys.requireServer().secretKey)
            set(ZMQ_ZAP_DOMAIN, "mizzen")
        case .subscriber:
            let (own, publisher) = try keys.requireClient()
            set(ZMQ_CURVE_SERVERKEY, publisher)
            set(ZMQ_CURVE_PUBLICKEY, own.publicKey)
            set(ZMQ_CURVE_SECRETKEY, own.secretKey)
        }
    }
}

extension ZeroMQFrame {
    func starts(with prefix: StaticString) -> Bool {
        // Safe: a StaticString's pointer is valid for ever and has that many bytes.
        unsafe withBytes { bytes in
            unsafe bytes.starts(with: UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
        }
    }

    /// Whether this is the topic that a delta has to come under.
    func isTopic(of delta: Delta) -> Bool {
        text == Topic.string(Topic.name(of: delta.resource), bucket: delta.bucket, namespace: delta.namespace)
    }
}
