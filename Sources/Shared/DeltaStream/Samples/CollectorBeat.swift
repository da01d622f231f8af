import CProtobufC
import CSchemas

/// Where a sample stands among those of its collector, so that one that was lost is known when it is repeated behind a later one.
struct SamplePosition: Hashable, Sendable {
    /// Drawn by each process.
    var run: UInt64
    /// From 1.
    var sequence: UInt64

    /// Bytes in a sample: two fields of a tag and eight bytes.
    static let encodedSize = 18
}

/// What a collector says again and again that shares the nodes with others.
public struct CollectorBeat: Hashable, Sendable {
    /// The name in its samples.
    public var collector: String
    /// Drawn by each process.
    public var run: UInt64
    /// Milliseconds between two beats.
    public var interval: UInt64
    /// Milliseconds between two scrapes of a node.
    public var resolution: UInt64
    /// Which nodes it scrapes.
    public var nodeSelector: String
    /// It ends: this is its last beat.
    public var isLeaving: Bool

    public init(collector: String, run: UInt64 = 0, interval: UInt64, resolution: UInt64, nodeSelector: String, isLeaving: Bool = false) {
        self.collector = collector
        self.run = run
        self.interval = interval
        self.resolution = resolution
        self.nodeSelector = nodeSelector
        self.isLeaving = isLeaving
    }

    static let topicPrefix = "collectors/"
    var topic: String { Self.topicPrefix + collector }
}

extension CollectorBeat {
    func encode(into frame: inout ZeroMQFrame) {
        var arena = EnvelopeArena()
        // Safe: all memory is the arena's, which outlives `pack`.
        let message = unsafe arena.message(mizzen__stream__collector_beat__init)
        unsafe message.pointee.has_version = 1
        unsafe message.pointee.version = envelopeVersion
        unsafe message.pointee.collector = arena.text(collector)
        unsafe message.pointee.has_run = 1
        unsafe message.pointee.run = run
        unsafe message.pointee.has_interval = 1
        unsafe message.pointee.interval = interval
        unsafe message.pointee.has_resolution = 1
        unsafe message.pointee.resolution = resolution
        unsafe message.pointee.node_selector = arena.text(nodeSelector)
        unsafe message.pointee.has_leaving = 1
        unsafe message.pointee.leaving = isLeaving ? 1 : 0
        unsafe frame.pack(&message.pointee.base)
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) {
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = unsafe mizzen__stream__collector_beat__unpack(nil, bytes.count, start) else { throw .unparsable }
        // Safe: unpacked by protobuf-c, freed here once; absent texts are nil.
        defer { unsafe mizzen__stream__collector_beat__free_unpacked(message, nil) }
        let fields = unsafe message.pointee
        try unsafe EnvelopeDecoder.check(version: fields.version)
        unsafe self.init(
            collector: try EnvelopeDecoder.text(fields.collector, "collector"), run: fields.run, interval: fields.interval,
            resolution: fields.resolution,
            nodeSelector: fields.node_selector == nil ? "" : try EnvelopeDecoder.text(fields.node_selector, "node_selector"),
            isLeaving: fields.leaving != 0)
    }
}
