/// Walks the fields of one protobuf message in bytes, without decoding or copying them.
///
/// Ranges are places in the slice that it was made of; offsets in errors count from that slice's beginning.
struct WireCursor {
    enum WireType: UInt8 {
        case varint = 0
        case fixed64 = 1
        case lengthDelimited = 2
        case fixed32 = 5
    }

    /// One field: its number, and where tag and payload lie. A payload never includes its length.
    struct Field {
        var number: UInt32
        var type: WireType
        var start: Int
        var payload: Range<Int>
        /// The value of a varint field; 0 for the others.
        var value: UInt64

        /// Tag, length and payload.
        var whole: Range<Int> { start..<payload.upperBound }
    }

    let bytes: ArraySlice<UInt8>
    private(set) var position: Int
    let end: Int

    init(_ bytes: ArraySlice<UInt8>) { self.init(bytes, bytes.startIndex..<bytes.endIndex) }

    init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// - Parameter range: the message's bytes, inside `bytes`.
    init(_ bytes: ArraySlice<UInt8>, _ range: Range<Int>) {
        // Callers pass ranges that were checked against these bytes; the input decides what is in them, not where they end.
        precondition(range.lowerBound >= bytes.startIndex && range.upperBound <= bytes.endIndex)
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next field, or nil at the end of the message.
    mutating func next() throws(ObjectDecodingError) -> Field? {
        guard position < end else { return nil }
        let start = position
        let tag = try varint()
        guard let number = UInt32(exactly: tag >> 3), number > 0, number < 1 << 29 else {
            throw ObjectDecodingError(.malformed("a field number out of range"), at: offset(start))
        }
        guard let type = WireType(rawValue: UInt8(tag & 7)) else {
            throw ObjectDecodingError(.malformed("an unknown wire type \(tag & 7)"), at: offset(start))
        }
        var payloadStart = position
        var value: UInt64 = 0
        switch type {
        case .varint: value = try varint()
        case .fixed64: try advance(8)
        case .fixed32: try advance(4)
        case .lengthDelimited:
            let length = try varint()
            payloadStart = position
            try advance(length)
        }
        return Field(number: number, type: type, start: start, payload: payloadStart..<position, value: value)
    }

    private mutating func varint() throws(ObjectDecodingError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw ObjectDecodingError(.malformed("a number of more than 10 bytes"), at: offset(position - 1)) }
        }
        throw ObjectDecodingError(.truncated, at: offset(end))
    }

    private mutating func advance(_ count: UInt64) throws(ObjectDecodingError) {
        guard count <= UInt64(end - position) else { throw ObjectDecodingError(.truncated, at: offset(position)) }
        position += Int(count)
    }

    /// How far behind the slice's beginning a place in it is.
    private func offset(_ place: Int) -> Int { place - bytes.startIndex }
}

extension [UInt8] {
    mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    mutating func appendTag(_ number: UInt32, _ type: WireCursor.WireType) {
        appendVarint(UInt64(number) << 3 | UInt64(type.rawValue))
    }

    /// A length-delimited field: a string, bytes or a message.
    mutating func appendField(_ number: UInt32, _ payload: some Collection<UInt8>) {
        appendTag(number, .lengthDelimited)
        appendVarint(UInt64(payload.count))
        append(contentsOf: payload)
    }

    mutating func appendField(_ number: UInt32, varint value: UInt64) {
        appendTag(number, .varint)
        appendVarint(value)
    }
}
