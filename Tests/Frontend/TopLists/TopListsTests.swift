import ArgumentParser
import Logging
import Names
import ProcessRuntime
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

@Suite("Top lists", .serialized)
struct TopListsTests {
    private static let corefile = """
        .:0 {
            bind 127.0.0.1
            template IN A example.org {
                answer "{{ .Name }} 60 A 192.0.2.1"
            }
        }
        """

    private func ask(_ names: [String], _ frontend: RunningFrontend, from source: UInt32) async throws {
        let address = frontend.address
        try await onThread {
            for name in names { _ = try TestClient.ask(try TestPacket.query(name, .a), address, from: source) }
        }
    }

    /// Samples of /metrics by name and labels.
    private func samples(_ frontend: RunningFrontend) async -> [String: Double] {
        let text = String(decoding: await frontend.control.metricsText(), as: UTF8.self)
        var samples: [String: Double] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("mizzen_frontend_top_") {
            guard let space = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<space].dropFirst("mizzen_frontend_top_".count))] = Double(line[line.index(after: space)...])
        }
        return samples
    }

    @Test("metrics tell who asks most, by pod and node, and what is asked most, over all threads")
    func told() async throws {
        let cluster = try SketchedCluster { (writer) throws(TableError) in
            try writer.upsert(PodRecord(namespace: "shop", name: "noisy", uid: "u", addresses: [.v4(0x7F00_0101)]))
            for name in ["agent", "proxy"] {
                try writer.upsert(
                    PodRecord(
                        namespace: "kube-system", name: name, uid: name, addresses: [.v4(0x7F00_0102)], isHostNetwork: true,
                        nodeName: "node-a"))
            }
        }
        let frontend = try await RunningFrontend(Self.corefile, table: cluster.path, threads: 2) {
            $0.tops = .init(clients: 2, names: 2)
        }
        try await ask(Array(repeating: "WWW.example.org", count: 30) + ["b.example.org"], frontend, from: 0x7F00_0101)
        try await ask(Array(repeating: #"a\"\\\010b.example.org"#, count: 20), frontend, from: 0x7F00_0102)
        try await ask(["c.example.org"], frontend, from: 0x7F00_0103)
        try await eventually("all threads have told") { await samples(frontend)["questions{list=\"names\"}"] == 52 }
        let found = await samples(frontend)
        #expect(found["questions{list=\"clients\"}"] == 52)
        #expect(found[#"client_questions{client="127.0.1.1",namespace="shop",pod="noisy",node=""}"#] == 31)
        #expect(found[#"client_questions_possible{client="127.0.1.1",namespace="shop",pod="noisy",node=""}"#] == 0)
        #expect(found[#"client_questions{client="127.0.1.2",namespace="",pod="",node="node-a"}"#] == 20)
        #expect(found[#"name_questions{name="www.example.org."}"#] == 30)
        #expect(found[#"name_questions{name="a\\\"\\\\\\010b.example.org."}"#] == 20)
        // No more than was asked for.
        #expect(found.keys.count { $0.hasPrefix("client_questions{") } == 2)
        #expect(found.keys.count { $0.hasPrefix("name_questions{") } == 2)
        #expect((0...600).contains(try #require(found["seconds{list=\"names\"}"])))
        try await frontend.stop()
    }

    @Test("without the options nothing is told")
    func off() async throws {
        let frontend = try await RunningFrontend(Self.corefile)
        try await ask(["a.example.org"], frontend, from: 0x7F00_0101)
        #expect(await samples(frontend).isEmpty)
        try await frontend.stop()
    }

    @Test("a list is of the period under way and of the one before it, and forgets what is older")
    func periods() throws {
        let lists = try #require(TopLists(.init(clients: 3), registry: MetricsRegistry()))
        let configuration = try FrontendConfiguration.parse(Array(".:53 {\n whoami\n}".utf8), file: "Corefile")
        let serving = try ServingPlan(configuration, metrics: FrontendMetrics(), logger: .init(label: "test"))
        let server = WorkerPlan(serving, metrics: FrontendMetrics(), logger: .init(label: "test"), thread: 0).servers[0]
        let start = 5 * TopLists.period + 1
        let tracker = lists.makeTracker(at: start)
        func ask(_ client: IPAddress) {
            let address = SocketAddress(address: client, port: 1)
            tracker.count(Exchange(server: server, path: .paper(client: address, local: address)))
        }
        func told(_ now: Instant) -> [String] {
            tracker.everySecond(now)
            let list = lists.list(.clients, at: now)
            return zip(TopLists.addresses(list), list?.entries ?? []).map { "\($0) \($1.least)" }
        }
        let old: IPAddress = .v6(high: 0x2001_0DB8_0000_0000, low: 1)
        for _ in 0..<3 { ask(old) }
        ask(.v4(2))
        #expect(told(start + 1) == ["2001:db8::1 3", "0.0.0.2 1"])
        // The last questions of a period come after it was written last.
        ask(old)
        #expect(told(start + TopLists.period) == ["2001:db8::1 4", "0.0.0.2 1"])
        for _ in 0..<7 { ask(.v4(2)) }
        #expect(told(start + TopLists.period + 1) == ["0.0.0.2 8", "2001:db8::1 4"])
        #expect(told(start + 2 * TopLists.period) == ["0.0.0.2 7"])
        #expect(told(start + 4 * TopLists.period) == [])
        #expect(lists.list(.names, at: start) == nil)
    }

    @Test(
        "options say what they mean, or what is wrong",
        arguments: [(["--top-clients", "0"], "--top-clients"), (["--top-names", "201"], "--top-names")])
    func badOptions(words: [String], wanted: String) {
        do {
            _ = try TopListOptions.parse(words)
            Issue.record("accepted")
        } catch {
            #expect(TopListOptions.message(for: error).contains(wanted))
        }
    }

    @Test("who asks is known to template, view and rewrite, whatever pods says", arguments: ["", "pods verified", "pods disabled"])
    func metadata(pods: String) async throws {
        let cluster = try SketchedCluster { (writer) throws(TableError) in
            try writer.upsert(PodRecord(namespace: "shop", name: "web-0", uid: "u", addresses: [.v4(0x7F00_0101)]))
            try writer.upsert(
                PodRecord(namespace: "shop", name: "agent", uid: "v", addresses: [.v4(0x7F00_0102)], isHostNetwork: true, nodeName: "n"))
        }
        let frontend = try await RunningFrontend(
            """
            .:0 {
                bind 127.0.0.1
                metadata
                view shop {
                    expr metadata('kubernetes/client-namespace') == 'shop'
                }
                kubernetes cluster.local {
                    \(pods)
                }
                template IN TXT example.org {
                    answer "{{ .Name }} 60 TXT \\"{{ .Meta `kubernetes/client-pod-name` }}.{{ .Meta `kubernetes/client-namespace` }}\\""
                }
            }
            .:0 {
                bind 127.0.0.1
                metadata
                kubernetes cluster.local
                template IN TXT example.org {
                    answer "{{ .Name }} 60 TXT \\"nobody{{ .Meta `kubernetes/client-namespace` }}\\""
                }
            }
            """, table: cluster.path)
        let address = frontend.address
        func data(from source: UInt32) async throws -> [String] {
            try await onThread {
                try MessageText(try TestClient.ask(try TestPacket.query("a.example.org", .txt), address, from: source)).answer
                    .map { $0.split(separator: " ").dropFirst(4).joined(separator: " ") }
            }
        }
        #expect(try await data(from: 0x7F00_0101) == ["\"web-0.shop\""])
        // Several pods may be behind a node's address, so none is said to ask.
        #expect(try await data(from: 0x7F00_0102) == ["\"nobody\""])
        #expect(try await data(from: 0x7F00_0103) == ["\"nobody\""])
        try await frontend.stop()
    }
}
