import Foundation
import TestSupport
import Testing

/// A collector that is killed, and the next one in its place.
@Suite("A collector that is killed and started again", .serialized, .timeLimit(.minutes(5)))
struct CollectorRestartProcessTests {
    private struct List: Decodable {
        struct Item: Decodable { var metadata: Metadata }
        struct Metadata: Decodable {
            var namespace: String?
            var name: String
            var labels: [String: String]?
        }
        var items: [Item]
    }

    private final class System {
        let folder: TemporaryFolder
        let cluster: RunningProcess
        let port = freePort()
        private let http = freePort()

        init() async throws {
            folder = try TemporaryFolder()
            cluster = try RunningProcess(
                "cluster-simulator",
                ["--nodes", "3", "--services", "4", "--pods", "60", "--kubeconfig", folder.path("kubeconfig")], in: folder)
            let cluster = cluster
            try await eventually("the cluster is ready") { cluster.output.contains("ready") }
        }

        private var streams: [String] {
            ["--deltas", "ipc://\(folder.path("deltas"))", "--snapshots", "ipc://\(folder.path("snapshots"))"]
        }

        func watcher() throws -> RunningProcess {
            try RunningProcess(
                "mizzen-watcher",
                ["--kubeconfig", folder.path("kubeconfig"), "--table", folder.path("table"), "--http", "127.0.0.1:0"] + streams, in: folder)
        }

        func collector(_ more: [String] = []) throws -> RunningProcess {
            try RunningProcess(
                "mizzen-collector",
                streams + [
                    "--samples", "ipc://\(folder.path("samples"))", "--bind-address", "127.0.0.1", "--secure-port", "\(port)", "--cert-dir",
                    folder.path("certificates"), "--kubeconfig", folder.path("kubeconfig"), "--insecure-skip-authorization",
                    "--kubelet-insecure-tls", "--kubelet-use-node-status-port", "--kubelet-preferred-address-types", "InternalIP",
                    "--http", "127.0.0.1:\(http)", "--metric-resolution", "100ms", "--samples-table", folder.path("kept"),
                ] + more, in: folder)
        }

        /// The answered pods or nodes, each with its labels; throws while nobody answers.
        func answered(_ what: String) async throws -> Set<String> {
            let body = try await fetch("https://127.0.0.1:\(port)/apis/metrics.k8s.io/v1beta1/\(what)")
            let list = try JSONDecoder().decode(List.self, from: Data(body.utf8))
            return Set(
                list.items.map { item in
                    let labels = (item.metadata.labels ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                    return "\(item.metadata.namespace ?? "")/\(item.metadata.name) \(labels.joined(separator: ","))"
                })
        }

        func isReady() async throws -> Bool { try await fetch("http://127.0.0.1:\(http)/readyz") == "ok" }
        func metrics() async throws -> String { try await fetch("http://127.0.0.1:\(http)/metrics") }
    }

    @Test("the next one answers at once what the killed one answered, though no kubelet, API server or watcher answers")
    func atOnce() async throws {
        let system = try await System()
        var random = SystemRandomNumberGenerator()
        var watcher = try system.watcher()
        var collector = try system.collector()
        try await eventually("all pods are answered") { try await system.answered("pods").count == 60 }
        let (pods, nodes) = (try await system.answered("pods"), try await system.answered("nodes"))
        #expect(nodes.count == 3 && pods.allSatisfy { $0.contains("=") })
        var times: [Duration] = []
        for round in 0..<(isSoak ? 60 : 6) {
            // A random moment between two scrapes or in the middle of one: chance, not synchronisation.
            try await Task.sleep(for: .microseconds(Int64.random(in: 0...300_000, using: &random)))
            try await collector.kill()
            try await system.cluster.suspend()
            if round % 2 == 0 { try await watcher.kill() }
            let start = ContinuousClock.now
            collector = try system.collector()
            // Within the ten seconds after which scrapes of kubelets that stand still fail.
            try await eventually("pods are answered in round \(round)", within: .seconds(8)) { try await system.answered("pods") == pods }
            times.append(ContinuousClock.now - start)
            #expect(try await system.answered("nodes") == nodes)
            #expect(try await system.isReady(), "what an API server asks before it sends anybody here")
            #expect(collector.output.contains("going on with the samples"), "\(collector.output)")
            try await system.cluster.resume()
            if round % 2 == 0 { watcher = try system.watcher() }
            try await eventually("kubelets are scraped again") {
                try await system.metrics().contains(/metrics_server_kubelet_request_total\{success="true"\} [1-9]/)
            }
            try await eventually("all pods are answered") { try await system.answered("pods") == pods }
        }
        print("answered \(times.sorted()[times.count / 2]) after the start, at the latest \(times.max() ?? .zero)")
        #expect(try await collector.stop() == 0, "\(collector.output)")
        #expect(try await watcher.stop() == 0)
    }

    @Test("where nothing can be kept it starts all the same, as user 1000 on a read-only root has to")
    func readOnly() async throws {
        let system = try await System()
        let watcher = try system.watcher()
        let collector = try system.collector(["--samples-table", "/proc/mizzen/samples"])
        try await eventually("all pods are answered") { try await system.answered("pods").count == 60 }
        #expect(collector.output.contains("samples are not kept"), "\(collector.output)")
        #expect(try await collector.stop() == 0)
        #expect(try await watcher.stop() == 0)
    }

    @Test("a table that is damaged while nobody holds it is begun anew, with a warning")
    func damaged() async throws {
        let system = try await System()
        let watcher = try system.watcher()
        let first = try system.collector()
        try await eventually("all pods are answered") { try await system.answered("pods").count == 60 }
        try await first.kill()
        try system.folder.write(Array(try system.folder.read("kept.1").prefix(50_000)), to: "kept.1")
        let second = try system.collector()
        try await eventually("all pods are answered") { try await system.answered("pods").count == 60 }
        #expect(second.output.contains("is not gone on with"), "\(second.output)")
        #expect(try await second.stop() == 0)
        #expect(try await watcher.stop() == 0)
    }
}
