/// One event of a watch.
public enum WatchFrame: Hashable, Sendable {
    case added(ArrivedObject)
    case modified(ArrivedObject)
    case deleted(ArrivedObject)
    /// `initialEventsEnd` is set on the bookmark that ends the initial events of a WatchList.
    case bookmark(resourceVersion: String, initialEventsEnd: Bool)
    case error(StatusObject)
}

/// Splits the body of a watch answer into events while it arrives.
///
/// JSON: one event after the other, by custom one a line. protobuf: 4 bytes big-endian length, then
/// `metav1.WatchEvent`.
/// Offsets in errors count from the body's beginning. After an error about one event's content or size (not broken
/// framing) the decoder goes on behind that event: see ``canContinue``.
public struct WatchFrameDecoder: Sendable {
    private let encoding: ObjectEncoding
    private let maximumFrameSize: Int
    private var queue = ByteQueue()
    private var boundary = JSONBoundary()
    private var skipping = Skipping.nothing

    /// What is left of an event that is too large and passes by without being held.
    private enum Skipping {
        case nothing
        case bytes(Int)
        case value
    }

    /// Whether the last error left the framing intact, so that `next` can go on with the following event.
    public private(set) var canContinue = true

    /// - Parameter maximumFrameSize: bytes; a longer event throws `tooLarge` before it is buffered whole, and is passed over.
    public init(encoding: ObjectEncoding, maximumFrameSize: Int) {
        self.encoding = encoding
        self.maximumFrameSize = maximumFrameSize
    }

    public mutating func append(_ bytes: [UInt8]) { queue.append(bytes) }

    /// The next whole event, or nil when more bytes are needed. Its object should be gone by the next `append`: see ``ArrivedObject``.
    public mutating func next() throws(ObjectDecodingError) -> WatchFrame? {
        canContinue = true
        guard skipped() else { return nil }
        canContinue = false
        let frame: (start: Int, bytes: ArraySlice<UInt8>)?
        switch encoding {
        case .json: frame = try takeJSON()
        case .protobuf: frame = try takeProtobuf()
        }
        canContinue = true
        guard let frame else { return nil }
        do {
            switch encoding {
            case .json: return try WatchFrame(json: Array(frame.bytes))
            case .protobuf: return try WatchFrame(protobuf: frame.bytes)
            }
        } catch {
            throw error.shifted(by: frame.start)
        }
    }

    /// Whether bytes of an unfinished event are held; at the end of a watch this means that the body was cut.
    public var isInsideFrame: Bool {
        if case .nothing = skipping { return !queue.isEmpty }
        return true
    }

    /// Drops what has arrived of an event that is too large; false while more of it is to come.
    private mutating func skipped() -> Bool {
        switch skipping {
        case .nothing: return true
        case .bytes(let left):
            let count = min(left, queue.count)
            queue.drop(count)
            skipping = count == left ? .nothing : .bytes(left - count)
            return count == left
        case .value:
            guard boundary.drop(from: &queue) else { return false }
            boundary = JSONBoundary()
            skipping = .nothing
            return true
        }
    }

    private mutating func takeJSON() throws(ObjectDecodingError) -> (start: Int, bytes: ArraySlice<UInt8>)? {
        if boundary.scanned == 0 {
            guard let first = queue.skipWhiteSpace() else { return nil }
            guard first == UInt8(ascii: "{") else {
                throw ObjectDecodingError(.malformed("'{' was expected"), at: queue.consumed)
            }
        }
        let end = boundary.find(in: queue)
        if (end ?? queue.count) > maximumFrameSize {
            skipping = .value
            throw tooLarge(end ?? queue.count)
        }
        guard let end else { return nil }
        boundary = JSONBoundary()
        return (queue.consumed, queue.take(end))
    }

    private mutating func takeProtobuf() throws(ObjectDecodingError) -> (start: Int, bytes: ArraySlice<UInt8>)? {
        // With the first byte of the event, which tells a length from bytes that mean nothing.
        guard queue.count >= 5 else { return nil }
        let length = (0..<4).reduce(0) { $0 << 8 | Int(queue[$1]) }
        try checkEventBegins()
        if length > maximumFrameSize {
            let error = tooLarge(length)
            queue.drop(4)
            skipping = .bytes(length)
            throw error
        }
        guard queue.count >= 4 + length else { return nil }
        queue.drop(4)
        return (queue.consumed, queue.take(length))
    }

    /// Every event begins with its type (field 1, a string). Bytes that do not are no frame; to wait for as many of them as
    /// their "length" says would let a watch go on without a word of what it has lost.
    private func checkEventBegins() throws(ObjectDecodingError) {
        guard queue[4] == 0x0a else {
            throw ObjectDecodingError(.malformed("an event was expected"), at: queue.consumed + 4)
        }
    }

    private mutating func tooLarge(_ size: Int) -> ObjectDecodingError {
        canContinue = true
        return ObjectDecodingError(.tooLarge(size: size, limit: maximumFrameSize), at: queue.consumed)
    }
}

extension WatchFrame {
    /// The annotation of the bookmark that ends a WatchList's initial events; its value is then `true`.
    static let initialEventsEndAnnotation = "k8s.io/initial-events-end"

    init(json bytes: [UInt8]) throws(ObjectDecodingError) {
        var type = ""
        var object: Range<Int>?
        var cursor = JSONCursor(bytes)
        try cursor.readObject { key, cursor throws(ObjectDecodingError) in
            switch String(decoding: key, as: UTF8.self) {
            case "type": type = try cursor.readString()
            case "object": object = try cursor.skip()
            default: try cursor.skip()
            }
        }
        try cursor.expectEnd()
        guard let object else { throw ObjectDecodingError(.malformed("an event without an object"), at: bytes.count) }
        do {
            try self.init(type, ArrivedObject(encoding: .json, bytes: bytes[object]))
        } catch {
            throw error.shifted(by: object.lowerBound)
        }
    }

    init(protobuf bytes: ArraySlice<UInt8>) throws(ObjectDecodingError) {
        var type = ""
        var object: Range<Int>?
        var event = WireCursor(bytes)
        while let field = try event.next() {
            guard field.type == .lengthDelimited else { continue }
            if field.number == 1 { type = String(decoding: bytes[field.payload], as: UTF8.self) }
            guard field.number == 2 else { continue }
            var raw = WireCursor(bytes, field.payload)
            while let member = try raw.next() {
                if member.number == 1, member.type == .lengthDelimited { object = member.payload }
            }
        }
        guard let object else { throw ObjectDecodingError(.malformed("an event without an object"), at: bytes.count) }
        let contents: ProtobufEnvelope.Contents
        do { contents = try ProtobufEnvelope.unwrap(bytes[object]) } catch {
            throw error.shifted(by: object.lowerBound - bytes.startIndex)
        }
        do { try self.init(type, ArrivedObject(encoding: .protobuf, bytes: contents.message)) } catch {
            throw error.shifted(by: contents.message.startIndex - bytes.startIndex)
        }
    }

    private init(_ type: String, _ arrived: ArrivedObject) throws(ObjectDecodingError) {
        switch type {
        case "ADDED": self = .added(arrived)
        case "MODIFIED": self = .modified(arrived)
        case "DELETED": self = .deleted(arrived)
        case "BOOKMARK":
            self = try arrived.object.withMessage(.partialObjectMetadata) { (message: MessagePointer) throws(ObjectDecodingError) in
                // Safe: the message was decoded by the schema of this view.
                let metadata = unsafe Meta.PartialObjectMetadata(message).metadata
                guard !metadata.resourceVersion.isEmpty else {
                    throw ObjectDecodingError(.malformed("a bookmark without a resourceVersion"), at: 0)
                }
                return .bookmark(
                    resourceVersion: metadata.resourceVersion.string,
                    initialEventsEnd: metadata.annotations[Self.initialEventsEndAnnotation] == "true")
            }
        case "ERROR":
            self = .error(try arrived.object.withMessage(.status) { (message: MessagePointer) in StatusObject(message) })
        default: throw ObjectDecodingError(.unexpectedValue("an event of type \"\(type)\""), at: 0, field: "type")
        }
    }
}
