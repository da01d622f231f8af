/// The JSON side of ``ListDecoder``: an object with `kind`, `metadata` and `items`, in any order.
struct JSONListSplitter: ListSplitter {
    private enum Stage {
        case start
        /// Before a key, or at the end of the object when `mayEnd`.
        case key(mayEnd: Bool)
        case colon(key: [UInt8])
        case value(key: [UInt8])
        case afterValue
        /// Before an item, or at the end of the items when `mayEnd`.
        case item(mayEnd: Bool)
        case afterItem
        case end
    }

    var queue = ByteQueue()
    private let resource: Resource
    private var stage = Stage.start
    private var boundary = JSONBoundary()
    private var metadata: ListMetadata?
    private(set) var isSkipping = false

    init(resource: Resource) { self.resource = resource }

    mutating func next() throws(ObjectDecodingError) -> ArraySlice<UInt8>? {
        if isSkipping {
            guard boundary.drop(from: &queue) else { return nil }
            boundary = JSONBoundary()
            isSkipping = false
            stage = .afterItem
        }
        while let byte = queue.skipWhiteSpaceUnless(inside: boundary) {
            switch stage {
            case .start:
                try expect(byte, "{")
                stage = .key(mayEnd: true)
            case .key(let mayEnd):
                if mayEnd, byte == UInt8(ascii: "}") {
                    queue.drop(1)
                    stage = .end
                    continue
                }
                guard byte == UInt8(ascii: "\"") || boundary.scanned > 0 else {
                    throw malformed("a key in quotes was expected")
                }
                let start = queue.consumed
                guard let text = try takeValue() else { return nil }
                var cursor = JSONCursor(Array(text))
                do { stage = .colon(key: try cursor.readStringBytes()) } catch { throw error.shifted(by: start) }
            case .colon(let key):
                try expect(byte, ":")
                stage = .value(key: key)
            case .value(let key):
                if key == Array("items".utf8), byte == UInt8(ascii: "[") {
                    queue.drop(1)
                    stage = .item(mayEnd: true)
                    continue
                }
                let start = queue.consumed
                guard let value = try takeValue() else { return nil }
                do { try read(key, Array(value)) } catch { throw error.shifted(by: start) }
                stage = .afterValue
            case .afterValue: stage = try endsAfterComma(byte, close: "}") ? .end : .key(mayEnd: false)
            case .item(let mayEnd):
                if mayEnd, byte == UInt8(ascii: "]") {
                    queue.drop(1)
                    stage = .afterValue
                    continue
                }
                guard byte == UInt8(ascii: "{") || boundary.scanned > 0 else {
                    throw malformed("an object was expected in items")
                }
                guard let item = try takeValue() else { return nil }
                stage = .afterItem
                return item
            case .afterItem: stage = try endsAfterComma(byte, close: "]") ? .afterValue : .item(mayEnd: false)
            case .end: throw malformed("text after the end of the list")
            }
        }
        return nil
    }

    private func malformed(_ rule: String) -> ObjectDecodingError {
        ObjectDecodingError(.malformed(rule), at: queue.consumed)
    }

    private mutating func expect(_ byte: UInt8, _ expected: Unicode.Scalar) throws(ObjectDecodingError) {
        guard byte == UInt8(ascii: expected) else { throw malformed("'\(expected)' was expected") }
        queue.drop(1)
    }

    /// True at the closing bracket, false at a comma.
    private mutating func endsAfterComma(
        _ byte: UInt8, close: Unicode.Scalar
    ) throws(ObjectDecodingError) -> Bool {
        guard byte == UInt8(ascii: close) || byte == UInt8(ascii: ",") else {
            throw malformed("',' or '\(close)' was expected")
        }
        queue.drop(1)
        return byte == UInt8(ascii: close)
    }

    /// The value at the front; nil while its end has not arrived.
    private mutating func takeValue() throws(ObjectDecodingError) -> ArraySlice<UInt8>? {
        let end = boundary.find(in: queue)
        guard (end ?? queue.count) <= ListDecoder.maximumItemSize else {
            if case .item = stage { isSkipping = true }
            throw ObjectDecodingError(
                .tooLarge(size: end ?? queue.count, limit: ListDecoder.maximumItemSize), at: queue.consumed)
        }
        guard let end else { return nil }
        boundary = JSONBoundary()
        return queue.take(end)
    }

    /// What stands beside the items.
    private mutating func read(_ key: [UInt8], _ value: [UInt8]) throws(ObjectDecodingError) {
        var cursor = JSONCursor(value)
        switch String(decoding: key, as: UTF8.self) {
        case "kind": try expectListKind(try cursor.readString(), of: resource, at: 0)
        case "metadata":
            let message = try JSONToProtobuf.convert(value, .listMeta)
            metadata = try withMessage(message, .listMeta) { message throws(ObjectDecodingError) in
                try ListMetadata(message)
            }
        case "items":
            guard try cursor.readNull() else { throw cursor.unexpected("an array was expected") }
        default:
            try cursor.skip()
        }
    }

    func finish() throws(ObjectDecodingError) -> ListMetadata {
        guard case .end = stage else {
            throw ObjectDecodingError(.truncated, at: queue.consumed + queue.count)
        }
        guard let metadata else {
            throw ObjectDecodingError(.malformed("the list has no metadata"), at: queue.consumed)
        }
        return metadata
    }
}

extension ByteQueue {
    /// The byte at the front, after white space unless a value has begun there.
    fileprivate mutating func skipWhiteSpaceUnless(inside boundary: JSONBoundary) -> UInt8? {
        if boundary.scanned > 0 { return isEmpty ? nil : self[0] }
        return skipWhiteSpace()
    }
}
