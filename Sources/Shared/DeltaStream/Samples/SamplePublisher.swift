import MizzenSystem
import CZeroMQ
public import Logging
import Synchronization

/// Publishes a collector's samples. Like ``Publisher`` it never waits for a subscriber.
///
/// Who comes late need not wait for two scrapes to have a rate: while ``run()`` runs, a new subscriber gets the last two
/// samples of each node that it asks for, the older one without its summary (and so do the others, who know them by their time).
public final class SamplePublisher: Sendable {
    public struct Options: Sendable {
        /// Samples that wait for one subscriber before it loses some.
        public var sendHighWaterMark: Int32 = 4096
        public var transport = Transport()

        public init() {}
    }

    private struct Packed {
        var bytes: [UInt8]
        /// Where the summary is; empty where there is none.
        var summary: Range<Int>

        var withoutSummary: Packed {
            if summary.isEmpty { return self }
            return Packed(bytes: Array(bytes[..<summary.lowerBound] + bytes[summary.upperBound...]), summary: 0..<0)
        }
    }

    private struct Outlet: ~Copyable {
        let socket: ZeroMQSocket
        var handshakes: HandshakeMonitor?
        var topic = ZeroMQFrame()
        var body = ZeroMQFrame()
        /// Oldest first, by node.
        var recent: [String: [Packed]] = [:]
        /// The collector's last beat.
        var beat: (topic: String, bytes: [UInt8])?
        var published: UInt64 = 0
        let run = UInt64.random(in: .min ... .max)

        init(socket: consuming ZeroMQSocket, handshakes: consuming HandshakeMonitor?) {
            self.socket = socket
            self.handshakes = handshakes
        }

        /// Packs a sample as what is sent next, and keeps it for who comes late.
        mutating func encode(_ sample: NodeSample) {
            published += 1
            let position = SamplePosition(run: run, sequence: published)
            var bareSize: Int?
            if sample.summary != nil {
                var bare = sample
                bare.summary = nil
                bare.encode(into: &body, at: position)
                bareSize = body.count
            }
            sample.encode(into: &body, at: position)
            // Fields stand in the order of their numbers: behind the summary is only the position.
            let summary = bareSize.map { $0 - SamplePosition.encodedSize..<body.count - SamplePosition.encodedSize } ?? 0..<0
            // A rate needs two samples, a summary only the newer one, and it is most of them.
            recent[sample.node] =
                (recent[sample.node]?.last.map { [$0.withoutSummary] } ?? []) + [
                    Packed(bytes: body.bytes, summary: summary)
                ]
        }

        mutating func send(_ topic: String) {
            self.topic.fill(topic.utf8)
            guard socket.send(&self.topic, more: true) else { return }
            socket.send(&body, more: false)
        }

        mutating func send(_ beat: (topic: String, bytes: [UInt8])) {
            body.fill(beat.bytes)
            send(beat.topic)
        }

        /// Reads which subscriptions are new, and sends what they missed.
        ///
        /// The socket's descriptor tells once that there is something to read, to whoever uses the socket next, so everybody who has used it
        /// reads until there is nothing: then the descriptor tells of the next one, and the thread that waits for it may wait for long.
        mutating func replay() {
            while socket.receive(into: &topic) {
                let message = topic.bytes
                guard message.first == 1, let prefix = String(validating: message.dropFirst(), as: UTF8.self) else {
                    continue
                }
                for (node, samples) in recent where (NodeSample.topicPrefix + node).hasPrefix(prefix) {
                    for sample in samples {
                        body.fill(sample.bytes)
                        send(NodeSample.topicPrefix + node)
                    }
                }
                if let beat, beat.topic.hasPrefix(prefix) { send(beat) }
            }
        }
    }

    private let outlet: Mutex<Outlet>
    private let waker: Waker
    private let descriptor: Int32
    private let authenticator: Authenticator?
    /// Where the socket is bound; a port given as `*` has become a number.
    public let endpoint: String

    public init(_ endpoint: String, options: Options = Options(), logger: Logger) throws(DeltaStreamError) {
        let parsed = try Endpoint(endpoint, transport: options.transport)
        let lock = try parsed.claim(as: "collector")
        let context = try ZeroMQContext(keeping: lock.map { [$0] } ?? [])
        authenticator = try parsed.keys.map { keys throws(DeltaStreamError) in
            try Authenticator(keys, in: context, logger: logger)
        }
        let socket = try ZeroMQSocket(.publishSeeingSubscriptions, in: context)
        socket.set(ZMQ_SNDHWM, options.sendHighWaterMark)
        socket.set(ZMQ_XPUB_VERBOSE, 1 as Int32)
        try socket.adapt(to: parsed, as: .publisher)
        let handshakes = try HandshakeMonitor(socket, of: parsed, as: .publisher, logger: logger)
        try socket.bind(endpoint, as: "collector")
        try parsed.restrictToOwner()
        self.endpoint = socket.lastEndpoint
        descriptor = socket.descriptor
        waker = try Waker.forStream()
        outlet = Mutex(Outlet(socket: socket, handshakes: handshakes))
        logger.debug("publishing samples", metadata: ["endpoint": "\(self.endpoint)"])
    }

    /// From any thread.
    public func publish(_ sample: NodeSample) {
        outlet.withLock { outlet in
            outlet.encode(sample)
            outlet.send(sample.topic)
            outlet.replay()
        }
    }

    /// Says that the collector shares the nodes with those who hear it; from any thread. A new subscriber hears the last beat.
    /// - Parameter beat: its `run` becomes this publisher's.
    public func publish(_ beat: CollectorBeat) {
        outlet.withLock { outlet in
            var beat = beat
            beat.run = outlet.run
            beat.encode(into: &outlet.body)
            outlet.beat = beat.isLeaving ? nil : (beat.topic, outlet.body.bytes)
            outlet.send(beat.topic)
            outlet.replay()
        }
    }

    /// Drawn for this publisher: tells it from another that bears the same name.
    public var run: UInt64 { outlet.withLock { $0.run } }

    /// A node that is gone is not told to new subscribers any more.
    public func forget(node: String) {
        outlet.withLock { outlet in _ = outlet.recent.removeValue(forKey: node) }
    }

    /// Samples published since the beginning.
    public var publishedCount: UInt64 { outlet.withLock { $0.published } }

    /// Serves late subscribers until the task is cancelled.
    public func run() async throws {
        try await OwnThread.run(name: "mizzen-samples", waker: waker) { [self] in
            while true {
                let watchesHandshakes = outlet.withLock { outlet in
                    outlet.replay()
                    _ = outlet.handshakes?.report()
                    return outlet.handshakes != nil
                }
                // What went wrong in a handshake has no descriptor here.
                if waker.wait(or: descriptor, milliseconds: watchesHandshakes ? 500 : 60_000) { return }
            }
        }
    }
}
