extension RecordField {
    /// Whether `data` has these fields, and nothing behind them: what data given as octets (RFC 3597) must be for a type that has a text of
    /// its own, since answers are made by its fields.
    static func match(_ fields: [RecordField], _ data: [UInt8]) -> Bool {
        var at = 0
        for field in fields {
            guard let end = field.end(in: data, from: at), end <= data.count else { return false }
            at = end
        }
        return at == data.count
    }

    /// Behind the field that begins at `at`, possibly behind the data too; nil when it is broken.
    private func end(in data: [UInt8], from at: Int) -> Int? {
        switch self {
        case .octet, .algorithm: return at + 1
        case .word, .certificateType, .type: return at + 2
        case .doubleWord, .time, .timestamp, .ipv4: return at + 4
        case .ipv6: return at + 16
        case .locator64: return at + 8
        case .hardwareAddress(let count): return at + count
        case .name: return Self.name(in: data, from: at)
        case .names:
            var end = at
            while end < data.count {
                guard let next = Self.name(in: data, from: end) else { return nil }
                end = next
            }
            return end
        case .string, .salt, .hash, .tag: return at < data.count ? at + 1 + Int(data[at]) : nil
        case .optionalString: return at < data.count ? at + 1 + Int(data[at]) : at
        case .strings:
            var end = at
            repeat {
                guard end < data.count else { return nil }
                end += 1 + Int(data[end])
            } while end != data.count
            return end
        case .hostIdentity:
            guard at + 4 <= data.count else { return nil }
            return at + 4 + Int(data[at]) + Int(data[at + 2]) << 8 + Int(data[at + 3])
        // What is inside these only a client looks at.
        case .text, .hexadecimal, .base64, .typeBitmap, .nsap, .gateway, .relay, .prefixes, .serviceParameters: return data.count
        case .location: return at + 16
        }
    }

    /// A name without pointers: RFC 3597 data has none.
    private static func name(in data: [UInt8], from at: Int) -> Int? {
        var name = DNSName()
        guard let end = try? name.read(data.span, at: at), end - at == name.length else { return nil }
        return end
    }
}
