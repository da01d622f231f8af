import CZeroMQ
import KubernetesObjects
import Logging

/// The asking end of the snapshot endpoint. Belongs to one thread.
struct SnapshotLink: ~Copyable {
    /// Far above any object; a longer frame ends the connection.
    static let longestFrame: Int64 = 256 << 20

    let endpoint: Endpoint
    private(set) var socket: ZeroMQSocket
    private var decoder: EnvelopeDecoder
    private var frame = ZeroMQFrame()
    private var handshakes: HandshakeMonitor?

    /// - Parameter logger: where `refusals` says why; nil where nobody asks for them.
    init(
        _ endpoint: Endpoint, in context: ZeroMQContext, resources: [Resource], logger: Logger? = nil
    ) throws(DeltaStreamError) {
        let socket = try Self.socket(for: endpoint, in: context)
        // Before connecting: a refusal comes once, and libzmq then gives the endpoint up.
        let handshakes = try Self.handshakes(of: socket, with: endpoint, logger)
        try socket.connect(endpoint.text)
        self.endpoint = endpoint
        self.socket = socket
        self.handshakes = handshakes
        decoder = EnvelopeDecoder(known: resources)
    }

    private static func handshakes(
        of socket: borrowing ZeroMQSocket, with endpoint: Endpoint, _ logger: Logger?
    ) throws(DeltaStreamError) -> HandshakeMonitor? {
        guard let logger else { return nil }
        return try HandshakeMonitor(socket, of: endpoint, as: .subscriber, logger: logger)
    }

    /// Forgets the old connection with all that is queued in it; refusals of the new one are not noticed.
    mutating func reconnect(in context: ZeroMQContext) throws(DeltaStreamError) {
        handshakes = nil
        socket = try Self.socket(for: endpoint, in: context)
        try socket.connect(endpoint.text)
    }

    private static func socket(for endpoint: Endpoint, in context: ZeroMQContext) throws(DeltaStreamError) -> ZeroMQSocket {
        let socket = try ZeroMQSocket(.dealer, in: context)
        socket.set(ZMQ_MAXMSGSIZE, longestFrame)
        try socket.adapt(to: endpoint, as: .subscriber)
        return socket
    }

    /// How often the other side has refused this one since the last call.
    mutating func refusals() -> Int { handshakes?.report() ?? 0 }

    /// Waits in libzmq's queue when nobody is connected.
    mutating func send(_ request: SnapshotRequest) {
        request.encode(into: &frame)
        socket.send(&frame, more: false)
    }

    /// - Returns: nil when nothing has come.
    mutating func receive() -> Result<SnapshotAnswer, EnvelopeError>? {
        guard socket.receive(into: &frame) else { return nil }
        do throws(EnvelopeError) {
            return .success(try readAnswer())
        } catch {
            socket.skipRest(&frame)
            return .failure(error)
        }
    }

    private mutating func readAnswer() throws(EnvelopeError) -> SnapshotAnswer {
        let head = try unsafe decoder.read(frame) { decoder, bytes throws(EnvelopeError) in
            try unsafe decoder.answerHead(bytes)
        }
        var answer = head.answer
        for index in answer.buckets.indices {
            let (objects, past) = head.counts[index]
            for _ in 0..<objects { answer.buckets[index].objects.append(try readDelta(answer.buckets[index].bucket, answer.streamID)) }
            for _ in 0..<past { answer.buckets[index].past.append(try readDelta(answer.buckets[index].bucket, answer.streamID)) }
        }
        guard !frame.hasMore else { throw .wrongFrames }
        return answer
    }

    private mutating func readDelta(_ bucket: UInt8, _ streamID: UInt64) throws(EnvelopeError) -> Delta {
        guard frame.hasMore, socket.receive(into: &frame) else { throw .wrongFrames }
        let delta = try unsafe decoder.read(frame) { decoder, bytes throws(EnvelopeError) in try unsafe decoder.delta(bytes) }
        guard delta.bucket == bucket, delta.streamID == streamID else { throw .badField("objects") }
        return delta
    }
}

extension ZeroMQFrame {
    /// Reads the frame's bytes.
    func decode<Value>(
        _ body: (UnsafeRawBufferPointer) throws(EnvelopeError) -> Value
    ) throws(EnvelopeError) -> Value {
        let result = unsafe withBytes { bytes -> Result<Value, EnvelopeError> in
            do throws(EnvelopeError) {
                return .success(try unsafe body(bytes))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

extension EnvelopeDecoder {
    /// Reads a frame's bytes.
    mutating func read<Value>(
        _ frame: borrowing ZeroMQFrame,
        _ decode: (inout EnvelopeDecoder, UnsafeRawBufferPointer) throws(EnvelopeError) -> Value
    ) throws(EnvelopeError) -> Value {
        try unsafe frame.decode { bytes throws(EnvelopeError) in try unsafe decode(&self, bytes) }
    }
}
