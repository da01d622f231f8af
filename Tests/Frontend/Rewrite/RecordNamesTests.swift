import Testing

@testable import Frontend

/// Each `a.` in the data becomes `new.`; hex, with `01 61 00` for `a.`.
@Suite("Names in record data")
struct RecordNamesTests {
    private func edit(_ type: String, _ data: [UInt8], _ result: inout [UInt8]) throws -> Bool {
        try RecordNames.edit(data.span, of: try #require(RecordType(mnemonic: type)), into: &result) { name in
            guard name == (try? DNSName("a")), let new = try? DNSName("new") else { return false }
            name = new
            return true
        }
    }

    @Test(
        "of every type that holds some, with all other octets as they were",
        arguments: [
            ("CNAME", "01 61 00", "03 6e 65 77 00"), ("NS", "01 61 00", "03 6e 65 77 00"), ("PTR", "01 61 00", "03 6e 65 77 00"),
            ("DNAME", "01 61 00", "03 6e 65 77 00"), ("MX", "00 0a 01 61 00", "00 0a 03 6e 65 77 00"),
            ("AFSDB", "00 01 01 61 00", "00 01 03 6e 65 77 00"), ("KX", "00 01 01 61 00", "00 01 03 6e 65 77 00"),
            ("RT", "00 01 01 61 00", "00 01 03 6e 65 77 00"), ("PX", "00 01 01 61 00 01 61 00", "00 01 03 6e 65 77 00 03 6e 65 77 00"),
            ("SRV", "00 00 00 32 00 50 01 61 00", "00 00 00 32 00 50 03 6e 65 77 00"),
            ("NAPTR", "00 01 00 02 01 75 00 02 21 21 01 61 00", "00 01 00 02 01 75 00 02 21 21 03 6e 65 77 00"),
            ("SOA", "01 61 00 01 61 00 00 00 00 01", "03 6e 65 77 00 01 61 00 00 00 00 01"),
            ("RP", "01 61 00 01 61 00", "01 61 00 03 6e 65 77 00"),
            ("SVCB", "00 01 01 61 00 00 03 00 02 00 35", "00 01 03 6e 65 77 00 00 03 00 02 00 35"),
            ("HTTPS", "00 00 01 61 00", "00 00 03 6e 65 77 00"),
        ])
    func types(type: String, data: String, edited: String) throws {
        var result: [UInt8] = [0xEE]
        #expect(try edit(type, hexOctets(data), &result))
        #expect(result == [0xEE] + hexOctets(edited))
    }

    @Test(
        "nothing is written when nothing changes",
        arguments: [("CNAME", "01 62 00"), ("A", "01 61 00"), ("TXT", "01 61"), ("NSEC", "01 61 00")])
    func unchanged(type: String, data: String) throws {
        var result: [UInt8] = [0xEE]
        #expect(try !edit(type, hexOctets(data), &result))
        #expect(result == [0xEE])
    }

    @Test(
        "data that does not have its type's form is an error and writes nothing",
        arguments: [
            ("CNAME", ""), ("CNAME", "01 61"), ("CNAME", "c0 00"), ("CNAME", "01 61 c0 00"), ("MX", "00"), ("SRV", "00 00 00 32 00 50"),
            ("NAPTR", "00 01 00 02 05 75"), ("RP", "01 61 00"), ("PX", "00 01 01 61 00"), ("SVCB", "00 01 40 61 00"),
        ])
    func malformed(type: String, data: String) {
        var result: [UInt8] = [0xEE]
        #expect(throws: WireError.self) { try edit(type, hexOctets(data), &result) }
        #expect(result == [0xEE])
    }

    @Test("a name that makes the data longer than a record may be is not changed")
    func longest() throws {
        var result: [UInt8] = []
        let parameters = [UInt8](repeating: 0, count: 65_535 - 5)
        #expect(try !edit("HTTPS", hexOctets("00 01 01 61 00") + parameters, &result))
        #expect(result.isEmpty)
    }
}
