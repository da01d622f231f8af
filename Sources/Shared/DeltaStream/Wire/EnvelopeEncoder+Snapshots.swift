import CProtobufC
import CSchemas
import KubernetesObjects

extension SnapshotRequest {
    func encode(into frame: inout ZeroMQFrame) {
        var arena = EnvelopeArena()
        // Safe: all memory is the arena's, which outlives `pack`.
        let message = unsafe arena.message(mizzen__stream__snapshot_request__init)
        unsafe message.pointee.version = envelopeVersion
        unsafe message.pointee.request_id = id
        switch subject {
        case .catalog:
            unsafe message.pointee.kind = MIZZEN__STREAM__SNAPSHOT_REQUEST__KIND__CATALOG
        case .buckets(let resource, let buckets, let namespaces):
            unsafe message.pointee.group = arena.text(resource.group)
            unsafe message.pointee.api_version = arena.text(resource.version)
            unsafe message.pointee.resource = arena.text(resource.plural)
            unsafe message.pointee.n_buckets = buckets.count
            unsafe message.pointee.buckets = arena.array(buckets.map { UInt32($0) })
            let texts = unsafe (namespaces ?? []).sorted().map { unsafe arena.text($0) }
            unsafe message.pointee.n_namespaces = texts.count
            unsafe message.pointee.namespaces = arena.pointers(texts)
        }
        if let known {
            let pairs = known.sequences.sorted { $0.key < $1.key }
            unsafe message.pointee.after_stream_id = known.streamID
            unsafe message.pointee.n_after_buckets = pairs.count
            unsafe message.pointee.after_buckets = arena.array(pairs.map { UInt32($0.key) })
            unsafe message.pointee.n_after_sequences = pairs.count
            unsafe message.pointee.after_sequences = arena.array(pairs.map(\.value))
        }
        unsafe message.pointee.past = wantsPast ? 1 : 0
        unsafe frame.pack(&message.pointee.base)
    }
}

extension SnapshotAnswer {
    /// The first frame; the objects' frames follow it.
    func encodeHead(into frame: inout ZeroMQFrame) {
        var arena = EnvelopeArena()
        // Safe: all memory is the arena's, which outlives `pack`.
        let head = unsafe arena.message(mizzen__stream__snapshot_answer__init)
        unsafe head.pointee.version = envelopeVersion
        unsafe head.pointee.request_id = requestID
        unsafe head.pointee.status =
            switch status {
            case .ok: MIZZEN__STREAM__SNAPSHOT_ANSWER__STATUS__OK
            case .malformed: MIZZEN__STREAM__SNAPSHOT_ANSWER__STATUS__MALFORMED
            case .unknownResource: MIZZEN__STREAM__SNAPSHOT_ANSWER__STATUS__UNKNOWN_RESOURCE
            case .unknownVersion: MIZZEN__STREAM__SNAPSHOT_ANSWER__STATUS__UNKNOWN_VERSION
            }
        unsafe head.pointee.message = arena.text(message)
        unsafe head.pointee.stream_id = streamID
        unsafe head.pointee.synced = synced ? 1 : 0
        let parts = unsafe buckets.map { bucket in
            let part = unsafe arena.message(mizzen__stream__snapshot_bucket__init)
            unsafe part.pointee.bucket = UInt32(bucket.bucket)
            unsafe part.pointee.sequence = bucket.sequence
            unsafe part.pointee.objects = UInt32(clamping: bucket.objects.count)
            unsafe part.pointee.deltas = bucket.isDeltas ? 1 : 0
            unsafe part.pointee.past = UInt32(clamping: bucket.past.count)
            return unsafe part
        }
        unsafe head.pointee.n_buckets = parts.count
        unsafe head.pointee.buckets = arena.pointers(parts)
        let names = unsafe catalog.map { entry in
            let name = unsafe arena.message(mizzen__stream__resource_name__init)
            unsafe name.pointee.group = arena.text(entry.resource.group)
            unsafe name.pointee.api_version = arena.text(entry.resource.version)
            unsafe name.pointee.resource = arena.text(entry.resource.plural)
            unsafe name.pointee.kind = arena.text(entry.resource.kind)
            unsafe name.pointee.namespaced = entry.resource.isNamespaced ? 1 : 0
            unsafe name.pointee.synced = entry.synced ? 1 : 0
            return unsafe name
        }
        unsafe head.pointee.n_catalog = names.count
        unsafe head.pointee.catalog = arena.pointers(names)
        unsafe frame.pack(&head.pointee.base)
    }
}
