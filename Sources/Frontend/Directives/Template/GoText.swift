/// Go's spelling of texts and numbers.
enum GoText {
    /// The text between double (or single) quotes, escapes replaced.
    static func unquoted(_ octets: ArraySlice<UInt8>, of scanner: TextTemplateScanner, at offset: Int) throws(TextTemplateFault) -> String {
        var result: [UInt8] = []
        var at = octets.startIndex
        while at < octets.endIndex {
            guard octets[at] == UInt8(ascii: "\\") else {
                result.append(octets[at])
                at += 1
                continue
            }
            guard let length = escape(octets[at...], into: &result) else {
                let found = String(decoding: octets[at...].prefix(4), as: UTF8.self)
                throw scanner.fault("unknown escape '\(found)'; a backslash itself is \\\\", at: offset + 1 + at - octets.startIndex)
            }
            at += length
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Appends what the escape at the front stands for; its length, or nil when it is none.
    static func escape(_ octets: ArraySlice<UInt8>, into result: inout [UInt8]) -> Int? {
        guard let kind = octets.dropFirst().first else { return nil }
        switch kind {
        case UInt8(ascii: "x"): return numeric(octets.dropFirst(2), digits: 2, radix: 16, into: &result).map { $0 + 2 }
        case UInt8(ascii: "u"): return scalar(octets.dropFirst(2), digits: 4, into: &result).map { $0 + 2 }
        case UInt8(ascii: "U"): return scalar(octets.dropFirst(2), digits: 8, into: &result).map { $0 + 2 }
        case 0x30...0x37: return numeric(octets.dropFirst(1), digits: 3, radix: 8, into: &result).map { $0 + 1 }
        default: break
        }
        let plain: UInt8? =
            switch kind {
            case UInt8(ascii: "a"): 0x07
            case UInt8(ascii: "b"): 0x08
            case UInt8(ascii: "f"): 0x0C
            case UInt8(ascii: "n"): 0x0A
            case UInt8(ascii: "r"): 0x0D
            case UInt8(ascii: "t"): 0x09
            case UInt8(ascii: "v"): 0x0B
            case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): kind
            default: nil
            }
        guard let plain else { return nil }
        result.append(plain)
        return 2
    }

    private static func value(_ octets: ArraySlice<UInt8>, digits: Int, radix: Int) -> UInt32? {
        let text = octets.prefix(digits)
        guard text.count == digits, text.allSatisfy({ $0 != 0x2B && $0 != 0x2D }) else { return nil }
        return UInt32(String(decoding: text, as: UTF8.self), radix: radix)
    }

    private static func numeric(_ octets: ArraySlice<UInt8>, digits: Int, radix: Int, into result: inout [UInt8]) -> Int? {
        guard let value = value(octets, digits: digits, radix: radix), let octet = UInt8(exactly: value) else { return nil }
        result.append(octet)
        return digits
    }

    private static func scalar(_ octets: ArraySlice<UInt8>, digits: Int, into result: inout [UInt8]) -> Int? {
        guard let value = value(octets, digits: digits, radix: 16), let scalar = UnicodeScalar(value) else { return nil }
        result.append(contentsOf: String(scalar).utf8)
        return digits
    }

    /// A number of Go's source: decimal, `0x`, `0o`, `0b`, a leading 0 for octal, `_` between digits, decimals and exponents.
    static func number(_ text: String) -> TextTemplateValue? {
        var digits = text[...]
        let isNegative = digits.hasPrefix("-")
        if isNegative || digits.hasPrefix("+") { digits = digits.dropFirst() }
        guard let first = digits.utf8.first, first != 0x2B, first != 0x2D, digits.utf8.last != 0x5F, first != 0x5F, !digits.contains("__")
        else { return nil }
        let plain = digits.replacing("_", with: "")
        if let magnitude = whole(String(plain)) {
            if isNegative { return Int64(exactly: -Int128(magnitude)).map { .integer($0) } }
            return Int64(exactly: magnitude).map { .integer($0) }
        }
        guard plain.utf8.allSatisfy({ (0x30...0x39).contains($0) || [0x2E, 0x65, 0x45, 0x2B, 0x2D].contains($0) }),
            // A whole number that is too large is none, not a decimal one.
            plain.utf8.contains(where: { $0 == 0x2E || $0 | 0x20 == 0x65 }),
            let value = Double((plain.hasPrefix(".") ? "0" : "") + plain), value.isFinite
        else { return nil }
        return .float(isNegative ? -value : value)
    }

    private static func whole(_ digits: String) -> UInt64? {
        let head = digits.prefix(2).lowercased()
        switch head {
        case "0x": return unsigned(digits.dropFirst(2), radix: 16)
        case "0o": return unsigned(digits.dropFirst(2), radix: 8)
        case "0b": return unsigned(digits.dropFirst(2), radix: 2)
        default: return unsigned(digits[...], radix: digits.hasPrefix("0") && digits.count > 1 ? 8 : 10)
        }
    }

    /// Without sign, digits of the radix only.
    static func unsigned(_ digits: some StringProtocol, radix: Int) -> UInt64? {
        guard let first = digits.utf8.first, first != 0x2B, first != 0x2D else { return nil }
        return UInt64(digits, radix: radix)
    }
}
