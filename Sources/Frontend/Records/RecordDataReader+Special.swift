import Names

/// Fields that only one type or a few have.
extension RecordDataReader {
    // MARK: Denial of existence (RFC 4034 4.1.2, RFC 5155 3.3)

    mutating func readDenialField(_ field: RecordField) throws(RecordTextError) {
        switch field {
        case .salt:
            let salt = try next("a salt in hexadecimal, or '-'") { $0.elementsEqual("-".utf8) ? [] : TextEncoding.hexadecimal($0) }
            try appendCounted(salt)
        case .hash:
            try appendCounted(try next("a hash in base 32") { TextEncoding.base32($0) })
        default:
            var types: [UInt16] = []
            while !isAtEnd { types.append(try recordType().rawValue) }
            appendBitmap(types)
        }
    }

    private mutating func appendCounted(_ octets: [UInt8]) throws(RecordTextError) {
        guard let count = UInt8(exactly: octets.count) else {
            throw scanner.error("expected at most 255 octets, found \(octets.count)", at: try word("the next field"))
        }
        data.append(count)
        data += octets
    }

    private mutating func appendBitmap(_ types: [UInt16]) {
        var windows: [UInt16: [UInt8]] = [:]
        for type in types {
            var bits = windows[type >> 8] ?? []
            let octet = Int(type & 0xFF) / 8
            while bits.count <= octet { bits.append(0) }
            bits[octet] |= 0x80 >> UInt8(type & 7)
            windows[type >> 8] = bits
        }
        for window in windows.keys.sorted() {
            let bits = windows[window] ?? []
            data += [UInt8(window), UInt8(bits.count)]
            data += bits
        }
    }

    // MARK: HIP (RFC 8005), IPSECKEY (RFC 4025), AMTRELAY (RFC 8777)

    mutating func readHostIdentity() throws(RecordTextError) {
        let algorithm = try number("a number from 0 to 255", UInt8.self)
        let tag = try next("a tag in hexadecimal") { $0.count <= 510 ? TextEncoding.hexadecimal($0) : nil }
        let key = try base64(untilEnd: false)
        data += [UInt8(tag.count), algorithm]
        append(UInt16(truncatingIfNeeded: key.count))
        data += tag + key
    }

    mutating func readGateway() throws(RecordTextError) {
        let type = try number("a gateway type from 0 to 3", UInt8.self)
        let algorithm = try number("a number from 0 to 255", UInt8.self)
        data += [type, algorithm]
        try readHost(type)
        if !isAtEnd { data += try base64(untilEnd: true) }
    }

    mutating func readRelay() throws(RecordTextError) {
        let discovery: UInt8 = try next("a discovery bit, 0 or 1") { UInt8(decimal: $0).flatMap { $0 <= 1 ? $0 : nil } }
        let type: UInt8 = try next("a relay type from 0 to 3") { UInt8(decimal: $0).flatMap { $0 <= 3 ? $0 : nil } }
        data.append(discovery << 7 | type)
        try readHost(type)
    }

    /// Nothing (written `.`), an IPv4 address, an IPv6 address or a name.
    private mutating func readHost(_ type: UInt8) throws(RecordTextError) {
        switch type {
        case 0: _ = try next("'.', for no host") { $0.elementsEqual(".".utf8) ? true : nil }
        case 1, 2:
            let isV4 = type == 1
            data += try next(isV4 ? "an IPv4 address" : "an IPv6 address") { text -> [UInt8]? in
                guard let address = IPAddress(String(decoding: text, as: UTF8.self)) else { return nil }
                return (address.bytes.count == 4) == isV4 ? address.bytes : nil
            }
        case 3: append(try name())
        default: throw scanner.error("expected a type from 0 to 3, found \(type)", at: try word("a host"))
        }
    }

    // MARK: APL (RFC 3123)

    /// `[!]FAMILY:ADDRESS/PREFIX`.
    mutating func readPrefix(_ word: RecordScanner.Word) throws(RecordTextError) {
        let wanted = "an address prefix, like 1:192.0.2.0/24 or !2:2001:db8::/32"
        var text = String(decoding: scanner[word], as: UTF8.self)[...]
        let isNegated = text.hasPrefix("!")
        if isNegated { text = text.dropFirst() }
        guard let colon = text.firstIndex(of: ":"), let slash = text.lastIndex(of: "/"), colon < slash,
            let family = UInt16(text[..<colon]), let address = IPAddress(text[text.index(after: colon)..<slash]),
            let prefix = UInt8(text[text.index(after: slash)...]), family == (address.bytes.count == 4 ? 1 : 2),
            Int(prefix) <= address.bytes.count * 8
        else { throw unexpected(word, wanted) }
        var octets = address.bytes
        while octets.last == 0 { octets.removeLast() }
        append(family)
        data += [prefix, (isNegated ? 0x80 : 0) | UInt8(octets.count)]
        data += octets
    }

    // MARK: LOC (RFC 1876)

    mutating func location() throws(RecordTextError) -> [UInt8] {
        let latitude = try angle("NS", 90)
        let longitude = try angle("EW", 180)
        let altitude = try centimetres("an altitude in metres, like -24.5m", -10_000_000...4_284_967_295)
        var octets: [UInt8] = [0]
        for (usual, wanted) in [(100, "a size"), (1_000_000, "a horizontal precision"), (1000, "a vertical precision")] {
            let length = isAtEnd ? usual : try centimetres("\(wanted) in metres, like 10m", 0...9_000_000_000)
            octets.append(Self.exponentForm(length))
        }
        for number in [latitude, longitude, UInt32(altitude + 10_000_000)] {
            octets += (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
        }
        return octets
    }

    /// Degrees, minutes and seconds that may be left out, and a direction; thousandths of a second from 2^31.
    private mutating func angle(_ directions: StaticString, _ limit: Int) throws(RecordTextError) -> UInt32 {
        let wanted = "degrees, minutes, seconds and one of \(directions), like 42 21 54 \(directions.description.prefix(1))"
        let most = [limit, 59, 59]
        let letters = Array(directions.description.utf8)
        var sum = 0
        for position in 0..<4 {
            let word = try word(wanted)
            let text = scanner[word]
            if position > 0, text.count == 1, let letter = text.first.map({ $0 & 0xDF }), letters.contains(letter) {
                guard sum <= limit * 3_600_000 else { throw unexpected(word, "at most \(limit) degrees") }
                return UInt32(1 << 31 + (letter == letters[0] && letters[0] == 0x4E || letter == 0x45 ? sum : -sum))
            }
            guard position < 3, let number = Self.thousandths(text, hasFraction: position == 2), number / 1000 <= most[position] else {
                throw unexpected(word, wanted)
            }
            sum += number * [3600, 60, 1][position]
        }
        throw unexpected(try word(wanted), wanted)
    }

    private mutating func centimetres(_ wanted: String, _ range: ClosedRange<Int>) throws(RecordTextError) -> Int {
        try next(wanted) { text in
            var text = text
            if let last = text.last, last | 0x20 == 0x6D { text = text.dropLast() }
            let isNegative = text.first == 0x2D
            if isNegative || text.first == 0x2B { text = text.dropFirst() }
            guard let number = Self.thousandths(text, hasFraction: true), number % 10 == 0 else { return nil }
            let length = number / 10 * (isNegative ? -1 : 1)
            return range.contains(length) ? length : nil
        }
    }

    /// A decimal number with up to three digits behind its point.
    private static func thousandths(_ text: ArraySlice<UInt8>, hasFraction: Bool) -> Int? {
        let parts = text.split(separator: 0x2E, maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, let number = UInt32(decimal: whole), parts.count == 1 || hasFraction else { return nil }
        guard parts.count == 2 else { return Int(number) * 1000 }
        guard parts[1].count <= 3, let fraction = UInt32(decimal: parts[1]) else { return nil }
        return Int(number) * 1000 + Int(fraction) * [1000, 100, 10, 1][parts[1].count]
    }

    /// A digit and a power of ten in four bits each; further digits are cut off.
    private static func exponentForm(_ centimetres: Int) -> UInt8 {
        var (digit, exponent) = (centimetres, 0 as UInt8)
        while digit > 9 {
            digit /= 10
            exponent += 1
        }
        return UInt8(digit) << 4 | exponent
    }
}
