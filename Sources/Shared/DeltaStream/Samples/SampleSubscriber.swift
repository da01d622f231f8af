import MizzenSystem
import CZeroMQ
public import Logging
import Synchronization

/// Receives samples from any number of collectors. A sample that is lost is made good by the next scrape.
public final class SampleSubscriber: Sendable {
    public struct Statistics: Hashable, Sendable {
        public var samples: UInt64 = 0
        /// Samples that had come before, or whose successors had: a collector repeats its last ones for late subscribers.
        public var repeated: UInt64 = 0
        /// Messages that could not be read and were skipped.
        public var malformed: UInt64 = 0
    }

    private struct Source: Hashable {
        var node: String
        var collector: String
    }

    /// What has come of a source.
    fileprivate struct Seen {
        /// The last two samples' times, of a collector that does not count its samples.
        var times: [Int64] = []
        var position: SamplePosition?
        /// The run before: what is still on its way of it is of no use when its successor is heard.
        var formerRun: UInt64?
    }

    private let endpoints: [Endpoint]
    private let nodes: Set<String>?
    private let handler: @Sendable (NodeSample) -> Void
    private let beats: (@Sendable (CollectorBeat) -> Void)?
    private let logger: Logger
    private let waker: Waker
    private let published = Mutex(Statistics())

    /// - Parameters:
    ///   - nodes: only these; nil: all.
    ///   - beats: called from the same thread with what collectors say that share nodes; nil: that is not asked for.
    ///   - handler: called from one thread, in the order of each collector; should return soon.
    public init(
        endpoints: [String], nodes: Set<String>? = nil, transport: Transport = Transport(), logger: Logger,
        beats: (@Sendable (CollectorBeat) -> Void)? = nil, handler: @escaping @Sendable (NodeSample) -> Void
    ) throws(DeltaStreamError) {
        var parsed: [Endpoint] = []
        for endpoint in endpoints { parsed.append(try Endpoint(endpoint, transport: transport)) }
        self.endpoints = parsed
        self.nodes = nodes
        self.handler = handler
        self.beats = beats
        self.logger = logger
        waker = try Waker.forStream()
    }

    public var statistics: Statistics { published.withLock { $0 } }

    /// Until the task is cancelled; once per subscriber. Endpoints where nobody listens yet are waited for.
    public func run() async throws {
        try await OwnThread.run(name: "mizzen-usage", waker: waker) { [self] in
            let context = try ZeroMQContext()
            let socket = try ZeroMQSocket(.subscribe, in: context)
            socket.set(ZMQ_MAXMSGSIZE, SnapshotLink.longestFrame)
            // First, so that who repeats what was missed says before its samples that it shares the nodes.
            if beats != nil { socket.subscribe(CollectorBeat.topicPrefix) }
            for node in nodes ?? [""] { socket.subscribe(NodeSample.topicPrefix + node) }
            // One socket has one identity: all endpoints over tcp share the keys.
            for endpoint in endpoints { try socket.adapt(to: endpoint, as: .subscriber) }
            // Before connecting: a refusal comes once, and libzmq then gives the endpoint up.
            var handshakes: HandshakeMonitor?
            if let tcp = endpoints.first(where: { $0.isTCP }) {
                handshakes = try HandshakeMonitor(socket, of: tcp, as: .subscriber, logger: logger)
            }
            for endpoint in endpoints { try socket.connect(endpoint.text) }
            receive(socket, &handshakes)
        }
    }

    private func receive(_ socket: borrowing ZeroMQSocket, _ handshakes: inout HandshakeMonitor?) {
        var topic = ZeroMQFrame()
        var body = ZeroMQFrame()
        var seen: [Source: Seen] = [:]
        var hasComplained = false
        while true {
            while socket.receive(into: &topic) {
                do throws(EnvelopeError) {
                    if let beats, topic.text?.hasPrefix(CollectorBeat.topicPrefix) == true {
                        beats(try readBeat(socket, topic, &body))
                        continue
                    }
                    let (sample, position) = try read(socket, topic, &body)
                    guard nodes?.contains(sample.node) != false else { continue }
                    guard isNew(sample, position, &seen) else { continue }
                    published.withLock { $0.samples += 1 }
                    handler(sample)
                } catch {
                    published.withLock { $0.malformed += 1 }
                    if !hasComplained { logger.warning("samples are skipped", metadata: ["reason": "\(error.text)"]) }
                    hasComplained = true
                }
            }
            if (handshakes?.report() ?? 0) > 0 { reconnect(socket) }
            if socket.wait(waker: waker, milliseconds: 1000).wake { return }
        }
    }

    /// After a refusal. Collectors that did not refuse are connected again too, and repeat their last samples then.
    private func reconnect(_ socket: borrowing ZeroMQSocket) {
        for endpoint in endpoints where endpoint.isTCP {
            do throws(DeltaStreamError) {
                try socket.reconnect(endpoint.text)
            } catch {
                logger.error("cannot connect again", metadata: ["error": "\(error)"])
            }
        }
    }

    private func isNew(_ sample: NodeSample, _ position: SamplePosition?, _ seen: inout [Source: Seen]) -> Bool {
        let source = Source(node: sample.node, collector: sample.collector)
        // Collectors restart under new names; what they were called need not be remembered for ever.
        if seen.count > 100_000 { seen.removeAll() }
        let isNew = seen[source, default: Seen()].take(sample.scrapedAt, position)
        if !isNew { published.withLock { $0.repeated += 1 } }
        return isNew
    }

    private func read(
        _ socket: borrowing ZeroMQSocket, _ topic: borrowing ZeroMQFrame, _ body: inout ZeroMQFrame
    ) throws(EnvelopeError) -> (NodeSample, SamplePosition?) {
        try receiveBody(socket, topic, &body)
        var position: SamplePosition?
        let sample = try unsafe body.decode { bytes throws(EnvelopeError) in try unsafe NodeSample(bytes, position: &position) }
        guard topic.text == sample.topic else { throw .wrongTopic }
        return (sample, position)
    }

    private func readBeat(
        _ socket: borrowing ZeroMQSocket, _ topic: borrowing ZeroMQFrame, _ body: inout ZeroMQFrame
    ) throws(EnvelopeError) -> CollectorBeat {
        try receiveBody(socket, topic, &body)
        let beat = try unsafe body.decode { bytes throws(EnvelopeError) in try unsafe CollectorBeat(bytes) }
        guard topic.text == beat.topic else { throw .wrongTopic }
        return beat
    }

    private func receiveBody(
        _ socket: borrowing ZeroMQSocket, _ topic: borrowing ZeroMQFrame, _ body: inout ZeroMQFrame
    ) throws(EnvelopeError) {
        guard topic.hasMore, socket.receive(into: &body) else { throw .wrongFrames }
        guard !body.hasMore else {
            socket.skipRest(&body)
            throw .wrongFrames
        }
    }
}

extension SampleSubscriber.Seen {
    /// - Returns: whether a sample is newer than what has come of its source.
    fileprivate mutating func take(_ time: Int64, _ position: SamplePosition?) -> Bool {
        guard let position else {
            // Nothing tells one that was lost, and is repeated behind its successor, from one after a clock was set back.
            guard !times.contains(time) else { return false }
            times = times.suffix(1) + [time]
            return true
        }
        guard position.run != formerRun else { return false }
        if let held = self.position {
            if held.run == position.run {
                guard position.sequence > held.sequence else { return false }
            } else {
                formerRun = held.run
            }
        }
        self.position = position
        return true
    }
}
