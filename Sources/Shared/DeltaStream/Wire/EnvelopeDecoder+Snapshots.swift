import CProtobufC
import CSchemas
import KubernetesObjects

/// The first frame of an answer, before the objects' frames are read.
struct SnapshotHead {
    var answer: SnapshotAnswer
    /// How many object frames belong to each bucket of the answer, and how many frames of past deltas.
    var counts: [(objects: Int, past: Int)]
}

/// A request that cannot be served, and what to answer.
struct RefusedRequest: Error {
    var requestID: UInt64
    var status: SnapshotAnswer.Status
    var message: String
}

extension EnvelopeDecoder {
    /// - Parameter announced: finds a resource by group, version and plural.
    static func request(
        _ bytes: UnsafeRawBufferPointer, announced: (String, String, String) -> Resource?
    ) throws(RefusedRequest) -> SnapshotRequest {
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = unsafe mizzen__stream__snapshot_request__unpack(nil, bytes.count, start) else {
            throw RefusedRequest(requestID: 0, status: .malformed, message: "not a SnapshotRequest")
        }
        // Safe: unpacked by protobuf-c, freed here once; counts are those of what the pointers point to.
        defer { unsafe mizzen__stream__snapshot_request__free_unpacked(message, nil) }
        let fields = unsafe message.pointee
        let id = unsafe fields.request_id
        func refused(_ status: SnapshotAnswer.Status, _ text: String) -> RefusedRequest {
            RefusedRequest(requestID: id, status: status, message: text)
        }
        guard unsafe fields.version == envelopeVersion else {
            throw refused(.unknownVersion, "this watcher speaks version \(envelopeVersion)")
        }
        switch unsafe fields.kind {
        case MIZZEN__STREAM__SNAPSHOT_REQUEST__KIND__CATALOG: return SnapshotRequest(id: id, subject: .catalog)
        case MIZZEN__STREAM__SNAPSHOT_REQUEST__KIND__SNAPSHOT: break
        default: throw refused(.malformed, "unknown kind of request")
        }
        var buckets: [UInt8] = []
        var seen = BucketSet()
        for index in 0..<(unsafe fields.n_buckets) {
            guard let bucket = unsafe UInt8(exactly: fields.buckets[index]), !seen.contains(bucket) else {
                throw refused(.malformed, "buckets are 0 to 255, each at most once")
            }
            seen.insert(bucket)
            buckets.append(bucket)
        }
        guard !buckets.isEmpty else { throw refused(.malformed, "no bucket is asked for") }
        guard unsafe fields.n_after_buckets == fields.n_after_sequences, unsafe fields.n_after_buckets <= Topic.bucketCount else {
            throw refused(.malformed, "after_buckets and after_sequences are pairs, one a bucket at most")
        }
        var known: SnapshotRequest.Known?
        if unsafe fields.n_after_buckets > 0 {
            var sequences: [UInt8: UInt64] = [:]
            for index in 0..<(unsafe fields.n_after_buckets) {
                guard let bucket = unsafe UInt8(exactly: fields.after_buckets[index]) else {
                    throw refused(.malformed, "buckets are 0 to 255, each at most once")
                }
                sequences[bucket] = unsafe fields.after_sequences[index]
            }
            known = unsafe .init(streamID: fields.after_stream_id, sequences: sequences)
        }
        do {
            var namespaces: Set<String> = []
            for index in 0..<(unsafe fields.n_namespaces) {
                namespaces.insert(try unsafe text(fields.namespaces[index], "namespaces"))
            }
            let group = try unsafe text(fields.group, "group")
            let version = try unsafe text(fields.api_version, "api_version")
            let plural = try unsafe text(fields.resource, "resource")
            guard let resource = announced(group, version, plural) else {
                throw refused(.unknownResource, "this watcher does not watch \(plural) of \(group)/\(version)")
            }
            return SnapshotRequest(
                id: id, subject: .buckets(resource, buckets, namespaces: namespaces.isEmpty ? nil : namespaces), known: known,
                wantsPast: unsafe fields.past != 0)
        } catch let error as RefusedRequest {
            throw error
        } catch let error as EnvelopeError {
            throw refused(.malformed, error.text)
        } catch {
            throw refused(.malformed, "bad request")
        }
    }

    mutating func answerHead(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) -> SnapshotHead {
        let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = unsafe mizzen__stream__snapshot_answer__unpack(nil, bytes.count, start) else {
            throw .unparsable
        }
        // Safe: as in `request`; protobuf-c leaves no nil among the pointers of repeated messages.
        defer { unsafe mizzen__stream__snapshot_answer__free_unpacked(message, nil) }
        let fields = unsafe message.pointee
        try unsafe Self.check(version: fields.version)
        var answer = unsafe SnapshotAnswer(requestID: fields.request_id, streamID: fields.stream_id)
        switch unsafe fields.status {
        case MIZZEN__STREAM__SNAPSHOT_ANSWER__STATUS__OK: answer.status = .ok
        case MIZZEN__STREAM__SNAPSHOT_ANSWER__STATUS__UNKNOWN_RESOURCE: answer.status = .unknownResource
        case MIZZEN__STREAM__SNAPSHOT_ANSWER__STATUS__UNKNOWN_VERSION: answer.status = .unknownVersion
        default: answer.status = .malformed
        }
        answer.message = try unsafe Self.text(fields.message, "message")
        answer.synced = unsafe fields.synced != 0
        guard unsafe fields.n_buckets <= Topic.bucketCount else { throw .badField("buckets") }
        var counts: [(objects: Int, past: Int)] = []
        for index in 0..<(unsafe fields.n_buckets) {
            guard let part = unsafe fields.buckets[index], let bucket = unsafe UInt8(exactly: part.pointee.bucket)
            else {
                throw .badField("buckets")
            }
            unsafe answer.buckets.append(
                .init(bucket: bucket, sequence: part.pointee.sequence, objects: [], isDeltas: part.pointee.deltas != 0))
            unsafe counts.append((Int(part.pointee.objects), Int(part.pointee.past)))
        }
        for index in 0..<(unsafe fields.n_catalog) {
            guard let name = unsafe fields.catalog[index] else { throw .badField("catalog") }
            let names = unsafe name.pointee
            let resource = try unsafe resource(
                names.group, names.api_version, names.resource, names.kind, names.namespaced != 0)
            unsafe answer.catalog.append(CatalogEntry(resource: resource, synced: names.synced != 0))
        }
        return SnapshotHead(answer: answer, counts: counts)
    }
}
