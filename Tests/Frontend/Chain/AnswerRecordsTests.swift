import Testing

@testable import Frontend

@Suite("An answer's records, taken out of it")
struct AnswerRecordsTests {
    /// A message with one question and answers of one pair of names, each record a pointer and a type, data a pointer.
    private func message(_ name: DNSName, records: Int) -> [UInt8] {
        func word(_ value: Int) -> [UInt8] { [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)] }
        var octets = word(1) + word(0x8180) + word(1) + word(records) + word(0) + word(0)
        octets += name.wire() + word(1) + word(1)
        for _ in 0..<records { octets += word(0xC00C) + word(5) + word(1) + [0, 0, 0, 60] + word(2) + word(0xC00C) }
        return octets
    }

    @Test("names are in full, in owners and in data")
    func names() throws {
        let name = try DNSName("a.example.org")
        let records = try AnswerRecords(message(name, records: 2).span)
        let record = ResourceRecord(owner: name, type: .cname, ttl: 60, data: name.wire())
        #expect(records.answer == [record, record])
        #expect(records.authority.isEmpty && records.additional.isEmpty)
    }

    @Test("what unpacks to more than a mebibyte is not unpacked")
    func bomb() throws {
        let label = String(repeating: "x", count: 61)
        let name = try DNSName([label, label, label, label].joined(separator: "."))
        #expect(throws: WireError.self) { try AnswerRecords(message(name, records: 4500).span) }
        #expect(try AnswerRecords(message(name, records: 1000).span).answer.count == 1000)
    }

    @Test("a record that is cut throws", arguments: [13, 40, 58])
    func cut(count: Int) throws {
        let octets = message(try DNSName("a.example.org"), records: 2)
        #expect(throws: WireError.self) { try AnswerRecords(Array(octets.prefix(count)).span) }
    }
}
