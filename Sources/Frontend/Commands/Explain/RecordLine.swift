import Names

/// A record as a line of a zone file, for people.
enum RecordLine {
    static func text(_ record: ResourceRecord) -> String {
        let recordClass = Mnemonics.recordClass(record.recordClass) ?? "CLASS\(record.recordClass)"
        return "\(record.owner) \(record.ttl) \(recordClass) \(record.type) \(data(record) ?? unknown(record.data))"
    }

    /// Nil for types without a text here, and for data that is none of its type's.
    private static func data(_ record: ResourceRecord) -> String? {
        let data = record.data.span
        switch record.type {
        case .a where data.count == 4, .aaaa where data.count == 16: return IPAddress(bytes: record.data)?.description
        case .cname, .ns, .ptr, .dname: return name(data, at: 0)
        case .mx where data.count > 2: return name(data, at: 2).map { "\(data.word(at: 0)) \($0)" }
        case .srv where data.count > 6:
            return name(data, at: 6).map { "\(data.word(at: 0)) \(data.word(at: 2)) \(data.word(at: 4)) \($0)" }
        case .soa:
            var server = DNSName()
            guard let end = try? server.read(data, at: 0) else { return nil }
            var mailbox = DNSName()
            guard let numbers = try? mailbox.read(data, at: end), numbers + 20 == data.count else { return nil }
            return "\(server) \(mailbox) " + (0..<5).map { "\(data.doubleWord(at: numbers + 4 * $0))" }.joined(separator: " ")
        default: return nil
        }
    }

    private static func name(_ data: Span<UInt8>, at start: Int) -> String? {
        var name = DNSName()
        return (try? name.read(data, at: start)) == data.count ? name.description : nil
    }

    /// RFC 3597 section 5.
    private static func unknown(_ data: [UInt8]) -> String {
        let digits = data.map { octet in (octet < 16 ? "0" : "") + String(octet, radix: 16) }
        return "\\# \(data.count) \(digits.joined())"
    }
}
