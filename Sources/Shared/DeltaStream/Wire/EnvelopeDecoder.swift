import CProtobufC
import CSchemas
import Glibc
import KubernetesObjects

/// Reads messages of delta.proto. Every field is checked before it is used; nothing here traps on any input.
struct EnvelopeDecoder {
    /// Longer texts are in no Kubernetes object's identity (names end at 253 bytes, UIDs at 36).
    static let longestText = 1024

    /// Resources met so far, the last one used first, so that deltas share their strings.
    private var known: [Resource]

    init(known: [Resource] = []) {
        self.known = known
    }

    mutating func delta(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) -> Delta {
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = unsafe mizzen__stream__delta__unpack(nil, bytes.count, start) else { throw .unparsable }
        // Safe: unpacked by protobuf-c, freed here once; texts are NUL-terminated, `object.len` is the size of its data.
        defer { unsafe mizzen__stream__delta__free_unpacked(message, nil) }
        let fields = unsafe message.pointee
        try unsafe Self.check(version: fields.version)
        guard let change = unsafe UInt8(exactly: fields.change.rawValue).flatMap(Change.init) else {
            throw .badField("change")
        }
        let encoding: ObjectEncoding
        switch unsafe fields.encoding {
        case MIZZEN__STREAM__ENCODING__PROTOBUF: encoding = .protobuf
        case MIZZEN__STREAM__ENCODING__JSON: encoding = .json
        default: throw .badField("encoding")
        }
        guard unsafe fields.sequence > 0 else { throw .badField("sequence") }
        guard unsafe fields.previous < fields.sequence else { throw .badField("previous") }
        let identity = unsafe ObjectIdentity(
            namespace: try Self.text(fields.namespace_, "namespace"), name: try Self.text(fields.name, "name"),
            uid: try Self.text(fields.uid, "uid"),
            resourceVersion: try Self.text(fields.resource_version, "resource_version"))
        guard !identity.uid.isEmpty else { throw .badField("uid") }
        let resource = try unsafe resource(
            fields.group, fields.api_version, fields.resource, fields.kind, fields.namespaced != 0)
        let object = unsafe [UInt8](UnsafeBufferPointer(start: fields.object.data, count: fields.object.len))
        return unsafe Delta(
            streamID: fields.stream_id, sequence: fields.sequence, previous: fields.previous, change: change,
            resource: resource, identity: identity, commitTime: fields.commit_time,
            object: EncodedObject(encoding: encoding, bytes: object))
    }

    mutating func heartbeat(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) -> Heartbeat {
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = unsafe mizzen__stream__heartbeat__unpack(nil, bytes.count, start) else {
            throw .unparsable
        }
        // Safe: as in `delta`; `n_sequences` counts what `sequences` points to.
        defer { unsafe mizzen__stream__heartbeat__free_unpacked(message, nil) }
        let fields = unsafe message.pointee
        try unsafe Self.check(version: fields.version)
        guard unsafe fields.n_sequences == Topic.bucketCount else { throw .badField("sequences") }
        guard unsafe fields.interval_milliseconds > 0 else { throw .badField("interval_milliseconds") }
        let resource = try unsafe resource(
            fields.group, fields.api_version, fields.resource, fields.kind, fields.namespaced != 0)
        return unsafe Heartbeat(
            streamID: fields.stream_id, resource: resource, synced: fields.synced != 0,
            resourceVersion: try Self.text(fields.resource_version, "resource_version"), time: fields.time,
            intervalMilliseconds: fields.interval_milliseconds,
            sequences: [UInt64](UnsafeBufferPointer(start: fields.sequences, count: fields.n_sequences)))
    }

    /// The resource's kind and scope are not in a tail: they come from what is known, and the tail of an unknown resource
    /// is refused.
    mutating func tail(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) -> NamespaceTail {
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = unsafe mizzen__stream__namespace_tail__unpack(nil, bytes.count, start) else {
            throw .unparsable
        }
        // Safe: as in `delta`; both counts are checked to be what the pointers point to.
        defer { unsafe mizzen__stream__namespace_tail__free_unpacked(message, nil) }
        let fields = unsafe message.pointee
        try unsafe Self.check(version: fields.version)
        guard unsafe fields.n_buckets == fields.n_sequences, unsafe fields.n_buckets <= Topic.bucketCount else {
            throw .badField("buckets")
        }
        var entries: [NamespaceTail.Entry] = []
        for index in 0..<(unsafe fields.n_buckets) {
            guard let bucket = unsafe UInt8(exactly: fields.buckets[index]) else { throw .badField("buckets") }
            unsafe entries.append(.init(bucket: bucket, sequence: fields.sequences[index]))
        }
        let names = unsafe (fields.group, fields.api_version, fields.resource)
        guard
            let index = known.firstIndex(where: {
                unsafe Self.equal($0.plural, names.2) && Self.equal($0.group, names.0)
                    && Self.equal($0.version, names.1)
            })
        else { throw .badField("resource") }
        return unsafe NamespaceTail(
            streamID: fields.stream_id, resource: known[index],
            namespace: try Self.text(fields.namespace_, "namespace"), entries: entries)
    }

    /// Versions above ours may mean anything, so nothing else of such a message is looked at.
    static func check(version: UInt32) throws(EnvelopeError) {
        guard version == envelopeVersion else { throw .unknownVersion(version) }
    }

    static func text(
        _ pointer: UnsafeMutablePointer<CChar>?, _ field: StaticString
    ) throws(EnvelopeError) -> String {
        // Safe: protobuf-c ends every text with NUL.
        guard let pointer = unsafe pointer, unsafe strnlen(pointer, longestText + 1) <= longestText,
            let text = unsafe String(validatingCString: pointer)
        else { throw .badField(field) }
        return text
    }

    private static func equal(_ text: String, _ pointer: UnsafeMutablePointer<CChar>?) -> Bool {
        // Safe: both are NUL-terminated.
        guard let pointer = unsafe pointer else { return false }
        return unsafe strcmp(text, pointer) == 0
    }

    mutating func resource(
        _ group: UnsafeMutablePointer<CChar>?, _ version: UnsafeMutablePointer<CChar>?,
        _ plural: UnsafeMutablePointer<CChar>?, _ kind: UnsafeMutablePointer<CChar>?, _ namespaced: Bool
    ) throws(EnvelopeError) -> Resource {
        let found = known.firstIndex {
            unsafe $0.isNamespaced == namespaced && Self.equal($0.plural, plural) && Self.equal($0.group, group)
                && Self.equal($0.version, version) && Self.equal($0.kind, kind)
        }
        if let found {
            if found > 0 { known.swapAt(0, found) }
            return known[0]
        }
        let resource = unsafe Resource(
            group: try Self.text(group, "group"), version: try Self.text(version, "api_version"),
            plural: try Self.text(plural, "resource"), kind: try Self.text(kind, "kind"), isNamespaced: namespaced)
        guard Self.isName(resource.plural) else { throw .badField("resource") }
        // A flood of invented names must not grow this.
        if known.count < 512 { known.append(resource) }
        return resource
    }

    /// Not empty, and without what would break a topic.
    private static func isName(_ text: String) -> Bool { !text.isEmpty && !text.utf8.contains(UInt8(ascii: "/")) }
}
