import Testing

@testable import Frontend

@Suite("minimal")
struct MinimalTests {
    static let zone = """
        test. 300 SOA ns.test. host.test. 1 2 3 4 60
        one.test. 300 MX 10 mail.test.
        mail.test. 300 A 192.0.2.1
        """

    private func ask(_ lines: String, _ name: String) throws -> MessageText {
        let upstream = try TestUpstream(Self.zone)
        defer { upstream.stop() }
        return try MessageText(
            try frontendAnswer(of: lines, to: try TestPacket.query(name, .mx, advertisedSize: 1232), upstream: upstream))
    }

    @Test("an answer keeps its answer section alone")
    func positive() throws {
        #expect(try ask(" loadbalance", "one.test").additional == ["mail.test. 300 IN A 192.0.2.1"])
        let text = try ask(" minimal", "one.test")
        #expect(text.answer == ["one.test. 300 IN MX 10 mail.test."])
        #expect(text.authority.isEmpty && text.additional.isEmpty)
    }

    @Test("denials keep the zone's SOA", arguments: [("none.test", "NXDOMAIN"), ("mail.test", "NOERROR")])
    func denials(name: String, code: String) throws {
        let text = try ask(" minimal", name)
        #expect(text.code == code)
        #expect(text.authority == ["test. 60 IN SOA ns.test. host.test. SERIAL 2 3 4 60"])
    }
}
