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

/// Splits the body of a list answer into its items while it arrives; the body is never held whole.
///
/// `append` bytes as they come, call `next` until it returns nil, and `finish` at the body's end.
/// After an error the decoder is of no further use.
public struct ListDecoder: Sendable {
    public init(encoding: ObjectEncoding, resource: Resource) {}

    public mutating func append(_ bytes: [UInt8]) {}

    /// The next whole item, or nil when more bytes are needed.
    public mutating func next() throws(ObjectDecodingError) -> EncodedObject? { nil }

    /// Checks that the list ended where the body did, and returns its metadata.
    public mutating func finish() throws(ObjectDecodingError) -> ListMetadata {
        throw ObjectDecodingError(.truncated, at: 0)
    }
}
