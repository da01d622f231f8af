import Foundation
import TestSupport
import Testing

/// A collector of a large cluster: every node in time, evenly, with bounded memory and descriptors.
@Suite("A collector and many nodes", .serialized, .timeLimit(.minutes(20)))
struct ManyNodesProcessTests {
    private struct Report: Decodable {
        struct Node: Decodable {
            var node: String
            var times: [Int64]
        }
        var scrapes: [Node]
    }

    private static var nodes: Int { isSoak ? 5000 : 250 }
    /// Milliseconds between two scrapes of a node.
    private static var interval: Int64 { isSoak ? 60_000 : 10_000 }

    private func descriptors(_ process: RunningProcess) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.identifier)/fd").count) ?? 0
    }

    @Test(
        "thirty pods a node, each scraped once an interval and all of them evenly",
        arguments: [nil, 200])
    func evenly(descriptorLimit: Int?) async throws {
        let folder = try TemporaryFolder()
        let api = freePort()
        let cluster = try RunningProcess(
            "cluster-simulator",
            [
                "--nodes", "\(Self.nodes)", "--services", "\(Self.nodes / 10)", "--pods", "\(Self.nodes * 30)", "--kubeconfig",
                folder.path("kubeconfig"), "--http", "127.0.0.1:\(api)",
            ], in: folder)
        try await eventually("the cluster is ready", within: .seconds(300)) { cluster.output.contains("ready") }
        let streams = ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"]
        let watcher = try RunningProcess(
            "mizzen-watcher",
            ["--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:0"] + streams, in: folder)
        let http = freePort()
        let arguments =
            streams + [
                "--samples", "ipc://\(folder.path("samples"))", "--bind-address", "127.0.0.1", "--secure-port", "0", "--cert-dir",
                folder.path("certificates"), "--kubeconfig", folder.path("kubeconfig"), "--insecure-skip-authorization",
                "--kubelet-insecure-tls", "--kubelet-use-node-status-port", "--kubelet-preferred-address-types", "InternalIP", "--http",
                "127.0.0.1:\(http)", "--metric-resolution", "\(Self.interval)ms", "--samples-table", folder.path("kept"),
            ]
        let executable = RunningProcess.folder.appending(path: "mizzen-collector").path
        let collector =
            try descriptorLimit.map {
                try RunningProcess("/bin/sh", ["-c", "ulimit -n \($0); exec \"$0\" \"$@\"", executable] + arguments, in: folder)
            } ?? RunningProcess("mizzen-collector", arguments, in: folder)

        func scrapes() async throws -> [String: [Int64]] {
            let text = try String(contentsOfFile: folder.path("kubeconfig"), encoding: .utf8)
            let token = try #require(text.firstMatch(of: /token"?\s*:\s*"?([^"\s,}]+)/)).1
            let body = try await fetch("http://127.0.0.1:\(api)/simulator/faults", ["--header", "Authorization: Bearer \(token)"])
            return Dictionary(
                uniqueKeysWithValues: try JSONDecoder().decode(Report.self, from: Data(body.utf8)).scrapes.map { ($0.node, $0.times) })
        }
        func failures() async throws -> Int {
            let metrics = try await fetch("http://127.0.0.1:\(http)/metrics")
            return Int(metrics.firstMatch(of: /metrics_server_kubelet_request_total\{success="false"\} (\d+)/)?.1 ?? "") ?? -1
        }
        var mostDescriptors = 0
        func look() { mostDescriptors = max(mostDescriptors, descriptors(collector)) }
        // The first handshakes of all come at once, and wait for one another; with the second scrape each is in its rhythm.
        try await eventually("every node was scraped twice", within: .seconds(300)) {
            look()
            let found = try await scrapes()
            return found.count == Self.nodes && found.values.allSatisfy { $0.count >= 2 }
        }
        let rounds = 3
        let ticks = collector.processorTicks
        // Of the first handshakes, all at once, some may end beyond their time where nothing is optimised and other suites run.
        let failed = try await failures()
        let start = try await scrapes().values.compactMap(\.last).max() ?? 0
        try await eventually("\(rounds) rounds have passed", within: .milliseconds(Self.interval * Int64(rounds + 1) + 30_000)) {
            look()
            return try await scrapes().values.compactMap(\.last).max() ?? 0 >= start + Self.interval * Int64(rounds)
        }
        let used = Double(collector.processorTicks - ticks) * 10 / Double(rounds)
        let found = try await scrapes().mapValues { $0.filter { $0 > start && $0 <= start + Self.interval * Int64(rounds) } }
        // Once an interval. In short this runs beside other suites, which may keep it waiting.
        let slack = Self.interval / (isSoak ? 4 : 2)
        for (node, times) in found {
            #expect((rounds - 1...rounds + 1).contains(times.count), "\(node): \(times.count)")
            #expect(zip(times, times.dropFirst()).allSatisfy { abs($1 - $0 - Self.interval) < slack }, "\(node): \(times)")
        }
        // The first scrapes are 8 ms apart on average; no tenth of the interval has much more than its share of the time that this takes.
        let spread = min(Double(Self.interval), 8 * Double(Self.nodes))
        let tenths = Dictionary(grouping: found.values.joined(), by: { $0 * 10 / Self.interval }).values.map(\.count)
        let share = min(1, Double(Self.interval) / 10 / spread)
        #expect(Double(tenths.max() ?? 0) < Double(Self.nodes) * share * 1.5 + 10, "\(tenths.sorted()) of \(Self.nodes)")
        #expect(try await failures() == failed && failed >= 0, "\(failed) before: \(collector.output.suffix(500))")
        #expect(mostDescriptors < descriptorLimit ?? (Self.nodes + 100), "\(mostDescriptors)")
        let late = found.values.flatMap { zip($0, $0.dropFirst()).map { abs($1 - $0 - Self.interval) } }.sorted()
        print(
            "scrapes in each tenth of the interval: \(tenths.sorted()); beside the beat: half within \(late[late.count / 2]) ms, all within \(late.last ?? 0) ms"
        )
        print(
            "\(Self.nodes) nodes, limit \(descriptorLimit.map { "\($0)" } ?? "none"): \(used) ms a round, \(collector.residentBytes >> 20) MiB, \(mostDescriptors) descriptors"
        )
        // On one core, also where nothing is optimised.
        #expect(used < Double(Self.interval))
        #expect(collector.residentBytes < 120 << 20 + Self.nodes << 17, "\(collector.residentBytes >> 20) MiB")
        #expect(try await collector.stop() == 0)
        #expect(try await watcher.stop() == 0)
    }
}
