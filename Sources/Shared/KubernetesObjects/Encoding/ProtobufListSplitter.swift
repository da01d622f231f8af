/// The protobuf side of ``ListDecoder``: `k8s\0`, `runtime.Unknown` around a list message, whose field 1 is the
/// metadata and whose field 2 is one item each time.
struct ProtobufListSplitter: ListSplitter {
    private enum Stage {
        case magic
        case envelope
        /// Inside the list message, which ends at this offset of the body.
        case list(end: Int)
    }

    var queue = ByteQueue()
    private let resource: Resource
    private var stage = Stage.magic
    private var metadata: ListMetadata?
    /// Bytes of an item that is too large and passes by.
    private var skip = 0
    var isSkipping: Bool { skip > 0 }

    init(resource: Resource) { self.resource = resource }

    mutating func next() throws(ObjectDecodingError) -> ArraySlice<UInt8>? {
        while true {
            if skip > 0 {
                let count = min(skip, queue.count)
                queue.drop(count)
                skip -= count
                guard skip == 0 else { return nil }
            }
            switch stage {
            case .magic:
                let magic = ProtobufEnvelope.magic
                for index in 0..<min(queue.count, magic.count) where queue[index] != magic[index] {
                    throw ObjectDecodingError(.malformed("the bytes k8s\\0 were expected"), at: index)
                }
                guard queue.count >= magic.count else { return nil }
                queue.drop(magic.count)
                stage = .envelope
            case .envelope:
                guard try readEnvelopeField() else { return nil }
            case .list(let end):
                if queue.consumed == end {
                    stage = .envelope
                    continue
                }
                switch try readListField(end: end) {
                case .item(let item): return item
                case .other: break
                case .incomplete: return nil
                }
            }
        }
    }

    private enum ListField {
        case item(ArraySlice<UInt8>)
        case other
        /// The field has not arrived whole.
        case incomplete
    }

    private struct Head {
        var number: UInt64
        var type: WireCursor.WireType
        /// Bytes of the tag and the length.
        var length: Int
        /// Bytes of the payload.
        var payload: Int
    }

    /// Tag and length of the field at the queue's front; nil when they are not all here.
    private func readHead() throws(ObjectDecodingError) -> Head? {
        guard let tag = try queue.varint(at: 0) else { return nil }
        guard let type = WireCursor.WireType(rawValue: UInt8(tag.value & 7)), tag.value >> 3 > 0 else {
            throw ObjectDecodingError(.malformed("an unknown wire type or field 0"), at: queue.consumed)
        }
        switch type {
        case .fixed64: return Head(number: tag.value >> 3, type: type, length: tag.length, payload: 8)
        case .fixed32: return Head(number: tag.value >> 3, type: type, length: tag.length, payload: 4)
        case .varint:
            guard let value = try queue.varint(at: tag.length) else { return nil }
            return Head(number: tag.value >> 3, type: type, length: tag.length, payload: value.length)
        case .lengthDelimited:
            guard let length = try queue.varint(at: tag.length) else { return nil }
            guard length.value < UInt64(Int32.max) * 64 else {
                throw ObjectDecodingError(.malformed("a length of \(length.value) bytes"), at: queue.consumed)
            }
            return Head(
                number: tag.value >> 3, type: type, length: tag.length + length.length, payload: Int(length.value))
        }
    }

    /// False when more bytes are needed.
    private mutating func readEnvelopeField() throws(ObjectDecodingError) -> Bool {
        guard !queue.isEmpty, let head = try readHead() else { return false }
        if head.number == 2, head.type == .lengthDelimited {
            queue.drop(head.length)
            stage = .list(end: queue.consumed + head.payload)
            return true
        }
        let start = queue.consumed
        guard let payload = try take(head) else { return false }
        if head.number == 1, head.type == .lengthDelimited {
            var type = WireCursor(payload)
            do {
                while let member = try type.next() {
                    guard member.number == 2, member.type == .lengthDelimited else { continue }
                    let kind = String(decoding: payload[member.payload], as: UTF8.self)
                    try expectListKind(kind, of: resource, at: 0)
                }
            } catch {
                throw error.shifted(by: start + head.length)
            }
        }
        return true
    }

    private mutating func readListField(end: Int) throws(ObjectDecodingError) -> ListField {
        let start = queue.consumed
        guard let head = try readHead() else { return .incomplete }
        guard start + head.length + head.payload <= end else {
            throw ObjectDecodingError(.malformed("a field that is longer than the list around it"), at: start)
        }
        if head.number == 2, head.payload > ListDecoder.maximumItemSize { skip = head.length + head.payload }
        guard let payload = try take(head) else { return .incomplete }
        guard head.type == .lengthDelimited else { return .other }
        switch head.number {
        case 1:
            do {
                metadata = try withMessage(Array(payload), .listMeta) { message throws(ObjectDecodingError) in
                    try ListMetadata(message)
                }
            } catch {
                throw error.shifted(by: start + head.length).inside("metadata")
            }
            return .other
        case 2: return .item(payload)
        default: return .other
        }
    }

    /// The payload, removed from the queue with its head; nil when it is not all here.
    private mutating func take(_ head: Head) throws(ObjectDecodingError) -> ArraySlice<UInt8>? {
        guard head.payload <= ListDecoder.maximumItemSize else {
            throw ObjectDecodingError(
                .tooLarge(size: head.payload, limit: ListDecoder.maximumItemSize), at: queue.consumed)
        }
        guard queue.count >= head.length + head.payload else { return nil }
        queue.drop(head.length)
        return queue.take(head.payload)
    }

    func finish() throws(ObjectDecodingError) -> ListMetadata {
        guard case .envelope = stage, skip == 0, queue.isEmpty else {
            throw ObjectDecodingError(.truncated, at: queue.consumed + queue.count)
        }
        guard let metadata else {
            throw ObjectDecodingError(.malformed("the list has no metadata"), at: queue.consumed)
        }
        return metadata
    }
}
