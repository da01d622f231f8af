import Names
import Testing

@testable import Frontend

@Suite("dns64")
struct DNS64Tests {
    static let zone = """
        test. 300 SOA ns.test. host.test. 1 2 3 4 60
        four.test. 300 A 192.0.2.1
        both.test. 300 A 192.0.2.1
        both.test. 300 AAAA 2001:db8::1
        alias.test. 20 CNAME four.test.
        """

    private func ask(_ lines: String, _ name: String, _ type: RecordType = .aaaa) throws -> MessageText {
        let upstream = try TestUpstream(Self.zone)
        defer { upstream.stop() }
        return try MessageText(
            try frontendAnswer(of: lines, to: try TestPacket.query(name, type, advertisedSize: 1232), upstream: upstream))
    }

    @Test("a name with IPv4 addresses alone has translated ones, no longer than the denial would have held")
    func translated() throws {
        let text = try ask(" dns64 {\n  allow_ipv4\n }", "Four.test")
        #expect(text.code == "NOERROR" && text.flags == "QR RD")
        #expect(text.answer == ["Four.test. 60 IN AAAA 64:ff9b::c000:201"] && text.authority.isEmpty)
        let alias = try ask(" dns64 {\n  allow_ipv4\n  prefix 2001:db8:64::/48\n }", "alias.test")
        #expect(alias.answer == ["alias.test. 20 IN CNAME four.test.", "four.test. 60 IN AAAA 2001:db8:64:c000:2:100::"])
    }

    @Test("what has IPv6 addresses is left alone, unless all is to be translated")
    func both() throws {
        #expect(try ask(" dns64 {\n  allow_ipv4\n }", "both.test").answer == ["both.test. 300 IN AAAA 2001:db8::1"])
        #expect(
            try ask(" dns64 {\n  allow_ipv4\n  translate_all\n }", "both.test").answer == ["both.test. 300 IN AAAA 64:ff9b::c000:201"]
        )
    }

    @Test("names that do not exist, other types and clients over IPv4 are left alone")
    func others() throws {
        let lines = " dns64 {\n  allow_ipv4\n }"
        let denied = try ask(lines, "none.test")
        #expect(denied.code == "NXDOMAIN" && denied.authority == ["test. 60 IN SOA ns.test. host.test. SERIAL 2 3 4 60"])
        #expect(try ask(lines, "four.test", .a).answer == ["four.test. 300 IN A 192.0.2.1"])
        #expect(try ask(" dns64", "four.test").answer.isEmpty)
    }

    @Test("where an upstream fails for both types the answer is empty, as in CoreDNS")
    func failure() throws {
        let upstream = try TestUpstream(Self.zone, behaviour: .refuses(2))
        let text = try MessageText(
            try frontendAnswer(of: " dns64 {\n  allow_ipv4\n }", to: try TestPacket.query("four.test", .aaaa), upstream: upstream))
        #expect(text.code == "NOERROR" && text.answer.isEmpty)
        upstream.stop()
    }

    @Test(
        "an address follows its prefix, and octet 8 stays 0 (RFC 6052 section 2.4)",
        arguments: [
            ("2001:db8::/32", "2001:db8:c000:221::"), ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"), ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100:0"), ("2001:db8:122:344::/96", "2001:db8:122:344::c000:221"),
        ])
    func embedding(prefix: String, address: String) throws {
        let read = try settings(of: DNS64Settings.row, "dns64 \(prefix)")[0].prefix
        #expect(IPAddress(bytes: DNS64Handler.embed([192, 0, 2, 33], in: read))?.description == address)
    }

    @Test("prefixes of other lengths are refused", arguments: ["64:ff9b::/97", "64:ff9b::/33", "64:ff9b::/24", "10.0.0.0/8", "64:ff9b::"])
    func mistakes(prefix: String) {
        #expect(mistake(of: DNS64Settings.row, "dns64 \(prefix)")?.contains("32, 40, … 96") == true)
    }

    @Test("with a prefix behind the name the block is ignored, with a warning, as CoreDNS ignores it")
    func ignoredBlock() throws {
        let text = ".:53 {\n dns64 64:ff9b::/96 {\n  allow_ipv4\n }\n}"
        let configuration = try FrontendConfiguration.parse(Array(text.utf8), file: "Corefile")
        #expect(configuration.blocks[0].all(DNS64Settings.self).map(\.answersIPv4) == [false])
        #expect(configuration.warnings.map(\.line) == [3])
    }
}
