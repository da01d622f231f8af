/// One event of a watch.
public enum WatchFrame: Hashable, Sendable {
    case added(EncodedObject)
    case modified(EncodedObject)
    case deleted(EncodedObject)
    /// `initialEventsEnd` is set on the bookmark that ends the initial events of a WatchList.
    case bookmark(resourceVersion: String, initialEventsEnd: Bool)
    case error(StatusObject)
}

/// Splits the body of a watch answer into events while it arrives.
///
/// JSON: one event a line. protobuf: 4 bytes big-endian length, then `metav1.WatchEvent`.
/// After an error the decoder is of no further use.
public struct WatchFrameDecoder: Sendable {
    /// - Parameter maximumFrameSize: bytes; a longer event throws `tooLarge` before it is buffered.
    public init(encoding: ObjectEncoding, maximumFrameSize: Int) {}

    public mutating func append(_ bytes: [UInt8]) {}

    /// The next whole event, or nil when more bytes are needed.
    public mutating func next() throws(ObjectDecodingError) -> WatchFrame? { nil }

    /// Whether bytes of an unfinished event are held; at the end of a watch this means that the body was cut.
    public var isInsideFrame: Bool { false }
}
