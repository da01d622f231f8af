import Testing

@testable import Frontend

@Suite("Questions to a zone")
struct ZoneLookupTests {
    /// Answers as zone text would be too long: `KIND` and sections of `OWNER TYPE`.
    private func ask(_ zone: Zone, _ name: String, _ type: RecordType, dnssec: Bool = false) throws -> String {
        let reply = try #require(
            try ZoneQuestion(name: name, type: type, wantsDNSSEC: dnssec).ask(ZoneSet([.init(origin: zone.origin, zone: zone)])))
        let flags = reply.flags.contains("AA") ? "AA " : ""
        return reply.code + " " + flags
            + reply.sections.map { lines in
                lines.map { line in
                    let words = line.split(separator: " ")
                    return "\(words[0]) \(words[2])"
                }.joined(separator: ", ")
            }.joined(separator: " | ")
    }

    private func zone(_ text: String, origin: String = "example.") throws -> Zone {
        var builder = ZoneBuilder(origin: try DNSName(origin))
        var scanner = RecordScanner(Array(("@ 3600 SOA ns h 1 2 3 4 5\n@ NS ns\n" + text).utf8))
        var defaults = RecordDefaults(origin: try DNSName(origin))
        while let entry = try scanner.next() { try builder.add(scanner.record(entry, &defaults)) }
        return try builder.finish()
    }

    @Test("wildcards answer as RFC 4592 2.2.1 has it")
    func wildcards() throws {
        let zone = try zone(
            """
            * TXT "this is a wildcard"
            * MX 10 host1
            sub.* TXT "this is not a wildcard"
            host1 A 192.0.2.1
            _ssh._tcp.host1 SRV 0 0 22 host1
            _ssh._tcp.host2 SRV 0 0 22 host1
            subdel NS ns.example.com.
            """)
        let cases: [(String, RecordType, String)] = [
            ("host3.example", .mx, "NOERROR AA host3.example. MX | example. NS | host1.example. A"),
            ("host3.example", .a, "NOERROR AA  | example. SOA | "),
            ("foo.bar.example", .txt, "NOERROR AA foo.bar.example. TXT | example. NS | "),
            ("host1.example", .mx, "NOERROR AA  | example. SOA | "),
            ("sub.*.example", .mx, "NOERROR AA  | example. SOA | "),
            ("_telnet._tcp.host1.example", .srv, "NXDOMAIN AA  | example. SOA | "),
            ("host.subdel.example", .a, "NOERROR  | subdel.example. NS | "),
            ("ghost.*.example", .mx, "NXDOMAIN AA  | example. SOA | "),
            ("*.example", .mx, "NOERROR AA *.example. MX | example. NS | host1.example. A"),
            // An empty non-terminal is a closest encloser.
            ("x.host2.example", .txt, "NXDOMAIN AA  | example. SOA | "),
            ("host2.example", .txt, "NOERROR AA  | example. SOA | "),
        ]
        for (name, type, wanted) in cases { #expect(try ask(zone, name, type) == wanted, "\(name) \(type)") }
    }

    @Test("what is below a delegation or a DNAME is never an answer")
    func occlusion() throws {
        let zone = try zone(
            """
            ns A 192.0.2.1
            sub NS ns.sub
            sub NS ns
            sub NS ns.elsewhere.
            sub A 192.0.2.2
            ns.sub A 192.0.2.3
            ns.sub AAAA 2001:db8::3
            deep.sub NS ns.deep.sub
            *.sub TXT "x"
            d DNAME other.
            d TXT "y"
            x.d A 192.0.2.4
            """)
        let referral = "NOERROR  | sub.example. NS, sub.example. NS, sub.example. NS | ns.sub.example. A, ns.sub.example. AAAA"
        for name in ["sub.example", "ns.sub.example", "a.deep.sub.example", "nope.sub.example"] {
            #expect(try ask(zone, name, .a) == referral, "\(name)")
        }
        #expect(try ask(zone, "sub.example", .any) == referral)
        #expect(try ask(zone, "sub.example", .ds) == "NOERROR AA  | example. SOA | ")
        #expect(try ask(zone, "a.sub.example", .ds) == referral)
        #expect(try ask(zone, "d.example", .txt) == "NOERROR AA d.example. TXT | example. NS | ")
        #expect(try ask(zone, "x.d.example", .cname) == "NOERROR AA d.example. DNAME, x.d.example. CNAME | example. NS | ")
        #expect(try ask(zone, "example", .ns) == "NOERROR AA example. NS |  | ns.example. A")
    }

    @Test("aliases are followed inside the zone, through wildcards, DNAMEs and up to a delegation")
    func aliases() throws {
        let zone = try zone(
            """
            a CNAME b
            b CNAME c.w
            *.w A 192.0.2.1
            n CNAME nope
            e CNAME ent
            x.ent A 192.0.2.1
            d DNAME w
            q CNAME x.d
            s CNAME host.sub
            sub NS ns.sub
            ns.sub A 192.0.2.2
            up DNAME x.up
            m CNAME mx
            mx MX 5 a1
            a1 A 192.0.2.3
            """)
        #expect(try ask(zone, "a.example", .a) == "NOERROR AA a.example. CNAME, b.example. CNAME, c.w.example. A | example. NS | ")
        #expect(try ask(zone, "a.example", .mx) == "NOERROR AA a.example. CNAME, b.example. CNAME | example. NS | ")
        #expect(try ask(zone, "a.example", .cname) == "NOERROR AA a.example. CNAME | example. NS | ")
        #expect(try ask(zone, "n.example", .a) == "NXDOMAIN AA n.example. CNAME | example. NS | ")
        #expect(try ask(zone, "e.example", .a) == "NOERROR AA e.example. CNAME | example. NS | ")
        #expect(
            try ask(zone, "q.example", .a)
                == "NOERROR AA d.example. DNAME, q.example. CNAME, x.d.example. CNAME, x.w.example. A | example. NS | ")
        #expect(try ask(zone, "s.example", .a) == "NOERROR AA s.example. CNAME | sub.example. NS | ns.sub.example. A")
        #expect(try ask(zone, "m.example", .mx) == "NOERROR AA m.example. CNAME, mx.example. MX | example. NS | ")
        // A DNAME that leads below itself grows the name until it is one alias too many, or too long.
        #expect(try ask(zone, "y.up.example", .a).hasPrefix("NOERROR AA up.example. DNAME"))
        let long = Array(repeating: String(repeating: "y", count: 59), count: 4).joined(separator: ".")
        #expect(try ask(zone, "\(long).up.example", .a).hasPrefix("SERVFAIL"))
    }

    @Test("what has no records at all may fall through, and an alias's missing target may not")
    func fallingThrough() throws {
        let zone = try zone("a A 192.0.2.1\nx.ent A 192.0.2.1\nc CNAME nope\n*.w A 192.0.2.1\ny.*.v A 192.0.2.1\nsub NS ns.sub")
        var found = ZoneAnswer()
        func falls(_ name: String, _ type: RecordType) throws -> Bool {
            zone.look(up: try DNSName("\(name).example"), type, wantsDNSSEC: false, into: &found)
            return found.fallsThrough
        }
        for name in ["nope", "x.a", "ent", "w", "v"] { #expect(try falls(name, .a), "\(name)") }
        for name in ["a", "c", "x.w", "x.v", "sub", "x.sub"] { #expect(try !falls(name, .mx), "\(name)") }
        #expect(found.names == [try DNSName("x.sub.example")])
    }

    @Test("a chain of aliases is followed ten times at most")
    func chain() throws {
        let zone = try zone((0..<20).map { "c\($0) CNAME c\($0 + 1)" }.joined(separator: "\n"))
        var found = ZoneAnswer()
        zone.look(up: try DNSName("c0.example"), .a, wantsDNSSEC: false, into: &found)
        #expect(found.kind == .answered)
        #expect(found.answer.count == ZoneAnswer.mostAliases)
    }

    @Test("a signed zone's signatures and denials go with its records when they are asked for")
    func signatures() throws {
        func signature(_ type: String) -> String { "RRSIG \(type) 13 1 3600 20260301000000 20260201000000 1 example. AAEC" }
        let zone = try zone(
            """
            @ \(signature("SOA"))
            @ \(signature("NS"))
            @ NSEC a SOA NS RRSIG NSEC
            @ \(signature("NSEC"))
            a A 192.0.2.1
            a \(signature("A"))
            a NSEC sub A RRSIG NSEC
            *.w A 192.0.2.2
            *.w \(signature("A"))
            *.w NSEC @ A RRSIG NSEC
            sub NS ns.else.
            sub DS 1 13 2 abcd
            sub \(signature("DS"))
            sub NSEC *.w NS DS RRSIG NSEC
            ns.sub A 192.0.2.3
            """)
        let denial = "example. NSEC, example. RRSIG, example. RRSIG, example. SOA"
        let cases: [(String, RecordType, String)] = [
            ("a.example", .a, "NOERROR AA a.example. A, a.example. RRSIG | example. NS, example. RRSIG | "),
            ("a.example", .mx, "NOERROR AA  | a.example. NSEC, example. RRSIG, example. SOA | "),
            ("example", .mx, "NOERROR AA  | \(denial) | "),
            ("x.w.example", .a, "NOERROR AA x.w.example. A, x.w.example. RRSIG | *.w.example. NSEC, example. NS, example. RRSIG | "),
            ("w.example", .a, "NOERROR AA  | example. RRSIG, example. SOA, sub.example. NSEC | "),
            ("b.example", .a, "NXDOMAIN AA  | a.example. NSEC, \(denial) | "),
            ("x.sub.example", .a, "NOERROR  | sub.example. DS, sub.example. NS, sub.example. RRSIG | "),
            ("sub.example", .ds, "NOERROR AA sub.example. DS, sub.example. RRSIG | example. NS, example. RRSIG | "),
        ]
        for (name, type, wanted) in cases { #expect(try ask(zone, name, type, dnssec: true) == wanted, "\(name) \(type)") }
        #expect(try ask(zone, "a.example", .a) == "NOERROR AA a.example. A | example. NS | ")
    }

    @Test("of nested zones the longest answers, and a name outside of all of them is nobody's")
    func nesting() throws {
        let outer = try zone("x A 192.0.2.1")
        let inner = try zone("x A 192.0.2.2", origin: "in.example.")
        let zones = ZoneSet([
            .init(origin: outer.origin, zone: outer), .init(origin: inner.origin, zone: inner), .init(origin: try DNSName("none.")),
        ])
        func owner(_ name: String) throws -> String? { zones.match(try DNSName(name)).map { zones.members[$0].origin.description } }
        #expect(try owner("x.in.example") == "in.example.")
        #expect(try owner("in.example") == "in.example.")
        #expect(try owner("xin.example") == "example.")
        #expect(try owner("example") == "example.")
        #expect(try owner("a.none") == "none.")
        #expect(try owner("com") == nil)
        #expect(try owner(".") == nil)
        #expect(try ZoneQuestion(name: "a.none", type: .a).ask(zones)?.code == "SERVFAIL")
        let root = ZoneSet([.init(origin: DNSName(), zone: try zone("x A 192.0.2.1", origin: "."))])
        #expect(try ZoneQuestion(name: "X.", type: .a).ask(root)?.sections[0] == ["x. 3600 A c0000201"])
    }

    @Test("every name of many is found in its zone, and its neighbours are not")
    func many() throws {
        let zone = try zone((0..<5000).map { "h\($0).s\($0 % 70) A 10.0.\($0 / 256).\($0 % 256)" }.joined(separator: "\n"))
        for number in stride(from: 0, to: 5000, by: 7) {
            #expect(zone.find(try DNSName("h\(number).s\(number % 70).example")) != nil)
            #expect(zone.find(try DNSName("h\(number).s\((number + 1) % 70).example")) == nil)
        }
        for (node, next) in zip(zone.nodes.indices, zone.nodes.indices.dropFirst()) {
            var (left, right) = (DNSName(), DNSName())
            zone.read(nameOf: node, into: &left)
            zone.read(nameOf: next, into: &right)
            #expect(CanonicalOrder.isBefore(left, right))
        }
    }
}
