import KubernetesObjects

@testable import DeltaStream

extension FuzzTarget {
    /// Octet 0 names the kind of message: delta, heartbeat, tail, request, head of an answer, node sample, beat of a collector. What decodes is encoded
    /// and decodes to the same value; a decoder that has met it before says the same.
    static let envelope = FuzzTarget(name: "envelope", longestInput: 4096) { input throws(PropertyFailure) in
        guard let first = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch first % 7 {
        case 0:
            // Safe: the decoders use the bytes inside the closure only.
            try unsafe checkRoundTrip(
                bytes, { decoder, bytes throws(EnvelopeError) in try unsafe decoder.delta(bytes) },
                { EnvelopeEncoding.bytes(of: $0) })
        case 1:
            // Safe: the decoders use the bytes inside the closure only.
            try unsafe checkRoundTrip(
                bytes, { decoder, bytes throws(EnvelopeError) in try unsafe decoder.heartbeat(bytes) },
                { EnvelopeEncoding.bytes(of: $0) })
        case 2:
            // Safe: the decoders use the bytes inside the closure only.
            try unsafe checkRoundTrip(
                bytes, { decoder, bytes throws(EnvelopeError) in try unsafe decoder.tail(bytes) },
                { EnvelopeEncoding.bytes(of: $0) })
        case 3: try checkRequest(bytes)
        case 4:
            // Safe: the decoders use the bytes inside the closure only.
            try unsafe checkRoundTrip(
                bytes,
                { decoder, bytes throws(EnvelopeError) in try unsafe decoder.answerHead(bytes).answer },
                { EnvelopeEncoding.bytes(of: $0) })
        case 6:
            // Safe: the decoders use the bytes inside the closure only.
            try unsafe checkRoundTrip(
                bytes, { _, bytes throws(EnvelopeError) in try unsafe CollectorBeat(bytes) }, { EnvelopeEncoding.bytes(of: $0) })
        default:
            // Safe: the decoders use the bytes inside the closure only.
            try unsafe checkRoundTrip(
                bytes,
                { _, bytes throws(EnvelopeError) in EnvelopeEncoding.SampleBits(try unsafe NodeSample(bytes)) },
                { EnvelopeEncoding.bytes(of: $0.sample) })
        }
    }

    private typealias Decoding<Value> = (inout EnvelopeDecoder, UnsafeRawBufferPointer) throws(EnvelopeError) -> Value

    private static func checkRoundTrip<Value: Equatable>(
        _ bytes: [UInt8], _ decode: Decoding<Value>, _ encode: (Value) -> [UInt8]
    ) throws(PropertyFailure) {
        var decoder = EnvelopeDecoder(known: [.pods])
        let value: Value
        do throws(EnvelopeError) { value = try unsafe EnvelopeEncoding.read(bytes, &decoder, decode) } catch { return }
        for warm in [true, false] {
            if !warm { decoder = EnvelopeDecoder(known: [.pods]) }
            do throws(EnvelopeError) {
                let again = try unsafe EnvelopeEncoding.read(encode(value), &decoder, decode)
                if again != value { throw .wrongTopic }
            } catch {
                throw PropertyFailure("\(value), encoded and decoded (met before: \(warm)), is another value: \(error.text)")
            }
        }
    }

    private static func checkRequest(_ bytes: [UInt8]) throws(PropertyFailure) {
        guard let request = EnvelopeEncoding.request(bytes) else { return }
        var frame = ZeroMQFrame()
        request.encode(into: &frame)
        let again = EnvelopeEncoding.request(frame.bytes)
        try expect(again == request, "\(request) comes back as \(again.map { "\($0)" } ?? "a refusal")")
    }
}

/// The stream's coders over arrays.
private enum EnvelopeEncoding {
    /// A sample of which NaN equals NaN: compared as it is written.
    struct SampleBits: Equatable {
        var sample: NodeSample

        init(_ sample: NodeSample) { self.sample = sample }

        static func == (left: Self, right: Self) -> Bool { bytes(of: left.sample) == bytes(of: right.sample) }
    }

    static func read<Value>(
        _ bytes: [UInt8], _ decoder: inout EnvelopeDecoder,
        _ decode: (inout EnvelopeDecoder, UnsafeRawBufferPointer) throws(EnvelopeError) -> Value
    ) throws(EnvelopeError) -> Value {
        var frame = ZeroMQFrame()
        frame.fill(bytes)
        return try unsafe decoder.read(frame, decode)
    }

    static func request(_ bytes: [UInt8]) -> SnapshotRequest? {
        var frame = ZeroMQFrame()
        frame.fill(bytes)
        // Safe: the bytes are used inside the closure only.
        return unsafe frame.withBytes { bytes in
            try? unsafe EnvelopeDecoder.request(bytes) { group, version, plural in
                Resource(group: group, version: version, plural: plural, kind: "Kind", isNamespaced: true)
            }
        }
    }

    static func bytes(of delta: Delta) -> [UInt8] {
        var frame = ZeroMQFrame()
        var encoder = EnvelopeEncoder()
        encoder.encode(delta, into: &frame)
        return frame.bytes
    }

    static func bytes(of heartbeat: Heartbeat) -> [UInt8] {
        var frame = ZeroMQFrame()
        var encoder = EnvelopeEncoder()
        encoder.encode(heartbeat, into: &frame)
        return frame.bytes
    }

    static func bytes(of tail: NamespaceTail) -> [UInt8] {
        var frame = ZeroMQFrame()
        var encoder = EnvelopeEncoder()
        encoder.encode(tail, into: &frame)
        return frame.bytes
    }

    /// The head alone: how many objects follow is counted from the objects, which it does not have.
    static func bytes(of answer: SnapshotAnswer) -> [UInt8] {
        var frame = ZeroMQFrame()
        answer.encodeHead(into: &frame)
        return frame.bytes
    }

    static func bytes(of beat: CollectorBeat) -> [UInt8] {
        var frame = ZeroMQFrame()
        beat.encode(into: &frame)
        return frame.bytes
    }

    static func bytes(of sample: NodeSample) -> [UInt8] {
        var frame = ZeroMQFrame()
        sample.encode(into: &frame)
        return frame.bytes
    }
}

/// A sample as a subscriber gets it.
enum SampleRoundTrip {
    static func of(_ sample: NodeSample) -> NodeSample? {
        var decoder = EnvelopeDecoder(known: [])
        // Safe: the decoder uses the bytes inside the closure only.
        return try? unsafe EnvelopeEncoding.read(EnvelopeEncoding.bytes(of: sample), &decoder) { _, bytes throws(EnvelopeError) in
            try unsafe NodeSample(bytes)
        }
    }
}
