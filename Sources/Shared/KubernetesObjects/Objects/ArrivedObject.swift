/// One object as it arrived: a range of the buffer that it came in, not decoded and not copied.
///
/// It keeps that buffer, with everything around the object, so it is for looking at, not for keeping: ``watched(as:)`` and ``object``
/// make what is kept.
public struct ArrivedObject: Hashable, Sendable {
    public var encoding: ObjectEncoding
    /// As ``EncodedObject/bytes``; its indices are those of the buffer.
    public var bytes: ArraySlice<UInt8>

    public init(encoding: ObjectEncoding, bytes: ArraySlice<UInt8>) {
        self.encoding = encoding
        self.bytes = bytes
    }

    public init(_ object: EncodedObject) { self.init(encoding: object.encoding, bytes: object.bytes[...]) }

    /// A copy of the object as it arrived.
    public var object: EncodedObject { EncodedObject(encoding: encoding, bytes: Array(bytes)) }
}
