import Names
import ProcessRuntime
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

@Suite("explain")
struct ExplainTests {
    private func explain(
        _ corefile: String, _ name: String, _ type: RecordType = .a, from client: String = "127.0.0.1", table: String? = nil,
        asking ask: ((UpstreamRequest) -> Reply)? = nil
    ) throws -> [String] {
        let folder = try TemporaryFolder()
        let configuration = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
        let explanation = try QueryExplanation(configuration, corefile: "Corefile", table: table ?? folder.path("no-table"))
        return explanation.explain(try DNSName(name), type, from: try #require(IPAddress(client)), port: 53, asking: ask).lines
    }

    private static let corefile = """
        .:53 {
            cache
            rewrite name suffix .old.test .new.test answer auto
            hosts {
                192.0.2.1 a.new.test
                fallthrough
            }
            forward . 192.0.2.53
        }
        test:53 {
            view inside {
                expr client_ip() == '10.0.0.1'
            }
            whoami
        }
        """

    @Test("each directive says what it does, and a rewritten question stays in its server block")
    func rewritten() throws {
        let lines = try explain(Self.corefile, "a.old.test")
        #expect(
            lines == [
                "a.old.test. A from 127.0.0.1, asked of dns://:53",
                "  not the block of test.: view inside does not take the query",
                "  block at Corefile:1: . is the only zone that has the name",
                "  cache: passes it on, and sees the answer",
                "  rewrite: rewrites the question to a.new.test. A; it stays in this server block",
                "  hosts: answers (answered)",
                "  rewrite: sees the answer and changes it, and the question is a.old.test. A again",
                "  cache: sees the answer",
                "answer: NOERROR",
                "  a.old.test. 3600 IN A 192.0.2.1",
            ])
    }

    @Test("the block is the one whose view takes the client, and upstreams are asked only where that is wanted")
    func blocks() throws {
        let inside = try explain(Self.corefile, "x.test", from: "10.0.0.1")
        #expect(
            inside.contains("  block at Corefile:10: test. is the longest zone that has the name, before .; view inside takes the query"))
        #expect(inside.contains("  whoami: answers (answered)"))
        var asked = 0
        let silent = try explain(Self.corefile, "b.example")
        #expect(silent.contains("  forward: asks 192.0.2.53:53"))
        #expect(silent.last == "the answer is the upstream's; --ask asks it and shows what becomes of its answer")
        let loud = try explain(Self.corefile, "b.example") { request in
            asked += 1
            return (try? TestPacket.answer(to: request.message, ["b.example. 60 A 192.0.2.7"])).map { .message($0) } ?? .failed("")
        }
        #expect(asked == 1 && loud.last == "  b.example. 60 IN A 192.0.2.7")
    }

    @Test("the cluster answers from the record table, and what it follows is told below")
    func cluster() throws {
        let cluster = try SketchedCluster { (writer) throws(TableError) in
            try writer.upsert(NamespaceRecord(name: "shop"))
            try writer.upsert(ServiceRecord(namespace: "shop", name: "out", kind: .externalName, externalName: "a.new.test"))
        }
        let lines = try explain(
            ".:53 {\n cache\n kubernetes cluster.local\n hosts {\n 192.0.2.1 a.new.test\n fallthrough\n }\n}", "out.shop.svc.cluster.local",
            table: cluster.path)
        #expect(lines.contains("  cache: waits until the cluster has not answered"))
        #expect(lines.contains("  kubernetes: looks up a.new.test. A through the whole server"))
        #expect(lines.contains("    a.new.test. A, in zone .:"))
        #expect(lines.contains("    hosts: answers (answered)"))
        #expect(lines.suffix(2) == ["  out.shop.svc.cluster.local. 5 IN CNAME a.new.test.", "  a.new.test. 3600 IN A 192.0.2.1"])
    }

    // MARK: Pods

    private static let clusterCorefile = """
        .:53 {
            kubernetes cluster.local in-addr.arpa
            hosts {
                192.0.2.1 www.example.org
                fallthrough
            }
        }
        """

    private static func cluster() throws -> SketchedCluster {
        try SketchedCluster { (writer) throws(TableError) in
            for name in ["shop", "default"] { try writer.upsert(NamespaceRecord(name: name)) }
            try writer.upsert(
                ServiceRecord(namespace: "shop", name: "web", kind: .clusterIP, clusterIPs: [IPAddress("10.96.0.7")!]))
            try writer.upsert(PodRecord(namespace: "shop", name: "web-0", uid: "1", addresses: [IPAddress("10.244.0.9")!]))
            try writer.upsert(
                PodRecord(namespace: "shop", name: "agent", uid: "2", addresses: [IPAddress("10.0.0.1")!], isHostNetwork: true))
        }
    }

    private func explainer(_ table: String) throws -> QuestionExplainer {
        let configuration = try FrontendConfiguration.parse(Array(Self.clusterCorefile.utf8), file: "Corefile")
        return QuestionExplainer(configuration: configuration, corefile: "Corefile", table: table, port: 53, ask: nil)
    }

    @Test("a pod's names come in its resolver's order, up to the first that exists, with what the table has")
    func pod() throws {
        let cluster = try Self.cluster()
        let explainer = try explainer(cluster.path)
        let near = try explainer.report("web", .a, fromPod: "shop/web-0")
        #expect(near.names == ["web.shop.svc.cluster.local.", "web.svc.cluster.local.", "web.cluster.local.", "web."])
        #expect(near.questions.map(\.question) == ["web.shop.svc.cluster.local."])
        #expect(
            near.questions[0].client == "10.244.0.9" && near.questions[0].answer?.answer == ["web.shop.svc.cluster.local. 5 IN A 10.96.0.7"]
        )
        #expect(near.questions[0].records == ["service web.shop  clusterIP  10.96.0.7  no ports"])
        #expect(near.text.contains("last sign of life was") && near.text.contains("ndots:5"))

        let far = try explainer.report("www.example.org", .a, fromPod: "shop/web-0")
        #expect(far.questions.map { $0.answer?.code } == ["NXDOMAIN", "NXDOMAIN", "NXDOMAIN", "NOERROR"])
        #expect(far.questions.last?.question == "www.example.org." && far.questions.allSatisfy { $0.records.isEmpty })
        // With enough dots, or one at the end, the name itself comes first.
        #expect(try explainer.report("a.b.c.d.e.f", .a, fromPod: "shop/web-0").names?.first == "a.b.c.d.e.f.")
        #expect(try explainer.report("www.example.org.", .a, fromPod: "shop/web-0").questions.count == 1)
        #expect(try explainer.report("web", .a, fromPod: "shop/agent").names == ["web."])
    }

    @Test("a reverse name's records are those of its address; a pod that the table lacks is said to be missing")
    func records() throws {
        let cluster = try Self.cluster()
        let explainer = try explainer(cluster.path)
        let reverse = try explainer.report("7.0.96.10.in-addr.arpa", .ptr, from: try #require(IPAddress("10.0.0.1")))
        #expect(reverse.questions[0].records == ["service web.shop  clusterIP  10.96.0.7  no ports"])
        #expect {
            try explainer.report("web", .a, fromPod: "shop/gone")
        } throws: { error in
            (error as? ProcessError)?.code == ExitStatus.unavailable && "\(error)".contains("no pod shop/gone")
        }
        let absent = try self.explainer("/no/such/table").report(
            "web.shop.svc.cluster.local", .a, from: try #require(IPAddress("10.0.0.1")))
        #expect(absent.table.fault != nil && absent.text.contains("record table: ") && absent.questions[0].answer?.code == "SERVFAIL")
    }
}
