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
/// A record is its body's length, the complement of that, a checksum of the body (4 bytes each) and the body, whose first byte
/// tells the kind. Numbers are little-endian, texts have their length (2 bytes) in front.
enum HistoryRecord: Hashable {
    /// Resources are numbered in the order of these records.
    case resource(Resource)
    /// One delta. `object.sequence` and `object.commitTime` are the delta's.
    case change(resource: UInt16, Change, RememberedObject)
    /// Stands in the place of all changes of the bucket before it.
    case bucket(resource: UInt16, bucket: UInt8, BucketImage)
}

/// Why a history file cannot be gone on with.
enum HistoryFault: Error, Hashable {
    /// The file ends inside the record that begins here: what a process leaves that is killed while it writes.
    case cutShort(at: Int)
    case damaged(at: Int, StaticString)

    static func == (left: HistoryFault, right: HistoryFault) -> Bool { left.text == right.text }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }

    var text: String {
        switch self {
        case .cutShort(let at): "it ends inside the record at byte \(at)"
        case .damaged(let at, let what): "at byte \(at): \(what)"
        }
    }
}

// MARK: - Writing

/// Puts records one behind the other into a buffer.
struct HistoryEncoder {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func resource(_ resource: Resource) {
        record(.resource) { encoder in
            for text in [resource.group, resource.version, resource.plural, resource.kind] { encoder.put(text) }
            encoder.put(resource.isNamespaced ? 1 : 0 as UInt8)
        }
    }

    mutating func change(resource: UInt16, _ change: Change, _ object: RememberedObject) {
        record(.change) { encoder in
            encoder.put(resource)
            encoder.put(change.rawValue)
            encoder.put(object)
        }
    }

    mutating func bucket(resource: UInt16, bucket: UInt8, _ image: BucketImage) {
        record(.bucket) { encoder in
            encoder.put(resource)
            encoder.put(bucket)
            encoder.put(image.sequence)
            encoder.put(image.forgotten)
            encoder.put(UInt32(image.tails.count))
            for (namespace, sequence) in image.tails {
                encoder.put(namespace)
                encoder.put(sequence)
            }
            encoder.put(UInt32(image.objects.count))
            for object in image.objects { encoder.put(object) }
        }
    }

    fileprivate enum Kind: UInt8 {
        case resource = 1
        case change = 2
        case bucket = 3
    }

    private mutating func record(_ kind: Kind, _ body: (inout HistoryEncoder) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: HistoryDecoder.frameSize))
        let bodyStart = bytes.count
        put(kind.rawValue)
        body(&self)
        let length = UInt32(bytes.count - bodyStart)
        set(length, at: start)
        set(~length, at: start + 4)
        set(HistoryDecoder.checksum(bytes, bodyStart..<bytes.count), at: start + 8)
    }

    private mutating func put(_ object: RememberedObject) {
        put(object.identity.namespace)
        put(object.identity.name)
        put(object.identity.uid)
        put(object.identity.resourceVersion)
        put(object.encoding == .protobuf ? 1 : 2 as UInt8)
        put(object.digest)
        put(object.sequence)
        put(UInt64(bitPattern: object.commitTime))
    }

    /// What identifies an object is far shorter than 65,535 bytes (``EnvelopeDecoder/longestText``); a longer text would be
    /// cut here and found to be another object's after a restart.
    private mutating func put(_ text: String) {
        let count = min(text.utf8.count, Int(UInt16.max))
        put(UInt16(count))
        // A prefix would be appended byte by byte.
        if count == text.utf8.count { bytes.append(contentsOf: text.utf8) } else { bytes.append(contentsOf: text.utf8.prefix(count)) }
    }

    private mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        for place in 0..<Number.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: number >> Number(8 * place))) }
    }

    private mutating func set(_ number: UInt32, at start: Int) {
        for place in 0..<4 { bytes[start + place] = UInt8(truncatingIfNeeded: number >> UInt32(8 * place)) }
    }
}

// MARK: - Reading

/// Reads records one after the other. Nothing here traps on any input.
struct HistoryDecoder {
    static let frameSize = 12

    private let bytes: [UInt8]
    private(set) var position: Int
    private var end: Int

    init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
        end = bytes.count
    }

    static func checksum(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        UInt32(truncatingIfNeeded: StreamHistory.digest(bytes.span.extracting(range)))
    }

    /// The next record, or nil at the end of the file.
    mutating func next() throws(HistoryFault) -> HistoryRecord? {
        guard position < bytes.count else { return nil }
        let start = position
        guard bytes.count - start >= Self.frameSize else { throw .cutShort(at: start) }
        let (length, complement, checksum) = (try number() as UInt32, try number() as UInt32, try number() as UInt32)
        guard length == ~complement else { throw .damaged(at: start, "the length is wrong") }
        guard bytes.count - position >= Int(length) else { throw .cutShort(at: start) }
        end = position + Int(length)
        guard Self.checksum(bytes, position..<end) == checksum else { throw .damaged(at: start, "the checksum is wrong") }
        let record = try body(start)
        guard position == end else { throw .damaged(at: start, "the record is longer than what it says") }
        end = bytes.count
        return record
    }

    private mutating func body(_ start: Int) throws(HistoryFault) -> HistoryRecord {
        switch HistoryEncoder.Kind(rawValue: try number()) {
        case .resource:
            let (group, version, plural, kind) = (try text(), try text(), try text(), try text())
            let isNamespaced = try number() as UInt8 == 1
            return .resource(Resource(group: group, version: version, plural: plural, kind: kind, isNamespaced: isNamespaced))
        case .change:
            let resource = try number() as UInt16
            guard let change = Change(rawValue: try number()) else { throw .damaged(at: start, "no such change") }
            return .change(resource: resource, change, try object())
        case .bucket:
            let (resource, bucket) = (try number() as UInt16, try number() as UInt8)
            var image = BucketImage(sequence: try number(), forgotten: try number())
            for _ in 0..<(try number() as UInt32) { image.tails[try text()] = try number() }
            for _ in 0..<(try number() as UInt32) { image.objects.append(try object()) }
            return .bucket(resource: resource, bucket: bucket, image)
        case nil:
            throw .damaged(at: start, "no such kind of record")
        }
    }

    private mutating func object() throws(HistoryFault) -> RememberedObject {
        let identity = ObjectIdentity(namespace: try text(), name: try text(), uid: try text(), resourceVersion: try text())
        return RememberedObject(
            identity: identity, encoding: try number() as UInt8 == 1 ? .protobuf : .json, digest: try number(), sequence: try number(),
            commitTime: Int64(bitPattern: try number()))
    }

    private mutating func text() throws(HistoryFault) -> String {
        let length = Int(try number() as UInt16)
        guard end - position >= length else { throw .damaged(at: position, "a text is longer than its record") }
        defer { position += length }
        guard let text = String(validating: bytes[position..<position + length], as: UTF8.self) else {
            throw .damaged(at: position, "a text is not UTF-8")
        }
        return text
    }

    private mutating func number<Number: FixedWidthInteger>() throws(HistoryFault) -> Number {
        let size = Number.bitWidth / 8
        guard end - position >= size else { throw .damaged(at: position, "the record ends too early") }
        defer { position += size }
        return (0..<size).reduce(0 as Number) { $0 | Number(truncatingIfNeeded: bytes[position + $1]) << Number(8 * $1) }
    }
}
