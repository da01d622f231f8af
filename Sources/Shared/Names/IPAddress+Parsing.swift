extension IPAddress {
    /// Reads dotted decimal (no leading zeros, as inet_pton) or RFC 4291 text, with or without a dotted tail.
    ///
    /// Nil for anything else: ports, brackets, prefixes, zone identifiers and spaces are not part of an address.
    public init?(_ text: some StringProtocol) {
        // No valid text is longer than eight groups of four with a dotted tail.
        guard text.utf8.count <= 45 else { return nil }
        let characters = Array(text.utf8)
        let parsed =
            characters.contains(UInt8(ascii: ":"))
            ? Self.parseV6(characters[...]) : Self.parseV4(characters[...]).map(IPAddress.v4)
        guard let parsed else { return nil }
        self = parsed
    }

    private static func parseV4(_ characters: ArraySlice<UInt8>) -> UInt32? {
        let parts = characters.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var octet: UInt32 = 0
            for character in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character) else { return nil }
                octet = octet * 10 + UInt32(character - UInt8(ascii: "0"))
            }
            guard octet <= 255 else { return nil }
            bits = bits << 8 | octet
        }
        return bits
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
