import Testing

@testable import Frontend

/// Response codes above 15: their upper bits stand in the OPT record (RFC 6891 section 6.1.3).
@Suite("Extended response codes")
struct ExtendedCodeTests {
    /// The code that a client with EDNS and one without get.
    private func codes(_ bench: ChainBench, _ name: String) throws -> [String] {
        [try bench.ask(name, advertisedSize: 1232), try bench.ask(name)]
    }

    @Test("template gives them to clients with EDNS; to others, who cannot be told, nothing is said")
    func template() throws {
        let bench = try ChainBench(
            "example:0 {\n prometheus 127.0.0.1:0\n template IN A example {\n rcode BADCOOKIE\n }\n}")
        #expect(try codes(bench, "a.example") == ["BADCOOKIE", "silence"])
        #expect(bench.metric("coredns_dns_responses_total{") == 2)
        #expect(bench.metric(#"coredns_dns_responses_total{server="dns://:0",zone="example.",view="",rcode="BADCOOKIE""#) == 2)
    }

    @Test("rewrite makes them of other codes, and other codes of them, and neither is taken for what the lower bits say")
    func rewrite() throws {
        let bench = try ChainBench(
            """
            .:0 {
              cache
              rewrite stop {
                rcode exact up.example. NXDOMAIN BADVERS
              }
              rewrite stop {
                rcode exact down.example. BADCOOKIE NXDOMAIN
              }
              forward . 192.0.2.1
            }
            """
        ) { name, _ in
            .answer(name == "up.example." ? 3 : 23, authority: ["example. 60 IN SOA ns.example. host.example. 1 2 3 4 60"])
        }
        #expect(try codes(bench, "up.example") == ["BADVERS", "silence"])
        #expect(try codes(bench, "down.example") == ["NXDOMAIN", "NXDOMAIN"])
        // Of these only the denials may be kept: 23's lower bits are those of YXRRSET, 16's those of NOERROR.
        #expect(bench.asked.filter { $0 == "up.example. A" }.count == 2)
        #expect(bench.asked.filter { $0 == "down.example. A" }.count == 1)
    }

    @Test("an upstream's reaches clients with EDNS whole, past directives that change or look up")
    func upstreams() throws {
        for line in ["", "cache", "dns64", "minimal", "rewrite name suffix .x .y answer auto", "cache {\n serve_stale\n }"] {
            let bench = try ChainBench(".:0 {\n \(line)\n forward . 192.0.2.1\n}") { _, _ in .answer(23) }
            #expect(try bench.ask("a.x", .aaaa, advertisedSize: 1232) == "BADCOOKIE", "\(line)")
            // To a query that had no EDNS it is a mistake.
            if line != "dns64" { #expect(try bench.ask("a.x", .aaaa) == "SERVFAIL", "\(line)") }
        }
    }

    @Test("forward's failover and next look at the whole code")
    func forward() throws {
        // 19 is BADMODE, whose lower bits are NXDOMAIN's.
        let bench = try ChainBench(".:0 {\n forward . 192.0.2.1 {\n next NXDOMAIN\n }\n forward . 192.0.2.2\n}") { _, _ in .answer(19) }
        _ = try bench.ask("a.x", advertisedSize: 1232)
        #expect(bench.asked.count == 1)
    }
}
