import Names

/// The parameters of SVCB and HTTPS (RFC 9460 2.1, appendix A).
extension RecordDataReader {
    private static let keys: [String: UInt16] = [
        "mandatory": 0, "alpn": 1, "no-default-alpn": 2, "port": 3, "ipv4hint": 4, "ech": 5, "ipv6hint": 6, "dohpath": 7, "ohttp": 8,
        "tls-supported-groups": 9,
    ]

    mutating func readServiceParameters() throws(RecordTextError) {
        var parameters: [UInt16: [UInt8]] = [:]
        let first = next
        while !isAtEnd {
            let word = try word("a parameter")
            let text = scanner[word]
            let equals = text.firstIndex(of: 0x3D)
            let name = text[..<(equals ?? text.endIndex)]
            guard !word.isQuoted, let key = Self.key(name) else {
                throw unexpected(word, "a parameter, like alpn=h2 or key65000=value")
            }
            guard parameters[key] == nil else { throw unexpected(word, "each parameter once") }
            var value = equals.map { text[($0 + 1)...] }
            if let quoted = value, quoted.first == 0x22, quoted.count >= 2 { value = quoted.dropFirst().dropLast() }
            parameters[key] = try self.value(of: key, try value.map { text throws(RecordTextError) in try unescaped(text, of: word) }, word)
        }
        if let mandatory = parameters[0], let first {
            for at in stride(from: 0, to: mandatory.count, by: 2)
            where parameters[UInt16(mandatory[at]) << 8 | UInt16(mandatory[at + 1])] == nil {
                throw scanner.error("expected every mandatory parameter to be there", at: first)
            }
        }
        for key in parameters.keys.sorted() {
            let value = parameters[key] ?? []
            append(key)
            append(UInt16(truncatingIfNeeded: value.count))
            data += value
            guard data.count <= Self.longest else { return }
        }
    }

    private static func key(_ name: ArraySlice<UInt8>) -> UInt16? {
        let text = String(decoding: name, as: UTF8.self)
        if let known = keys[text.lowercased()] { return known }
        guard text.lowercased().hasPrefix("key"), let number = UInt16(decimal: name.dropFirst(3)), number < 65_535 else { return nil }
        return number
    }

    private func value(
        of key: UInt16, _ text: [UInt8]?, _ word: RecordScanner.Word
    ) throws(RecordTextError) -> [UInt8] {
        func require(_ value: [UInt8]?, _ wanted: String) throws(RecordTextError) -> [UInt8] {
            guard let value, !value.isEmpty else { throw unexpected(word, wanted) }
            return value
        }
        let parts = text.map { $0.split(separator: 0x2C, omittingEmptySubsequences: false) } ?? []
        switch key {
        case 0:
            let keys = parts.compactMap { Self.key($0) }.sorted()
            let isSound = keys.count == parts.count && Set(keys).count == keys.count && !keys.contains(0)
            return try require(isSound ? keys.flatMap { Self.octets($0) } : nil, "mandatory=KEY,… of other parameters")
        case 1: return try require(text.flatMap { Self.protocols($0) }, "alpn=PROTOCOL,… of 1 to 255 octets each")
        case 2, 8:
            guard text == nil || text == [] else { throw unexpected(word, "this parameter without a value") }
            return []
        case 3: return try require(text.flatMap { UInt16(decimal: $0[...]) }.map { Self.octets($0) }, "port=NUMBER")
        case 4: return try require(Self.addresses(parts, size: 4), "ipv4hint=ADDRESS,…")
        case 5: return try require(text.flatMap { TextEncoding.base64($0[...]) }, "ech=BASE64")
        case 6: return try require(Self.addresses(parts, size: 16), "ipv6hint=ADDRESS,…")
        case 9:
            let groups = parts.compactMap { UInt16(decimal: $0) }
            return try require(groups.count == parts.count ? groups.flatMap { Self.octets($0) } : nil, "tls-supported-groups=NUMBER,…")
        default: return text ?? []
        }
    }

    private static func octets(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xFF)] }

    private static func addresses(_ parts: [ArraySlice<UInt8>], size: Int) -> [UInt8]? {
        var octets: [UInt8] = []
        for part in parts {
            guard let address = IPAddress(String(decoding: part, as: UTF8.self)), address.bytes.count == size else { return nil }
            octets += address.bytes
        }
        return octets
    }

    /// Protocol names between commas, `\,` and `\\` being part of a name (appendix A.1), each behind its length.
    private static func protocols(_ text: [UInt8]) -> [UInt8]? {
        var octets: [UInt8] = []
        var name: [UInt8] = []
        var at = 0
        while at <= text.count {
            if at == text.count || text[at] == 0x2C {
                guard (1...255).contains(name.count) else { return nil }
                octets.append(UInt8(name.count))
                octets += name
                name = []
            } else {
                if text[at] == 0x5C, at + 1 < text.count { at += 1 }
                name.append(text[at])
            }
            at += 1
        }
        return octets
    }
}
