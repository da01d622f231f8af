import KubernetesObjects

/// What a ``StreamHistory`` keeps of one object: everything that tells its next delta, but not its bytes.
struct RememberedObject: Hashable, Sendable {
    var identity: ObjectIdentity
    var encoding: ObjectEncoding
    /// Of the object's bytes: ``StreamHistory/digest(_:)``.
    var digest: UInt64
    var sequence: UInt64
    /// Nanoseconds since 1970-01-01 UTC.
    var commitTime: Int64

    /// Whether subscribers have been told this very state. resourceVersions alone do not tell: after a restore of etcd a
    /// server gives the same one to something else.
    func isState(_ watched: WatchedObject) -> Bool {
        identity.resourceVersion == watched.identity.resourceVersion && encoding == watched.object.encoding
            && digest == StreamHistory.digest(watched.object.bytes)
    }
}

/// One bucket of a resource as a whole.
struct BucketImage: Hashable, Sendable {
    var sequence: UInt64 = 0
    /// As ``StoredResource`` has it.
    var forgotten: UInt64 = 0
    /// The last sequence of each namespace.
    var tails: [String: UInt64] = [:]
    var objects: [RememberedObject] = []
}

/// One record of a history file.
///
/// The first byte of a record's body tells the kind (CheckedRecords.swift has the form of records).
enum HistoryRecord: Hashable {
    /// Resources are numbered in the order of these records.
    case resource(Resource)
    /// One delta. `object.sequence` and `object.commitTime` are the delta's.
    case change(resource: UInt16, Change, RememberedObject)
    /// Stands in the place of all changes of the bucket before it.
    case bucket(resource: UInt16, bucket: UInt8, BucketImage)
}

// MARK: - Writing

/// Puts records one behind the other into a buffer.
struct HistoryEncoder {
    private var records = RecordEncoder()

    var bytes: [UInt8] { records.bytes }

    mutating func removeAll() { records.removeAll() }

    mutating func resource(_ resource: Resource) {
        record(.resource) { record in
            for text in [resource.group, resource.version, resource.plural, resource.kind] { record.put(text) }
            record.put(resource.isNamespaced ? 1 : 0 as UInt8)
        }
    }

    mutating func change(resource: UInt16, _ change: Change, _ object: RememberedObject) {
        record(.change) { record in
            record.put(resource)
            record.put(change.rawValue)
            record.put(object)
        }
    }

    mutating func bucket(resource: UInt16, bucket: UInt8, _ image: BucketImage) {
        record(.bucket) { record in
            record.put(resource)
            record.put(bucket)
            record.put(image.sequence)
            record.put(image.forgotten)
            record.put(UInt32(image.tails.count))
            for (namespace, sequence) in image.tails {
                record.put(namespace)
                record.put(sequence)
            }
            record.put(UInt32(image.objects.count))
            for object in image.objects { record.put(object) }
        }
    }

    fileprivate enum Kind: UInt8 {
        case resource = 1
        case change = 2
        case bucket = 3
    }

    private mutating func record(_ kind: Kind, _ body: (inout RecordEncoder) -> Void) {
        records.record { record in
            record.put(kind.rawValue)
            body(&record)
        }
    }
}

extension RecordEncoder {
    fileprivate mutating func put(_ object: RememberedObject) {
        put(object.identity.namespace)
        put(object.identity.name)
        put(object.identity.uid)
        put(object.identity.resourceVersion)
        put(object.encoding == .protobuf ? 1 : 2 as UInt8)
        put(object.digest)
        put(object.sequence)
        put(UInt64(bitPattern: object.commitTime))
    }
}

// MARK: - Reading

/// Reads records one after the other. Nothing here traps on any input.
struct HistoryDecoder {
    private var records: RecordDecoder

    var position: Int { records.position }

    init(_ bytes: [UInt8], from position: Int = 0) {
        records = RecordDecoder(bytes, from: position)
    }

    /// The next record, or nil at the end of the file.
    mutating func next() throws(HistoryFault) -> HistoryRecord? {
        try records.next { (record, start) throws(HistoryFault) in try Self.body(&record, start) }
    }

    private static func body(_ record: inout RecordDecoder, _ start: Int) throws(HistoryFault) -> HistoryRecord {
        switch HistoryEncoder.Kind(rawValue: try record.uint8()) {
        case .resource:
            let (group, version, plural, kind) = (try record.text(), try record.text(), try record.text(), try record.text())
            let isNamespaced = try record.uint8() == 1
            return .resource(Resource(group: group, version: version, plural: plural, kind: kind, isNamespaced: isNamespaced))
        case .change:
            let resource = try record.uint16()
            guard let change = Change(rawValue: try record.uint8()) else { throw .damaged(at: start, "no such change") }
            return .change(resource: resource, change, try object(&record))
        case .bucket:
            let (resource, bucket) = (try record.uint16(), try record.uint8())
            var image = BucketImage(sequence: try record.uint64(), forgotten: try record.uint64())
            for _ in 0..<(try record.uint32()) { image.tails[try record.text()] = try record.uint64() }
            for _ in 0..<(try record.uint32()) { image.objects.append(try object(&record)) }
            return .bucket(resource: resource, bucket: bucket, image)
        case nil:
            throw .damaged(at: start, "no such kind of record")
        }
    }

    private static func object(_ record: inout RecordDecoder) throws(HistoryFault) -> RememberedObject {
        let identity = ObjectIdentity(
            namespace: try record.text(), name: try record.text(), uid: try record.text(), resourceVersion: try record.text())
        return RememberedObject(
            identity: identity, encoding: try record.uint8() == 1 ? .protobuf : .json, digest: try record.uint64(),
            sequence: try record.uint64(), commitTime: Int64(bitPattern: try record.uint64()))
    }
}
