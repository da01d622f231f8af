/// What a list says about itself beside its items.
public struct ListMetadata: Hashable, Sendable {
    public var resourceVersion: String
    /// Empty when the list is complete.
    public var continueToken: String
    /// How many items follow after this page; nil when the server does not say.
    public var remainingItemCount: Int64?

    public init(resourceVersion: String, continueToken: String, remainingItemCount: Int64? = nil) {
        self.resourceVersion = resourceVersion
        self.continueToken = continueToken
        self.remainingItemCount = remainingItemCount
    }
}

extension ListMetadata {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init(
            resourceVersion: message.string("resourceVersion"), continueToken: message.string("continue"),
            remainingItemCount: message.optionalInt64("remainingItemCount"))
    }
}

/// Splits the body of a list answer into its items while it arrives; the body is never held whole.
///
/// `append` bytes as they come, call `next` until it returns nil, and `finish` at the body's end.
/// After an error the decoder is of no further use, unless ``canContinue`` says so: an item that is too large is passed
/// over, and the next call of `next` goes on behind it.
public struct ListDecoder: Sendable {
    /// The largest item, in bytes; etcd's own limit is 1.5 MiB by default.
    public static let maximumItemSize = 32 << 20

    private let encoding: ObjectEncoding
    private let resource: Resource
    private var splitter: any ListSplitter

    public init(encoding: ObjectEncoding, resource: Resource) {
        self.encoding = encoding
        self.resource = resource
        switch encoding {
        case .protobuf: splitter = ProtobufListSplitter(resource: resource)
        case .json: splitter = JSONListSplitter(resource: resource)
        }
    }

    /// Whether the last error was about one item that is passed over.
    public private(set) var canContinue = false

    public mutating func append(_ bytes: [UInt8]) { splitter.queue.append(bytes) }

    /// The next whole item, or nil when more bytes are needed. It should be gone by the next `append`: see ``ArrivedObject``.
    public mutating func next() throws(ObjectDecodingError) -> ArrivedObject? {
        do {
            guard let item = try splitter.next() else { return nil }
            return ArrivedObject(encoding: encoding, bytes: item)
        } catch {
            canContinue = splitter.isSkipping
            throw error.named(resource)
        }
    }

    /// Checks that the list ended where the body did, and returns its metadata. Call it when `next` has returned nil.
    public mutating func finish() throws(ObjectDecodingError) -> ListMetadata {
        do { return try splitter.finish() } catch { throw error.named(resource) }
    }
}

/// One encoding's way to find the items of a list.
protocol ListSplitter: Sendable {
    /// What has arrived and is not taken yet.
    var queue: ByteQueue { get set }
    /// Whether an item that is too large passes by.
    var isSkipping: Bool { get }

    /// The next whole item, or nil when the queue must grow first.
    mutating func next() throws(ObjectDecodingError) -> ArraySlice<UInt8>?

    func finish() throws(ObjectDecodingError) -> ListMetadata
}

/// Whether a list of this kind is the list that was asked for; metadata-only lists are lists of anything.
func expectListKind(_ kind: String, of resource: Resource, at offset: Int) throws(ObjectDecodingError) {
    guard kind.isEmpty || kind == resource.kind + "List" || kind == "PartialObjectMetadataList" || kind == "List" else {
        throw ObjectDecodingError(
            .unexpectedValue("a \(kind) in place of a \(resource.kind)List"), at: offset, field: "kind")
    }
}
