/// Addresses that begin with the same bits: `10.0.0.0/8`, `2001:db8::/32`.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    /// The first address; bits behind the prefix are 0.
    public let address: IPAddress
    /// Bits of the prefix: at most 32 or 128.
    public let length: Int

    /// Bits of `address` behind the prefix do not count. Nil for a length that the address does not have.
    public init?(_ address: IPAddress, length: Int) {
        switch address {
        case .v4(let bits):
            guard (0...32).contains(length) else { return nil }
            self.address = .v4(length == 0 ? 0 : bits & (.max << UInt32(32 - length)))
        case .v6(let high, let low):
            guard (0...128).contains(length) else { return nil }
            self.address = .v6(high: high & Self.mask(length), low: low & Self.mask(length - 64))
        }
        self.length = length
    }

    /// `ADDRESS/LENGTH`, or an address that stands for itself alone.
    public init?(_ text: some StringProtocol) {
        guard let slash = text.lastIndex(of: "/") else {
            guard let address = IPAddress(text) else { return nil }
            let isV4 = if case .v4 = address { true } else { false }
            self.init(address, length: isV4 ? 32 : 128)
            return
        }
        let digits = text[text.index(after: slash)...]
        // `Int` would take a sign.
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let length = Int(digits),
            let address = IPAddress(text[..<slash])
        else { return nil }
        self.init(address, length: length)
    }

    /// 64 bits of which the first `count` are set; none or all where that is out of range.
    private static func mask(_ count: Int) -> UInt64 { count <= 0 ? 0 : count >= 64 ? .max : .max << UInt64(64 - count) }

    public func contains(_ other: IPAddress) -> Bool {
        switch (address, other) {
        case (.v4(let network), .v4(let bits)): length == 0 || (network ^ bits) >> UInt32(32 - length) == 0
        case (.v6(let high, let low), .v6(let otherHigh, let otherLow)):
            (high ^ otherHigh) & Self.mask(length) == 0 && (low ^ otherLow) & Self.mask(length - 64) == 0
        case (.v4, .v6), (.v6, .v4): false
        }
    }

    public var description: String { "\(address)/\(length)" }
}
