/// An IPv4 or IPv6 address without port, prefix or zone identifier.
///
/// Ordered as operators expect lists to be: every IPv4 address before every IPv6 address, then by number.
public enum IPAddress: Hashable, Sendable {
    /// The 32 bits in host order: 10.0.0.1 is `0x0A00_0001`.
    case v4(UInt32)
    /// The first and the last 64 bits, each in host order.
    case v6(high: UInt64, low: UInt64)
}

extension IPAddress {
    /// The address in network order: 4 or 16 bytes.
    public var bytes: [UInt8] {
        switch self {
        case .v4(let bits): (0..<4).map { UInt8(truncatingIfNeeded: bits >> (24 - 8 * UInt32($0))) }
        case .v6(let high, let low):
            (0..<16).map { index in
                let half = index < 8 ? high : low
                return UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64(index & 7)))
            }
        }
    }

    /// Reads network order; nil unless there are exactly 4 or 16 bytes.
    public init?(bytes: some Collection<UInt8>) { self.init(octets: Array(bytes).span) }

    /// The same without allocating.
    public init?(octets: Span<UInt8>) {
        switch octets.count {
        case 4: self = .v4(UInt32(truncatingIfNeeded: Self.number(octets, 0..<4)))
        case 16: self = .v6(high: Self.number(octets, 0..<8), low: Self.number(octets, 8..<16))
        default: return nil
        }
    }

    private static func number(_ octets: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var number: UInt64 = 0
        for index in range { number = number << 8 | UInt64(octets[index]) }
        return number
    }
}

extension IPAddress: Comparable {
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        switch (left, right) {
        case (.v4(let left), .v4(let right)): left < right
        case (.v4, .v6): true
        case (.v6, .v4): false
        case (.v6(let leftHigh, let leftLow), .v6(let rightHigh, let rightLow)):
            (leftHigh, leftLow) < (rightHigh, rightLow)
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// Dotted decimal, or RFC 5952 text with IPv4-mapped addresses as `::ffff:192.0.2.1`.
    public var description: String {
        switch self {
        case .v4(let bits): Self.dotted(bits)
        case .v6(0, let low) where low >> 32 == 0xFFFF: "::ffff:" + Self.dotted(UInt32(truncatingIfNeeded: low))
        case .v6(let high, let low): Self.colons(high, low)
        }
    }

    private static func dotted(_ bits: UInt32) -> String {
        "\(bits >> 24).\(bits >> 16 & 0xFF).\(bits >> 8 & 0xFF).\(bits & 0xFF)"
    }

    private static func colons(_ high: UInt64, _ low: UInt64) -> String {
        let groups = (0..<8).map { index in
            UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> (48 - 16 * UInt64(index & 3)))
        }
        let gap = longestZeroRun(groups)
        var text = ""
        var index = 0
        while index < 8 {
            if index == gap.lowerBound, !gap.isEmpty {
                text += "::"
                index = gap.upperBound
                continue
            }
            if index > 0, index != gap.upperBound || gap.isEmpty { text += ":" }
            text += String(groups[index], radix: 16)
            index += 1
        }
        return text
    }

    /// RFC 5952 section 4.2: the longest run of at least two zero groups, the first one of equals; empty if there is none.
    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        return best
    }
}
