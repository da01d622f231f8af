import Testing

@testable import Frontend

@Suite("header")
struct HeaderTests {
    static let hosts = " hosts /nonexistent {\n  192.0.2.1 one.test\n }"

    private func flags(_ lines: String, _ flags: UInt16 = 0x0100) throws -> String {
        try MessageText(
            try frontendAnswer(of: " header {\n\(lines)\n }\n" + Self.hosts, to: try TestPacket.query("one.test", .a, flags: flags))
        ).flags
    }

    @Test("flags of answers are set and cleared, the later line wins")
    func responses() throws {
        #expect(try flags("response set ra") == "QR AA RD RA")
        #expect(try flags("response clear aa rd") == "QR")
        #expect(try flags("Response Set RA\nresponse clear ra") == "QR AA RD")
        #expect(try flags("response clear ra\nresponse set ra") == "QR AA RD RA")
    }

    @Test("flags of queries are what the others see")
    func queries() throws {
        #expect(try flags("query clear rd") == "QR AA")
        #expect(try flags("query set rd", 0) == "QR AA RD")
    }

    @Test(
        "what is no rule is refused",
        arguments: [
            ("header", "expected a block"), ("header {\n response set\n}", "at least 2 words"),
            ("header {\n response add ra\n}", "'set' or 'clear'"),
            ("header {\n response set qr\n}", "aa, ra, rd"), ("header {\n reply set ra\n}", "query, response"),
        ])
    func mistakes(lines: String, words: String) throws {
        let message = try #require(mistake(of: HeaderSettings.row, lines))
        #expect(message.contains(words), "\(message)")
    }
}
