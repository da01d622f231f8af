import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

/// `autopath` over sockets, with pods at addresses of 127.0.0.0/8 that the questions come from.
@Suite("autopath", .serialized)
struct AutopathTests {
    private static let alpha: UInt32 = 0x7F00_000B
    private static let beta: UInt32 = 0x7F00_000C
    private static let node: UInt32 = 0x7F00_000D

    private let folder: TemporaryFolder
    private let writer: TableWriter
    private let upstream: TestUpstream

    init() throws {
        folder = try TemporaryFolder()
        writer = try TableWriter(
            path: folder.path("table"), identity: "test", now: 1, sizing: .init(bucketCount: 64, capacity: 1 << 20))
        for name in ["alpha", "beta"] { try writer.upsert(NamespaceRecord(name: name)) }
        for (namespace, name, address) in [("alpha", "web", 0x0A60_0001 as UInt32), ("beta", "db", 0x0A60_0002)] {
            try writer.upsert(
                ServiceRecord(
                    namespace: namespace, name: name, kind: .clusterIP, clusterIPs: [.v4(address)],
                    ports: [PortRecord(name: "http", protocol: .tcp, number: 80)]))
        }
        try writer.upsert(PodRecord(namespace: "alpha", name: "a", uid: "1", addresses: [.v4(Self.alpha)]))
        try writer.upsert(PodRecord(namespace: "beta", name: "b", uid: "2", addresses: [.v4(Self.beta)]))
        try writer.upsert(PodRecord(namespace: "alpha", name: "n", uid: "3", addresses: [.v4(Self.node)], isHostNetwork: true))
        for resource in SketchedCluster.resources { writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1) }
        writer.beat(now: 1)
        upstream = try .besideHostDomains("\ncluster.local. 300 SOA ns.example.com. host.example.com. 1 2 3 4 60")
    }

    private func frontend(_ directives: [String], kubernetes: String = "pods verified") async throws -> RunningFrontend {
        try await RunningFrontend(
            """
            .:0 {
             bind 127.0.0.1
             \(directives.joined(separator: "\n "))
             kubernetes cluster.local {
              \(kubernetes)
             }
             forward . \(upstream.address)
            }
            """, table: folder.path("table"))
    }

    private func ask(_ frontend: RunningFrontend, _ name: String, _ type: RecordType = .a, from source: UInt32) async throws -> [String] {
        let address = frontend.address
        let text = try MessageText(
            try await onThread { try TestClient.ask(try TestPacket.query(name, type, advertisedSize: 1232), address, from: source) })
        return [text.code] + (text.answer + text.authority).map { $0.replacing(" IN ", with: " ") }
    }

    private static let denial = [
        "NXDOMAIN", "cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. SERIAL 7200 1800 86400 5",
    ]
    /// What the upstream is asked beside `one.example.com`, for each search domain of the host.
    private func outside(_ questions: [String]) -> [String] { questions.filter { $0.hasPrefix("udp one.example.com. ") } }

    @Test(
        "each client gets what its own search path comes to, and nobody another's, with a cache too",
        arguments: [["autopath @kubernetes"], ["cache", "autopath @kubernetes"], ["autopath cluster.local @kubernetes", "cache 30"]])
    func clients(directives: [String]) async throws {
        let frontend = try await frontend(directives)
        let lifetime = directives.contains("cache 30") ? 30 : 300
        func found(_ namespace: String) -> [String] {
            [
                "NOERROR", "one.example.com. \(lifetime) A 192.0.2.1",
                "one.example.com.\(namespace).svc.cluster.local. \(lifetime) CNAME one.example.com.",
            ]
        }
        for _ in 0..<2 {
            #expect(try await ask(frontend, "one.example.com.alpha.svc.cluster.local", from: Self.alpha) == found("alpha"))
            #expect(try await ask(frontend, "one.example.com.alpha.svc.cluster.local", from: Self.beta) == Self.denial)
            #expect(try await ask(frontend, "one.example.com.beta.svc.cluster.local", from: Self.beta) == found("beta"))
            #expect(try await ask(frontend, "one.example.com.beta.svc.cluster.local", from: Self.alpha) == Self.denial)
            // The node's address is many pods', and no pod has the last.
            #expect(try await ask(frontend, "one.example.com.alpha.svc.cluster.local", from: Self.node) == Self.denial)
            #expect(try await ask(frontend, "one.example.com.alpha.svc.cluster.local", from: 0x7F00_0001) == Self.denial)
        }
        // The cache has the outside name itself; without it each walk asks.
        #expect(outside(upstream.questions).count == (directives.count > 1 ? 1 : 4))
        #expect(upstream.questions.allSatisfy { !$0.contains("cluster.local") })
        #expect(frontend.metric(#"coredns_autopath_success_total{server="dns://127.0.0.1:0"}"#) == 4)
        upstream.stop()
        try await frontend.stop()
    }

    @Test("what was made for one client reaches no other by way of the cache, where names of the cluster fall through to it")
    func fallsThrough() async throws {
        let frontend = try await frontend(["cache", "autopath @kubernetes"], kubernetes: "pods verified\n  fallthrough")
        let name = "one.example.com.alpha.svc.cluster.local"
        for _ in 0..<2 {
            #expect(try await ask(frontend, name, from: Self.alpha).last == "\(name). 300 CNAME one.example.com.")
            #expect(try await ask(frontend, name, from: Self.beta).first == "NXDOMAIN")
        }
        upstream.stop()
        try await frontend.stop()
    }

    @Test("names of the cluster on the path come from the table, and no upstream is asked for them")
    func cluster() async throws {
        let frontend = try await frontend(["cache", "autopath @kubernetes"])
        #expect(
            try await ask(frontend, "web.alpha.svc.cluster.local", from: Self.alpha) == [
                "NOERROR", "web.alpha.svc.cluster.local. 5 A 10.96.0.1",
            ])
        #expect(
            try await ask(frontend, "DB.beta.alpha.svc.cluster.local", from: Self.alpha) == [
                "NOERROR", "DB.beta.alpha.svc.cluster.local. 5 CNAME DB.beta.svc.cluster.local.",
                "DB.beta.svc.cluster.local. 5 A 10.96.0.2",
            ])
        #expect(
            try await ask(frontend, "db.beta.svc.alpha.svc.cluster.local", .srv, from: Self.alpha) == [
                "NOERROR", "db.beta.svc.alpha.svc.cluster.local. 5 CNAME db.beta.svc.cluster.local.",
                "db.beta.svc.cluster.local. 5 SRV 0 100 80 db.beta.svc.cluster.local.",
            ])
        // Exists without addresses of the type: that is an answer.
        #expect(
            try await ask(frontend, "db.beta.alpha.svc.cluster.local", .aaaa, from: Self.alpha) == ["NOERROR", Self.denial[1]])
        #expect(upstream.questions == [])
        // Nothing on the path exists: the first name's denial.
        #expect(try await ask(frontend, "none.example.com.alpha.svc.cluster.local", from: Self.alpha) == Self.denial)
        #expect(try await ask(frontend, "alpha.svc.cluster.local", .txt, from: Self.alpha).first == "NXDOMAIN")
        upstream.stop()
        try await frontend.stop()
    }

    @Test("an address that passes from one pod to another changes the decision at once")
    func moves() async throws {
        let frontend = try await frontend(["cache", "autopath @kubernetes"])
        let (alpha, beta) = ("one.example.com.alpha.svc.cluster.local", "one.example.com.beta.svc.cluster.local")
        #expect(try await ask(frontend, alpha, from: Self.alpha).first == "NOERROR")
        #expect(try await ask(frontend, beta, from: Self.alpha) == Self.denial)
        // For a moment both have it.
        try writer.upsert(PodRecord(namespace: "beta", name: "c", uid: "4", addresses: [.v4(Self.alpha)]))
        #expect(try await ask(frontend, alpha, from: Self.alpha) == Self.denial)
        #expect(try await ask(frontend, beta, from: Self.alpha) == Self.denial)
        try writer.removePod(namespace: "alpha", name: "a")
        #expect(try await ask(frontend, alpha, from: Self.alpha) == Self.denial)
        #expect(try await ask(frontend, beta, from: Self.alpha).first == "NOERROR")
        try writer.removePod(namespace: "beta", name: "c")
        #expect(try await ask(frontend, beta, from: Self.alpha) == Self.denial)
        upstream.stop()
        try await frontend.stop()
    }

    @Test("without 'pods verified' it has no effect, as in CoreDNS")
    func insecure() async throws {
        let frontend = try await frontend(["autopath @kubernetes"], kubernetes: "pods insecure")
        #expect(try await ask(frontend, "one.example.com.alpha.svc.cluster.local", from: Self.alpha) == Self.denial)
        upstream.stop()
        try await frontend.stop()
    }

    @Test("a file's search list is everybody's path")
    func file() async throws {
        try folder.write(Array("@ 300 SOA ns h 1 2 3 4 5\nd A 192.0.2.6".utf8), to: "first")
        try folder.write(Array("search old.test\n# none\nsearch first.test second.test\n".utf8), to: "resolv.conf")
        let frontend = try await RunningFrontend(
            """
            .:0 {
             bind 127.0.0.1
             autopath \(folder.path("resolv.conf"))
             cache
             hosts /dev/null {
              192.0.2.5 x.second.test
              fallthrough
             }
             file \(folder.path("first")) first.test
             forward . \(upstream.address)
            }
            """)
        for source in [Self.alpha, Self.beta] {
            #expect(
                try await ask(frontend, "x.first.test", from: source) == [
                    "NOERROR", "x.first.test. 3600 CNAME x.second.test.", "x.second.test. 3600 A 192.0.2.5",
                ])
        }
        #expect(try await ask(frontend, "d.first.test", from: Self.alpha).prefix(2) == ["NOERROR", "d.first.test. 300 A 192.0.2.6"])
        #expect(try await ask(frontend, "one.example.com", from: Self.alpha) == ["NOERROR", "one.example.com. 300 A 192.0.2.1"])
        upstream.stop()
        try await frontend.stop()
    }

    @Test("search lists are read as resolvers read them")
    func lists() {
        func names(_ text: String) -> [String] { SearchList(Array(text.utf8)).names.map(\.description) }
        #expect(names("nameserver 1.2.3.4\nsearch a.Test  b.test.\n") == ["a.test.", "b.test."])
        #expect(names("search a.test\ndomain c.test d.test\n") == ["c.test."])
        #expect(names("search a.test\nsearch\noptions ndots:5") == ["a.test."])
        #expect(names("") == [])
    }

    @Test("its arguments are a path and zones before it")
    func arguments() throws {
        let all = try settings(of: AutopathSettings.row, "autopath a.test b.test @kubernetes\nautopath /f", zones: ["z.test"])
        #expect(all[0].zones.map(\.text) == ["a.test.", "b.test."])
        #expect(all[0].origin == .kubernetes && all[0].needed == .pods)
        #expect(all[1].zones.map(\.text) == ["z.test."])
        #expect(all[1].origin == .file("/f") && all[1].needed == [])
        #expect(
            mistake(of: AutopathSettings.row, "autopath") == "Corefile:2: autopath: expected '@kubernetes' or a file like /etc/resolv.conf")
        #expect(
            mistake(of: AutopathSettings.row, "autopath @erratic")
                == "Corefile:2: autopath: expected '@kubernetes' or a file like /etc/resolv.conf, found '@erratic'")
    }
}
