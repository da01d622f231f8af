/// Bytes that arrive in pieces and leave from the front; it knows how far into the whole input it is.
///
/// What leaves is a range of the buffer that it arrived in, not a copy. It should be gone by the next `append`, which else has to
/// leave it that buffer and copy what has not left yet.
struct ByteQueue: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0
    /// How many bytes have left: the offset of the first byte here in the whole input.
    private(set) var consumed = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ more: [UInt8]) {
        if isEmpty {
            bytes = more
            start = 0
            return
        }
        // Move what is left to the front when that is little, so that the queue never grows with the input.
        if start > 0, start >= count {
            bytes.removeFirst(start)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    /// Drops white space of JSON and returns the byte after it; nil when there is none yet.
    mutating func skipWhiteSpace() -> UInt8? {
        while !isEmpty {
            switch self[0] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): drop(1)
            default: return self[0]
            }
        }
        return nil
    }

    subscript(offset: Int) -> UInt8 { bytes[start + offset] }

    mutating func drop(_ count: Int) {
        // Callers compare a length of the input with what is here first, and wait for more where it is longer.
        precondition(count >= 0 && count <= self.count)
        start += count
        consumed += count
        guard isEmpty, start > 0 else { return }
        // A quiet watch holds no buffer.
        bytes = []
        start = 0
    }

    mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        // Callers compare a length of the input with what is here first, and wait for more where it is longer.
        precondition(count >= 0 && count <= self.count)
        let taken = bytes[start..<start + count]
        drop(count)
        return taken
    }

    /// A varint at `offset`: its value and length; nil when it is not all here yet.
    func varint(at offset: Int) throws(ObjectDecodingError) -> (value: UInt64, length: Int)? {
        var value: UInt64 = 0
        for index in 0..<10 {
            guard offset + index < count else { return nil }
            let byte = self[offset + index]
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte < 0x80 { return (value, index + 1) }
        }
        throw ObjectDecodingError(.malformed("a number of more than 10 bytes"), at: consumed + offset)
    }
}
