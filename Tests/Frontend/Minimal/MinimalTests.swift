import Names
import RecordTable
import RecordTableWriter
import TestSupport
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

/// `minimal` over each directive that gives answers of several sections; the record table's are below.
@Suite("minimal over every source")
struct MinimalSourcesTests {
    private static let soa = "z.test. 300 SOA ns.z.test. host.z.test. 1 2 3 4 60"
    private static let zone = """
        $ORIGIN z.test.
        @ 300 SOA ns host 1 2 3 4 60
        @ 300 NS ns
        ns 300 A 192.0.2.53
        mail 300 A 192.0.2.1
        one 300 MX 10 mail
        sub 300 NS ns.sub
        ns.sub 300 A 192.0.2.54

        """
    private static let templates = """
         template IN MX z.test {
          match ^one[.]
          answer "{{ .Name }} 300 MX 10 mail.z.test."
          authority "z.test. 300 NS ns.z.test."
          additional "mail.z.test. 300 A 192.0.2.1"
          fallthrough
         }
         template IN MX z.test {
          match sub[.]
          authority "sub.z.test. 300 NS ns.sub.z.test."
          additional "ns.sub.z.test. 300 A 192.0.2.54"
          fallthrough
         }
         template IN MX z.test {
          rcode NXDOMAIN
          authority "\(soa)"
         }
        """
    static let sources = [
        "template": templates, "template, kept": " cache\n\(templates)", "file": " file ZONE", "file, kept": " cache\n file ZONE",
        "forward": " forward . 192.0.2.53", "forward, kept": " cache\n forward . 192.0.2.53",
        "forward, renamed": " rewrite name suffix .z.test .z.test\n forward . 192.0.2.53",
        "forward, balanced": " loadbalance\n forward . 192.0.2.53",
    ].map { ($0.key, $0.value) }

    /// The code and, by section, the types of the records.
    private func ask(_ source: String, _ name: String) throws -> String {
        let folder = try TemporaryFolder()
        try folder.write(Array(Self.zone.utf8), to: "zone")
        let bench = try ChainBench("z.test:0 {\n\(source.replacing("ZONE", with: folder.path("zone")))\n}") { name, _ in
            switch name {
            case "one.z.test.":
                .answer(
                    0, ["one.z.test. 300 MX 10 mail.z.test."], authority: ["z.test. 300 NS ns.z.test."],
                    additional: ["mail.z.test. 300 A 192.0.2.1"])
            case "x.sub.z.test.":
                .answer(0, [], authority: ["sub.z.test. 300 NS ns.sub.z.test."], additional: ["ns.sub.z.test. 300 A 192.0.2.54"])
            default: .answer(3, [], authority: [Self.soa])
            }
        }
        let packet = try TestPacket.query(name, .mx, advertisedSize: 1232)
        _ = bench.octets(packet)
        // The second one comes from the cache, if there is one.
        let text = try MessageText(try #require(bench.octets(packet)))
        let sections = [text.answer, text.authority, text.additional].map { (records: [String]) in
            records.map { String($0.split(separator: " ")[3]) }.joined(separator: "+")
        }
        return ([text.code] + sections).joined(separator: " | ")
    }

    @Test("an answer keeps its answer section, a delegation and a denial keep all", arguments: sources)
    func sections(source: String, lines: String) throws {
        for (name, whole, minimal) in [
            ("one.z.test", "NOERROR | MX | NS | A", "NOERROR | MX |  | "), ("x.sub.z.test", "NOERROR |  | NS | A", "NOERROR |  | NS | A"),
            ("none.z.test", "NXDOMAIN |  | SOA | ", "NXDOMAIN |  | SOA | "),
        ] {
            #expect(try ask(lines, name).replacing("A+A", with: "A") == whole, "\(name)")
            #expect(try ask(" minimal\n\(lines)", name) == minimal, "\(name)")
        }
    }
}

/// `minimal` and what the cluster answers.
@Suite("minimal over the cluster")
struct MinimalClusterTests {
    @Test("services' addresses are not made, so that an answer section that fits is whole")
    func manyEndpoints() throws {
        let endpoints = 900
        let cluster = try SketchedCluster(sizing: 16 << 20) { writer throws(TableError) in
            try writer.upsert(NamespaceRecord(name: "shop"))
            try writer.upsert(ServiceRecord(namespace: "shop", name: "web", kind: .headless))
            for slice in 0..<9 {
                try writer.upsert(
                    EndpointSliceRecord(
                        namespace: "shop", name: "web-\(slice)", service: "web", addressType: .ipv4,
                        ports: [PortRecord(name: "http", protocol: .tcp, number: 80)],
                        endpoints: (0..<100).map { EndpointRecord(addresses: [.v4(0x0A01_0000 + UInt32(slice * 100 + $0))]) }))
            }
        }
        for (line, isWhole) in [("minimal", true), ("", false)] {
            let bench = try ChainBench("cluster.local:0 {\n \(line)\n kubernetes\n}", table: cluster.path)
            let octets = try #require(bench.octets(try TestPacket.query("web.shop.svc.cluster.local", .srv), over: .tcp))
            let text = try MessageText(octets)
            #expect(text.answer.count == endpoints)
            #expect(text.flags.contains("TC") != isWhole)
            #expect(text.additional.isEmpty == isWhole)
        }
        let bench = try ChainBench("cluster.local:0 {\n minimal\n kubernetes\n}", table: cluster.path)
        let servers = try MessageText(try #require(bench.octets(try TestPacket.query("cluster.local", .ns))))
        #expect(!servers.answer.isEmpty && servers.additional.isEmpty && servers.authority.isEmpty)
    }

    @Test("an extended error of an answer that succeeds goes with the OPT record it came in, that of a denial stays")
    func options() throws {
        for (code, hasOption) in [("NOERROR", false), ("REFUSED", true)] {
            let bench = try ChainBench(
                "example:0 {\n minimal\n template IN A {\n answer \"{{ .Name }} 5 A 192.0.2.1\"\n rcode \(code)\n ederror 15 why\n }\n}")
            let octets = try #require(bench.octets(try TestPacket.query("a.example", .a, advertisedSize: 1232)))
            #expect(octets.suffix(3).elementsEqual("why".utf8) == hasOption)
        }
    }
}
