import Names

/// Addresses as labels spell them, read and written without allocating.
enum AddressText {
    /// Reads an address whose dots or colons are dashes: `10-0-0-1`, `fd00--1`. Nil for anything else.
    ///
    /// Three single dashes make an IPv4 address, as CoreDNS decides; an IPv4 address inside an IPv6 one comes back as IPv4.
    static func readDashed(_ label: Span<UInt8>) -> IPAddress? {
        var dashes = 0
        var hasPair = false
        for i in 0..<label.count where label[i] == 0x2D {
            dashes += 1
            if i > 0, label[i - 1] == 0x2D { hasPair = true }
        }
        return dashes == 3 && !hasPair ? readV4(label, separator: 0x2D) : readV6(label, separator: 0x2D)
    }

    /// Reads plain text with dots or colons. Nil for anything else.
    static func readPlain(_ text: Span<UInt8>) -> IPAddress? {
        readV4(text, separator: 0x2E) ?? readV6(text, separator: 0x3A)
    }

    private static func readV4(_ text: Span<UInt8>, separator: UInt8) -> IPAddress? {
        var value: UInt32 = 0
        var octet: UInt32 = 0
        var digits = 0
        var parts = 0
        for i in 0...text.count {
            if i == text.count || text[i] == separator {
                guard digits > 0, parts < 4 else { return nil }
                value = value << 8 | octet
                parts += 1
                octet = 0
                digits = 0
                continue
            }
            let digit = UInt32(text[i]) &- 0x30
            // No leading zeros: 01 is octal to some.
            guard digit < 10, digits == 0 || octet > 0 else { return nil }
            octet = octet * 10 + digit
            digits += 1
            guard octet <= 255 else { return nil }
        }
        return parts == 4 ? .v4(value) : nil
    }

    private static func readV6(_ text: Span<UInt8>, separator: UInt8) -> IPAddress? {
        var groups = InlineArray<8, UInt16>(repeating: 0)
        var count = 0
        var gap = -1
        var i = 0
        if text.count >= 2, text[0] == separator {
            guard text[1] == separator else { return nil }
            gap = 0
            i = 2
        }
        while i < text.count {
            var group: UInt32 = 0
            let start = i
            while i < text.count, let digit = hexadecimal(text[i]) {
                group = group << 4 | digit
                i += 1
                guard i - start <= 4 else { return nil }
            }
            guard i > start, count < 8 else { return nil }
            groups[count] = UInt16(truncatingIfNeeded: group)
            count += 1
            if i == text.count { break }
            guard text[i] == separator else { return nil }
            i += 1
            if i < text.count, text[i] == separator {
                guard gap < 0 else { return nil }
                gap = count
                i += 1
            } else if i == text.count {
                return nil
            }
        }
        return address(groups, count: count, gap: gap)
    }

    /// The groups with zeros put in at the gap.
    private static func address(_ groups: InlineArray<8, UInt16>, count: Int, gap: Int) -> IPAddress? {
        guard gap < 0 ? count == 8 : count < 8 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for position in 0..<8 {
            var group: UInt16 = 0
            if gap < 0 || position < gap {
                group = groups[position]
            } else if position >= gap + (8 - count) {
                group = groups[position - (8 - count)]
            }
            if position < 4 { high = high << 16 | UInt64(group) } else { low = low << 16 | UInt64(group) }
        }
        return plain(high, low)
    }

    /// An IPv4-mapped address is the IPv4 address.
    private static func plain(_ high: UInt64, _ low: UInt64) -> IPAddress {
        if high == 0, low >> 32 == 0xFFFF { return .v4(UInt32(truncatingIfNeeded: low)) }
        return .v6(high: high, low: low)
    }

    private static func hexadecimal(_ octet: UInt8) -> UInt32? {
        switch octet {
        case 0x30...0x39: UInt32(octet - 0x30)
        case 0x61...0x66: UInt32(octet - 0x61 + 10)
        case 0x41...0x46: UInt32(octet - 0x41 + 10)
        default: nil
        }
    }

    // MARK: Reverse names

    /// The address that a name below in-addr.arpa or ip6.arpa spells whole (RFC 1035 3.5, RFC 3596 2.5); nil for other names.
    static func readReverse(_ name: DNSName) -> IPAddress? {
        guard name.labelCount >= 2, name.label(name.labelCount - 1, equals: "arpa") else { return nil }
        if name.labelCount == 6, name.label(4, equals: "in-addr") { return reverseV4(name) }
        if name.labelCount == 34, name.label(32, equals: "ip6") { return reverseV6(name) }
        return nil
    }

    private static func reverseV4(_ name: DNSName) -> IPAddress? {
        let octets = name.storage.span
        var value: UInt32 = 0
        var label = 3
        while label >= 0 {
            let range = name.range(ofLabel: label)
            guard range.count <= 3, range.count == 1 || octets[range.lowerBound] != 0x30 else { return nil }
            var octet: UInt32 = 0
            for i in range {
                let digit = UInt32(octets[i]) &- 0x30
                guard digit < 10 else { return nil }
                octet = octet * 10 + digit
            }
            guard octet <= 255 else { return nil }
            value = value << 8 | octet
            label -= 1
        }
        return .v4(value)
    }

    private static func reverseV6(_ name: DNSName) -> IPAddress? {
        let octets = name.storage.span
        var high: UInt64 = 0
        var low: UInt64 = 0
        for position in 0..<32 {
            let range = name.range(ofLabel: 31 - position)
            guard range.count == 1, let digit = hexadecimal(octets[range.lowerBound]) else { return nil }
            if position < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt64(digit) }
        }
        return plain(high, low)
    }

    // MARK: Writing

    /// Appends the address as a label has it: RFC 5952 text with dashes for dots and colons.
    static func writeDashed(_ address: IPAddress, to octets: inout [UInt8]) {
        switch address {
        case .v4(let value): writeOctets(value, separator: 0x2D, to: &octets)
        case .v6(let high, let low): writeGroups(high, low, separator: 0x2D, to: &octets)
        }
    }

    /// Appends the address as text with dots or colons (RFC 5952); an IPv4-mapped address is the IPv4 address.
    static func writePlain(_ address: IPAddress, to octets: inout [UInt8]) {
        switch address {
        case .v4(let value): writeOctets(value, separator: 0x2E, to: &octets)
        case .v6(0, let low) where low >> 32 == 0xFFFF:
            writeOctets(UInt32(truncatingIfNeeded: low), separator: 0x2E, to: &octets)
        case .v6(let high, let low): writeGroups(high, low, separator: 0x3A, to: &octets)
        }
    }

    private static func writeOctets(_ value: UInt32, separator: UInt8, to octets: inout [UInt8]) {
        for index in 0..<4 {
            if index > 0 { octets.append(separator) }
            writeDecimal(UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * index)), to: &octets)
        }
    }

    private static func writeDecimal(_ value: UInt8, to octets: inout [UInt8]) {
        if value >= 100 { octets.append(0x30 + value / 100) }
        if value >= 10 { octets.append(0x30 + value / 10 % 10) }
        octets.append(0x30 + value % 10)
    }

    private static func group(_ index: Int, _ high: UInt64, _ low: UInt64) -> UInt16 {
        UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(48 - 16 * (index & 3)))
    }

    private static func writeGroups(_ high: UInt64, _ low: UInt64, separator: UInt8, to octets: inout [UInt8]) {
        // The longest run of at least two zero groups becomes a pair of separators, the first of equals (RFC 5952 4.2).
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || group(index, high, low) != 0 {
            if index - start > max(best.count, 1) { best = start..<index }
            start = index + 1
        }
        var index = 0
        while index < 8 {
            if !best.isEmpty, index == best.lowerBound {
                octets.append(separator)
                octets.append(separator)
                index = best.upperBound
                continue
            }
            if index > 0, best.isEmpty || index != best.upperBound { octets.append(separator) }
            writeHexadecimal(group(index, high, low), to: &octets)
            index += 1
        }
    }

    private static func writeHexadecimal(_ value: UInt16, to octets: inout [UInt8]) {
        var shift = 12
        while shift > 0, value >> UInt16(shift) == 0 { shift -= 4 }
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt16(shift)) & 0xF
            octets.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
    }
}
