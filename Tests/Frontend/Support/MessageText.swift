import MizzenSystem
import Names
import Testing

@testable import Frontend

/// A message as the captured answers write it: sorted records as zone text, SOA serials replaced by SERIAL, OPT left out.
struct MessageText: Equatable {
    var code = ""
    var flags = ""
    var answer: [String] = []
    var authority: [String] = []
    var additional: [String] = []

    init() {}

    init(_ octets: [UInt8]) throws(WireError) {
        let message = octets.span
        var reader = try PacketReader(message)
        var extended: UInt16 = 0
        while let record = try reader.next(in: message) {
            if record.type == .opt {
                extended = UInt16(record.ttl >> 24)
                continue
            }
            let text = try Self.text(record, message)
            switch record.section {
            case .answer: answer.append(text)
            case .authority: authority.append(text)
            case .additional: additional.append(text)
            }
        }
        answer.sort()
        authority.sort()
        additional.sort()
        code = Self.codes[extended << 4 | reader.flags & 0x000F] ?? "\(reader.flags & 0x000F)"
        flags = Self.flagNames.filter { reader.flags & $0.bit != 0 }.map(\.name).joined(separator: " ")
    }

    private static let codes: [UInt16: String] = [
        0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 16: "BADVERS", 23: "BADCOOKIE",
    ]
    private static let flagNames: [(name: String, bit: UInt16)] = [
        ("QR", 0x8000), ("AA", 0x0400), ("TC", 0x0200), ("RD", 0x0100), ("RA", 0x0080), ("AD", 0x0020), ("CD", 0x0010),
    ]

    private static func name(_ message: Span<UInt8>, _ at: Int) throws(WireError) -> (text: String, end: Int) {
        var name = DNSName()
        let end = try name.read(message, at: at)
        return (name.description, end)
    }

    private static func text(_ record: PacketReader.Record, _ message: Span<UInt8>) throws(WireError) -> String {
        let owner = try name(message, record.owner).text
        let recordClass = record.recordClass == internetClass ? "IN" : "CLASS\(record.recordClass)"
        return "\(owner) \(record.ttl) \(recordClass) \(record.type) \(try data(record, message))"
    }

    private static func data(_ record: PacketReader.Record, _ message: Span<UInt8>) throws(WireError) -> String {
        let start = record.data.lowerBound
        switch record.type {
        case .a, .aaaa:
            var octets: [UInt8] = []
            for i in record.data { octets.append(message[i]) }
            return IPAddress(bytes: octets)?.description ?? "?"
        case .cname, .ns, .ptr: return try name(message, start).text
        case .mx: return "\(message.word(at: start)) \(try name(message, start + 2).text)"
        case .srv:
            let numbers = (0..<3).map { "\(message.word(at: start + 2 * $0))" }.joined(separator: " ")
            return "\(numbers) \(try name(message, start + 6).text)"
        case .soa:
            let server = try name(message, start)
            let mailbox = try name(message, server.end)
            let numbers = (1..<5).map { "\(message.doubleWord(at: mailbox.end + 4 * $0))" }.joined(separator: " ")
            return "\(server.text) \(mailbox.text) SERIAL \(numbers)"
        case .txt:
            var strings: [String] = []
            var at = start
            while at < record.data.upperBound {
                let size = Int(message[at])
                var string = ""
                for i in (at + 1)..<(at + 1 + size) { string.unicodeScalars.append(UnicodeScalar(message[i])) }
                strings.append("\"\(string)\"")
                at += 1 + size
            }
            return strings.joined(separator: " ")
        default: return "\\# \(record.data.count)"
        }
    }
}
