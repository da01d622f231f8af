import Foundation
import TestSupport
import Testing

/// Three collectors that share the nodes of a cluster whose kubelets note when they are asked.
@Suite("Collectors that share the nodes, in separate processes", .serialized, .timeLimit(.minutes(6)))
struct NodeSharingProcessTests {
    private struct Report: Decodable {
        struct Node: Decodable {
            var node: String
            var times: [Int64]
        }
        var scrapes: [Node]
    }

    private struct List: Decodable {
        struct Item: Decodable { var metadata: Metadata }
        struct Metadata: Decodable { var name: String }
        var items: [Item]
    }

    private final class System {
        static let nodeCount = 30
        /// Milliseconds between two scrapes of a node.
        static let interval: Int64 = 4500
        /// A member that has been silent for so long is missed: four beats of a fifteenth of the interval.
        static let lostAfter: Int64 = 1200

        let folder: TemporaryFolder
        let cluster: RunningProcess
        let watcher: RunningProcess
        private let api = freePort()
        private let ports = ["a": freePort(), "b": freePort(), "c": freePort()]
        private let health = ["a": freePort(), "b": freePort(), "c": freePort()]

        init() async throws {
            folder = try TemporaryFolder()
            let cluster = try RunningProcess(
                "cluster-simulator",
                [
                    "--nodes", "\(Self.nodeCount)", "--services", "5", "--pods", "60", "--kubeconfig", folder.path("kubeconfig"), "--http",
                    "127.0.0.1:\(api)",
                ], in: folder)
            self.cluster = cluster
            try await eventually("the cluster is ready") { cluster.output.contains("ready") }
            watcher = try RunningProcess(
                "mizzen-watcher",
                [
                    "--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:0", "--deltas",
                    "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))",
                ], in: folder)
        }

        func start(_ name: String) throws -> RunningProcess {
            let peers = ["a", "b", "c"].map { "ipc://\(folder.path("samples-\($0)"))" }
            return try RunningProcess(
                "mizzen-collector",
                [
                    "--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))", "--samples",
                    "ipc://\(folder.path("samples-\(name)"))", "--bind-address", "127.0.0.1", "--secure-port", "\(ports[name] ?? 0)",
                    "--http", "127.0.0.1:\(health[name] ?? 0)", "--cert-dir", folder.path("certificates-\(name)"), "--kubeconfig",
                    folder.path("kubeconfig"), "--insecure-skip-authorization", "--kubelet-insecure-tls", "--kubelet-use-node-status-port",
                    "--kubelet-preferred-address-types", "InternalIP", "--metric-resolution", "\(Self.interval)ms",
                    "--kubelet-request-timeout", "2s", "--samples-table", "", "--collector-name", name, "--share-nodes",
                    // The same list for all: a collector does not mind to find itself in it.
                    "--peer-samples", peers.joined(separator: ","),
                ], in: folder)
        }

        private func token() throws -> String {
            let text = try String(contentsOfFile: folder.path("kubeconfig"), encoding: .utf8)
            return String(try #require(text.firstMatch(of: /token"?\s*:\s*"?([^"\s,}]+)/)).1)
        }

        /// When each node was scraped, in milliseconds since the cluster's start.
        func scrapes() async throws -> [String: [Int64]] {
            let text = try await fetch("http://127.0.0.1:\(api)/simulator/faults", ["--header", "Authorization: Bearer \(try token())"])
            let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
            return Dictionary(uniqueKeysWithValues: report.scrapes.map { ($0.node, $0.times) })
        }

        func lastScrape() async throws -> Int64 { try await scrapes().values.compactMap(\.last).max() ?? 0 }

        func answeredNodes(_ name: String) async throws -> Int {
            let body = try await fetch("https://127.0.0.1:\(ports[name] ?? 0)/apis/metrics.k8s.io/v1beta1/nodes")
            return try JSONDecoder().decode(List.self, from: Data(body.utf8)).items.count
        }

        func isAlive(_ name: String) async throws -> Bool { try await fetch("http://127.0.0.1:\(health[name] ?? 0)/livez") == "ok" }

        func members(_ name: String) async throws -> Int {
            let text = try await fetch("http://127.0.0.1:\(health[name] ?? 0)/metrics")
            return Int(text.firstMatch(of: /mizzen_collector_members (\d+)/)?.1 ?? "") ?? 0
        }

        /// Waits until each of these sees just these, and for one round more, in which nodes change hands.
        func agree(_ names: [String]) async throws {
            try await eventually("\(names) see each other") {
                for name in names { if try await members(name) != names.count { return false } }
                return true
            }
            let start = try await lastScrape()
            try await eventually("a round has passed") { try await lastScrape() > start + Self.interval }
        }

        /// For some rounds every node is scraped once a round, and each collector answers for all of them.
        func expectOnce(_ names: [String], _ what: String) async throws {
            let rounds: Int64 = isSoak ? 10 : 3
            let start = try await lastScrape()
            try await eventually("\(rounds) rounds have passed", within: .seconds(120)) {
                for name in names {
                    let answered = try await answeredNodes(name)
                    if answered != Self.nodeCount { Issue.record("\(what): \(name) answers \(answered) nodes") }
                }
                return try await lastScrape() >= start + rounds * Self.interval
            }
            let scrapes = try await scrapes()
            #expect(scrapes.count == Self.nodeCount)
            for (node, all) in scrapes {
                let times = all.filter { $0 > start && $0 <= start + rounds * Self.interval }
                #expect((Int(rounds) - 1...Int(rounds) + 1).contains(times.count), "\(what): \(node) \(times)")
                // The machine is shared; twice a round would be less than half of it apart.
                let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
                #expect(gaps.allSatisfy { $0 > Self.interval * 2 / 3 && $0 < Self.interval * 3 / 2 }, "\(what): \(node) \(gaps)")
            }
        }

        /// How long each node's longest wait was since some moment.
        func longestWait(since start: Int64) async throws -> Int64 {
            try await scrapes().values.map { all in
                let times = all.filter { $0 > start }
                return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .max
            }.max() ?? .max
        }
    }

    @Test("each node is scraped once a round, whichever of three collectors is killed, stops or comes back")
    func threeCollectors() async throws {
        let system = try await System()
        var collectors: [String: RunningProcess] = [:]
        for name in ["a", "b", "c"] { collectors[name] = try system.start(name) }
        try await eventually("each answers for all nodes", within: .seconds(60)) {
            for name in ["a", "b", "c"] { if try await system.answeredNodes(name) != System.nodeCount { return false } }
            return true
        }
        try await system.agree(["a", "b", "c"])
        try await system.expectOnce(["a", "b", "c"], "three")

        var start = try await system.lastScrape() - System.interval
        try await collectors["b"]?.kill()
        try await system.agree(["a", "c"])
        // A round, the time after which it is missed, and what the shared machine takes.
        #expect(try await system.longestWait(since: start) < System.interval + System.lostAfter + 1000)
        try await system.expectOnce(["a", "c"], "after a kill")

        collectors["b"] = try system.start("b")
        try await system.agree(["a", "b", "c"])
        try await system.expectOnce(["a", "b", "c"], "after it came back")

        start = try await system.lastScrape() - System.interval
        try await collectors["a"]?.suspend()
        try await system.agree(["b", "c"])
        #expect(try await system.longestWait(since: start) < System.interval + System.lostAfter + 1000)
        try await system.expectOnce(["b", "c"], "while one stands still")
        try await collectors["a"]?.resume()
        try await system.agree(["a", "b", "c"])
        try await system.expectOnce(["a", "b", "c"], "after it went on")

        start = try await system.lastScrape() - System.interval
        #expect(try await collectors["c"]?.stop() == 0)
        try await system.agree(["a", "b"])
        // It has said so.
        #expect(try await system.longestWait(since: start) < System.interval + 1000)
        try await system.expectOnce(["a", "b"], "after one has ended")
        for name in ["a", "b"] {
            #expect(try await system.isAlive(name))
            #expect(try await collectors[name]?.stop() == 0, "\(collectors[name]?.output.suffix(500) ?? "")")
        }
        #expect(try await system.watcher.stop() == 0)
    }

    @Test("--share-nodes without peers is a mistake, and a namesake is told")
    func mistakes() async throws {
        let folder = try TemporaryFolder()
        let alone = try RunningProcess("mizzen-collector", ["--share-nodes"], in: folder)
        #expect(try await alone.exitCode(within: .seconds(20)) == 64)
        #expect(alone.output.contains("--peer-samples"), "\(alone.output)")
        func collector(_ samples: String, peer: String) throws -> RunningProcess {
            try RunningProcess(
                "mizzen-collector",
                [
                    "--deltas", "ipc://\(folder.path("d"))", "--snapshots", "ipc://\(folder.path("s"))", "--samples",
                    "ipc://\(folder.path(samples))", "--peer-samples", "ipc://\(folder.path(peer))", "--share-nodes", "--collector-name",
                    "twin", "--bind-address", "127.0.0.1", "--secure-port", "0", "--samples-table", "", "--insecure-skip-authorization",
                    "--cert-dir", folder.path("certificates-\(samples)"),
                ], in: folder)
        }
        let (one, other) = (try collector("one", peer: "two"), try collector("two", peer: "one"))
        try await eventually("both tell") {
            one.output.contains("has the same name") && other.output.contains("has the same name")
        }
        #expect(one.output.contains("--collector-name"))
        #expect(try await one.stop() == 0)
        #expect(try await other.stop() == 0)
    }
}
