extension IPAddress {
    /// Reads dotted decimal (no leading zeros, as inet_pton) or RFC 4291 text, with or without a dotted tail.
    ///
    /// Nil for anything else: ports, brackets, prefixes, zone identifiers and spaces are not part of an address.
    public init?(_ text: some StringProtocol) { self.init(utf8: text.utf8) }

    /// As for any other text; a table's writer reads very many of these.
    public init?(_ text: String) { self.init(utf8: text.utf8) }

    private init?(utf8: some Collection<UInt8>) {
        // No valid text is longer than eight groups of four with a dotted tail.
        guard utf8.count <= 45 else { return nil }
        if let bits = Self.parseV4(utf8) {
            self = .v4(bits)
        } else {
            guard let parsed = Self.parseV6(Array(utf8)[...]) else { return nil }
            self = parsed
        }
    }

    private static func parseV4(_ characters: some Sequence<UInt8>) -> UInt32? {
        var bits: UInt32 = 0
        var (octet, digits, dots) = (0 as UInt32, 0, 0)
        for character in characters {
            switch character {
            case UInt8(ascii: "."):
                guard digits > 0, dots < 3 else { return nil }
                bits = bits << 8 | octet
                (octet, digits, dots) = (0, 0, dots + 1)
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                // Nothing follows a zero that begins an octet.
                guard digits == 0 || octet > 0 else { return nil }
                octet = octet * 10 + UInt32(character - UInt8(ascii: "0"))
                digits += 1
                guard octet <= 255 else { return nil }
            default: return nil
            }
        }
        return dots == 3 && digits > 0 ? bits << 8 | octet : nil
    }

    private static func parseV6(_ characters: ArraySlice<UInt8>) -> IPAddress? {
        let colon = UInt8(ascii: ":")
        let gap = characters.indices.dropLast().first { characters[$0] == colon && characters[$0 + 1] == colon }
        let groups: [UInt16]
        if let gap {
            guard let head = parseGroups(characters[..<gap], dottedTail: false),
                let tail = parseGroups(characters[(gap + 2)...], dottedTail: true),
                head.count + tail.count < 8
            else { return nil }
            groups = head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
        } else {
            guard let all = parseGroups(characters, dottedTail: true), all.count == 8 else { return nil }
            groups = all
        }
        return .v6(
            high: groups[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            low: groups[4...].reduce(0) { $0 << 16 | UInt64($1) })
    }

    /// Groups between single colons; an empty slice has none. A dotted tail counts as two groups.
    private static func parseGroups(_ characters: ArraySlice<UInt8>, dottedTail: Bool) -> [UInt16]? {
        guard !characters.isEmpty else { return [] }
        let parts = characters.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if dottedTail, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let bits = parseV4(part) else { return nil }
                groups.append(UInt16(bits >> 16))
                groups.append(UInt16(truncatingIfNeeded: bits))
                continue
            }
            guard (1...4).contains(part.count) else { return nil }
            var group: UInt16 = 0
            for character in part {
                guard let digit = hexadecimalDigit(character) else { return nil }
                group = group << 4 | digit
            }
            groups.append(group)
        }
        return groups
    }

    private static func hexadecimalDigit(_ character: UInt8) -> UInt16? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(character - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(character - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(character - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
