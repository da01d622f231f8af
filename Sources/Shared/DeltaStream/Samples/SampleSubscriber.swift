import MizzenSystem
import CZeroMQ
public import Logging
import Synchronization

/// Receives samples from any number of collectors. A sample that is lost is made good by the next scrape.
public final class SampleSubscriber: Sendable {
    public struct Statistics: Hashable, Sendable {
        public var samples: UInt64 = 0
        /// Samples that had come before, as a collector repeats its last ones for late subscribers.
        public var repeated: UInt64 = 0
        /// Messages that could not be read and were skipped.
        public var malformed: UInt64 = 0
    }

    private struct Source: Hashable {
        var node: String
        var collector: String
    }

    private let endpoints: [Endpoint]
    private let nodes: Set<String>?
    private let handler: @Sendable (NodeSample) -> Void
    private let logger: Logger
    private let waker: Waker
    private let published = Mutex(Statistics())

    /// - Parameters:
    ///   - nodes: only these; nil: all.
    ///   - handler: called from one thread, in the order of each collector; should return soon.
    public init(
        endpoints: [String], nodes: Set<String>? = nil, transport: Transport = Transport(), logger: Logger,
        handler: @escaping @Sendable (NodeSample) -> Void
    ) throws(DeltaStreamError) {
        var parsed: [Endpoint] = []
        for endpoint in endpoints { parsed.append(try Endpoint(endpoint, transport: transport)) }
        self.endpoints = parsed
        self.nodes = nodes
        self.handler = handler
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
        var seen: [Source: [Int64]] = [:]
        var hasComplained = false
        while true {
            while socket.receive(into: &topic) {
                do throws(EnvelopeError) {
                    let sample = try read(socket, topic, &body)
                    guard nodes?.contains(sample.node) != false else { continue }
                    guard isNew(sample, &seen) else { continue }
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

    private func isNew(_ sample: NodeSample, _ seen: inout [Source: [Int64]]) -> Bool {
        let source = Source(node: sample.node, collector: sample.collector)
        if seen[source]?.contains(sample.scrapedAt) == true {
            published.withLock { $0.repeated += 1 }
            return false
        }
        // Collectors restart under new names; what they were called need not be remembered for ever.
        if seen.count > 100_000 { seen.removeAll() }
        seen[source, default: []].append(sample.scrapedAt)
        if seen[source, default: []].count > 2 { seen[source]?.removeFirst() }
        return true
    }

    private func read(
        _ socket: borrowing ZeroMQSocket, _ topic: borrowing ZeroMQFrame, _ body: inout ZeroMQFrame
    ) throws(EnvelopeError) -> NodeSample {
        guard topic.hasMore, socket.receive(into: &body) else { throw .wrongFrames }
        guard !body.hasMore else {
            socket.skipRest(&body)
            throw .wrongFrames
        }
        let sample = try unsafe body.decode { bytes throws(EnvelopeError) in try unsafe NodeSample(bytes) }
        guard topic.text == sample.topic else { throw .wrongTopic }
        return sample
    }
}
