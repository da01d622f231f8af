/// Puts protobuf's fields one behind the other, where a message has too many parts for a structure each. Field numbers are below 16.
struct ProtobufFieldWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    private enum WireType: UInt8 {
        case varint = 0
        case fixed64 = 1
        case bytes = 2
    }

    private mutating func tag(_ field: UInt8, _ type: WireType) { bytes.append(field << 3 | type.rawValue) }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func varintSize(_ value: UInt64) -> Int { (max(1, UInt64.bitWidth - value.leadingZeroBitCount) + 6) / 7 }

    private static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value << 1 ^ value >> 63) }

    /// The head of a message, whose fields are to follow.
    mutating func message(_ field: UInt8, size: Int) {
        tag(field, .bytes)
        varint(UInt64(size))
    }

    mutating func text(_ field: UInt8, _ text: String) {
        message(field, size: text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    mutating func double(_ field: UInt8, _ value: Double?) {
        guard let value else { return }
        tag(field, .fixed64)
        // Safe: the bytes of a local value, appended within the closure.
        unsafe withUnsafeBytes(of: value.bitPattern.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    /// A `sint64`.
    mutating func signed(_ field: UInt8, _ value: Int64?) {
        guard let value else { return }
        tag(field, .varint)
        varint(Self.zigzag(value))
    }

    // MARK: Sizes, with the tag

    static func size(ofMessage size: Int) -> Int { 1 + varintSize(UInt64(size)) + size }
    static func size(ofText text: String) -> Int { size(ofMessage: text.utf8.count) }
    static func size(of value: Double?) -> Int { value == nil ? 0 : 9 }
    static func size(of value: Int64?) -> Int { value.map { 1 + varintSize(zigzag($0)) } ?? 0 }
}
