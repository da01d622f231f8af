/// Finds the names in a record's data, one after another.
///
/// A pointer in data leads somewhere into the message that it stands in, so what moves to another message moves without pointers. Only the types of
/// RFC 1035 may be compressed, and RFC 3597 section 4 has a receiver unpack a few more; here all are unpacked whose fields are known. Data of an
/// unknown type holds no pointers that a server could know of, and stays as it is.
struct NamesInData {
    /// Where a type has its names: behind octets and character strings.
    private struct Shape: Sendable {
        enum Start: Sendable {
            case behind(octets: Int, strings: Int)
            /// Behind HIP's identity and key, whose lengths come first (RFC 8005 section 5).
            case hostIdentity
            /// At `at`, if the octet at `type` says that the gateway is a name (RFC 4025 section 2.3, RFC 8777 section 4.2.3).
            case gateway(type: Int, at: Int)
        }

        var start = Start.behind(octets: 0, strings: 0)
        /// How many follow one another; `Int.max` for all up to the end.
        var names = 0
    }

    /// What a gateway's type says of a name.
    private static let gatewayName: UInt8 = 3

    /// By type, as far as types with names go.
    private static let shapes: [Shape] = (0...260).map { shape(of: RecordType(rawValue: $0)) }

    private static func shape(of type: RecordType) -> Shape {
        switch type.rawValue {
        case 30: return Shape(names: 1)  // NXT, which has no text here: a name, and a bitmap that is none of NSEC's (RFC 2535 section 5.2)
        case 45: return Shape(start: .gateway(type: 1, at: 3), names: 1)  // IPSECKEY
        case 55: return Shape(start: .hostIdentity, names: .max)  // HIP
        case 260: return Shape(start: .gateway(type: 1, at: 2), names: 1)  // AMTRELAY
        default: break
        }
        var (octets, strings, names) = (0, 0, 0)
        for field in RecordField.fields(of: type) ?? [] {
            if case .name = field {
                names += 1
            } else if names > 0 {
                break
            } else if case .string = field {
                strings += 1
            } else if strings == 0, let size = field.fixedSize {
                octets += size
            } else {
                break
            }
        }
        return names == 0 ? Shape() : Shape(start: .behind(octets: octets, strings: strings), names: names)
    }

    /// Where the next name begins, or the rest of the data.
    private var at: Int
    private var left: Int
    private let end: Int

    /// - Throws: when the data is too short for what its type has in front of names.
    init(_ type: RecordType, _ data: Range<Int>, of octets: Span<UInt8>) throws(WireError) {
        (at, left, end) = (data.lowerBound, 0, data.upperBound)
        // What nearly every answer is made of.
        if type == .a || type == .aaaa || Int(type.rawValue) >= Self.shapes.count { return }
        let shape = Self.shapes[Int(type.rawValue)]
        if shape.names == 0 { return }
        left = shape.names
        switch shape.start {
        case .behind(let count, let strings):
            try skip(count)
            for _ in 0..<strings {
                try skip(1)
                try skip(Int(octets[at - 1]))
            }
        case .hostIdentity:
            try skip(4)
            try skip(Int(octets[at - 4]) + Int(octets.word(at: at - 2)))
        case .gateway(let type, let start):
            try skip(start)
            // AMTRELAY's discovery bit stands above the type.
            if octets[data.lowerBound + type] & 0x7F != Self.gatewayName { left = 0 }
        }
    }

    private mutating func skip(_ count: Int) throws(WireError) {
        at += count
        guard at <= end else { throw .malformedData(at: end) }
    }

    /// Reads the next name into `name` and returns where it stands; nil behind the last.
    mutating func next(in octets: Span<UInt8>, into name: inout DNSName) throws(WireError) -> Range<Int>? {
        guard left > 0, left != .max || at < end else { return nil }
        let start = at
        at = try name.read(octets, at: start)
        guard at <= end else { throw .malformedData(at: end) }
        if left != .max { left -= 1 }
        return start..<at
    }
}

extension RecordField {
    /// Octets on the wire; nil where that depends on what they say.
    fileprivate var fixedSize: Int? {
        switch self {
        case .octet, .algorithm: 1
        case .word, .certificateType, .type: 2
        case .doubleWord, .time, .timestamp, .ipv4: 4
        case .locator64: 8
        case .ipv6: 16
        case .hardwareAddress(let count): count
        case .name, .names, .string, .optionalString, .strings, .tag, .text, .hexadecimal, .base64, .hostIdentity, .salt, .hash,
            .typeBitmap, .nsap,
            .gateway, .relay, .location, .prefixes, .serviceParameters:
            nil
        }
    }
}

extension RecordType {
    /// Whether names in data may be compressed: the types of RFC 1035 (RFC 3597 section 4).
    var mayCompressNames: Bool { rawValue <= 15 }
}
