import CProtobufC
import CSchemas
import KubernetesObjects

/// Writes messages of delta.proto straight into ZeroMQ frames: no buffer between.
///
/// protobuf-c wants NUL-terminated text, so strings are laid into one scratch buffer that is kept from message to message.
@safe struct EnvelopeEncoder: ~Copyable {
    private var scratch: UnsafeMutablePointer<CChar>
    private var capacity: Int
    private var used = 0

    init() {
        capacity = 4096
        unsafe scratch = .allocate(capacity: 4096)
    }

    deinit { unsafe scratch.deallocate() }

    /// Makes room for texts of together `bytes` bytes; pointers handed out before are dead.
    private mutating func reset(_ bytes: Int) {
        used = 0
        guard bytes > capacity else { return }
        unsafe scratch.deallocate()
        capacity = bytes * 2
        unsafe scratch = .allocate(capacity: capacity)
    }

    /// A NUL-terminated copy that lives until the next `reset`.
    private mutating func lay(_ text: String) -> UnsafeMutablePointer<CChar> {
        let start = unsafe scratch + used
        var text = text
        // Safe: `reset` was told of this text, so it fits with its NUL.
        text.withUTF8 { utf8 in
            unsafe start.withMemoryRebound(to: UInt8.self, capacity: utf8.count + 1) { target in
                if let source = utf8.baseAddress { unsafe target.update(from: source, count: utf8.count) }
                unsafe target[utf8.count] = 0
            }
            used += utf8.count + 1
        }
        return unsafe start
    }

    private static func size(_ resource: Resource) -> Int {
        resource.group.utf8.count + resource.version.utf8.count + resource.plural.utf8.count
            + resource.kind.utf8.count + 4
    }

    mutating func encode(_ delta: borrowing Delta, into frame: inout ZeroMQFrame) {
        reset(
            Self.size(delta.resource) + delta.namespace.utf8.count + delta.name.utf8.count + delta.uid.utf8.count
                + delta.resourceVersion.utf8.count + 4)
        var message = unsafe Mizzen__Stream__Delta()
        // Safe: a struct of this type; every pointer put into it outlives the call of `pack` below.
        unsafe mizzen__stream__delta__init(&message)
        unsafe message.version = envelopeVersion
        unsafe message.stream_id = delta.streamID
        unsafe message.sequence = delta.sequence
        unsafe message.previous = delta.previous
        unsafe message.change = Mizzen__Stream__Change(rawValue: numericCast(delta.change.rawValue))
        unsafe message.group = lay(delta.resource.group)
        unsafe message.api_version = lay(delta.resource.version)
        unsafe message.resource = lay(delta.resource.plural)
        unsafe message.kind = lay(delta.resource.kind)
        unsafe message.namespaced = delta.resource.isNamespaced ? 1 : 0
        unsafe message.namespace_ = lay(delta.namespace)
        unsafe message.name = lay(delta.name)
        unsafe message.uid = lay(delta.uid)
        unsafe message.resource_version = lay(delta.resourceVersion)
        unsafe message.commit_time = delta.commitTime
        unsafe message.encoding =
            delta.object.encoding == .protobuf
            ? MIZZEN__STREAM__ENCODING__PROTOBUF : MIZZEN__STREAM__ENCODING__JSON
        unsafe delta.object.bytes.withUnsafeBufferPointer { bytes in
            unsafe message.object.len = bytes.count
            unsafe message.object.data = UnsafeMutablePointer(mutating: bytes.baseAddress)
            unsafe frame.pack(&message.base)
        }
    }

    mutating func encode(_ heartbeat: Heartbeat, into frame: inout ZeroMQFrame) {
        reset(Self.size(heartbeat.resource) + heartbeat.resourceVersion.utf8.count + 1)
        var message = unsafe Mizzen__Stream__Heartbeat()
        // Safe: as in the delta's `encode`.
        unsafe mizzen__stream__heartbeat__init(&message)
        unsafe message.version = envelopeVersion
        unsafe message.stream_id = heartbeat.streamID
        unsafe message.group = lay(heartbeat.resource.group)
        unsafe message.api_version = lay(heartbeat.resource.version)
        unsafe message.resource = lay(heartbeat.resource.plural)
        unsafe message.kind = lay(heartbeat.resource.kind)
        unsafe message.namespaced = heartbeat.resource.isNamespaced ? 1 : 0
        unsafe message.synced = heartbeat.synced ? 1 : 0
        unsafe message.resource_version = lay(heartbeat.resourceVersion)
        unsafe message.time = heartbeat.time
        unsafe message.interval_milliseconds = heartbeat.intervalMilliseconds
        var sequences = heartbeat.sequences
        unsafe sequences.withUnsafeMutableBufferPointer { numbers in
            unsafe message.n_sequences = numbers.count
            unsafe message.sequences = numbers.baseAddress
            unsafe frame.pack(&message.base)
        }
    }

    mutating func encode(_ tail: NamespaceTail, into frame: inout ZeroMQFrame) {
        reset(Self.size(tail.resource) + tail.namespace.utf8.count + 1)
        var message = unsafe Mizzen__Stream__NamespaceTail()
        // Safe: as in the delta's `encode`.
        unsafe mizzen__stream__namespace_tail__init(&message)
        unsafe message.version = envelopeVersion
        unsafe message.stream_id = tail.streamID
        unsafe message.group = lay(tail.resource.group)
        unsafe message.api_version = lay(tail.resource.version)
        unsafe message.resource = lay(tail.resource.plural)
        unsafe message.namespace_ = lay(tail.namespace)
        var buckets = tail.entries.map { UInt32($0.bucket) }
        var sequences = tail.entries.map(\.sequence)
        unsafe buckets.withUnsafeMutableBufferPointer { buckets in
            unsafe sequences.withUnsafeMutableBufferPointer { sequences in
                unsafe message.n_buckets = buckets.count
                unsafe message.buckets = buckets.baseAddress
                unsafe message.n_sequences = sequences.count
                unsafe message.sequences = sequences.baseAddress
                unsafe frame.pack(&message.base)
            }
        }
    }
}
