import Foundation
import TestSupport
import Testing

/// Exporters as the pods of a StatefulSet, which a simulated API server changes.
@Suite("Shards of a StatefulSet, in separate processes", .serialized)
struct ExporterShardProcessTests {
    private static let sets = "/apis/apps/v1/namespaces/s1-prod/statefulsets"

    private struct Shard {
        let process: RunningProcess
        let port: UInt16
        let telemetryPort: UInt16
    }

    private static func set(replicas: Int) -> String {
        #"{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"shop-metrics"},"spec":{"replicas":\#(replicas),"serviceName":"x","#
            + #""selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"#
    }

    private static func start(_ ordinal: Int, in system: RunningSystem, _ more: [String] = []) throws -> Shard {
        let (port, telemetryPort) = (freePort(), freePort())
        let process = try RunningProcess(
            "mizzen-exporter",
            system.streamOptions + [
                "--samples", "", "--host=127.0.0.1", "--port=\(port)", "--telemetry-host", "127.0.0.1", "--telemetry-port=\(telemetryPort)",
                "--pod=shop-metrics-\(ordinal)", "--pod-namespace=s1-prod", "--resources=pods,services",
            ] + more, in: system.folder)
        return Shard(process: process, port: port, telemetryPort: telemetryPort)
    }

    /// The objects that a shard serves; nil while it answers no scrape.
    private static func served(_ shard: Shard, _ system: RunningSystem) async -> [String]? {
        // A refused scrape is an answer here.
        guard let text = try? await system.fetch("http://127.0.0.1:\(shard.port)/metrics") else { return nil }
        return text.split(separator: "\n").filter {
            // The set's own pods come and go.
            ($0.hasPrefix("kube_pod_info{") || $0.hasPrefix("kube_service_info{")) && !$0.contains("shop-metrics")
        }.map(String.init)
    }

    private static func patch(_ system: RunningSystem, _ path: String, _ body: String) async throws {
        try await system.send("PATCH", path, body, contentType: "application/merge-patch+json")
    }

    private static func scale(_ system: RunningSystem, to replicas: Int) async throws {
        try await patch(system, sets + "/shop-metrics", #"{"spec":{"replicas":\#(replicas)}}"#)
    }

    /// The simulated kubelet finds a new pod ready at once, so one of the others stands for the one that takes its time.
    private static func makeFirstPod(_ system: RunningSystem, ready: Bool) async throws {
        try await patch(
            system, "/api/v1/namespaces/s1-prod/pods/shop-metrics-0/status",
            #"{"status":{"conditions":[{"type":"Ready","status":"\#(ready ? "True" : "False")"}]}}"#)
    }

    @Test("a new shard serves when all are ready, the old ones until then; fewer shards take over what the others had")
    func scale() async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        try await system.send("POST", Self.sets, Self.set(replicas: 2))
        var shards = [try Self.start(0, in: system), try Self.start(1, in: system)]
        func union() async -> [String]? {
            var all: [String] = []
            for shard in shards {
                guard let served = await Self.served(shard, system) else { return nil }
                all += served
            }
            return all.sorted()
        }
        try await eventually("both serve") { await union()?.isEmpty == false }
        let whole = try #require(await union())
        #expect(Set(whole).count == whole.count)
        for shard in shards { #expect(await Self.served(shard, system)?.isEmpty == false) }

        // A third pod is asked for, and starts.
        try await Self.makeFirstPod(system, ready: false)
        try await Self.scale(system, to: 3)
        let third = try Self.start(2, in: system)
        try await eventually("the third is ready") {
            (try? await system.fetch("http://127.0.0.1:\(third.telemetryPort)/readyz"))?.contains("OK") == true
        }
        try await throughout(.seconds(1), "the old ones serve everything, the third nothing") {
            let (old, new) = (await union(), await Self.served(third, system))
            return old == whole && new == nil
        }
        try await Self.makeFirstPod(system, ready: true)
        shards.append(third)
        try await eventually("the three divide everything among themselves") {
            let (all, new) = (await union(), await Self.served(third, system))
            return all == whole && new?.isEmpty == false
        }
        let telemetry = try await system.fetch("http://127.0.0.1:\(shards[0].telemetryPort)/metrics")
        #expect(telemetry.contains("kube_state_metrics_total_shards 3"))
        #expect(telemetry.contains(#"kube_state_metrics_shard_ordinal{shard_ordinal="0"} 0"#))

        // One is left; who is too many serves nothing, though it still runs.
        try await Self.scale(system, to: 1)
        try await eventually("the first serves everything", within: .seconds(20)) {
            await Self.served(shards[0], system)?.sorted() == whole
        }
        try await eventually("the others nothing") {
            let (second, third) = (await Self.served(shards[1], system), await Self.served(shards[2], system))
            return second == [] && third == []
        }
        for shard in shards { #expect(shard.process.isRunning) }
        _ = watcher
    }

    @Test("a changed options file changes what is served, without a scrape in between that lacks something")
    func optionsFile() async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        try system.folder.write(Array("resources: {pods: {}}".utf8), to: "options.yaml")
        let port = freePort()
        let exporter = try RunningProcess(
            "mizzen-exporter",
            system.streamOptions + [
                "--samples", "", "--host=127.0.0.1", "--port=\(port)", "--telemetry-host", "127.0.0.1", "--telemetry-port",
                "\(system.telemetryPort)", "--resources=nodes", "--config", system.folder.path("options.yaml"),
            ], in: system.folder)
        func text() async -> String? { try? await system.fetch("http://127.0.0.1:\(port)/metrics") }
        try await eventually("pods are served") { await text()?.contains("kube_pod_info{") == true }
        #expect(await text()?.contains("kube_node_info{") == false)
        try system.folder.write(Array("resources: {pods: {}, services: {}}\nport: 1".utf8), to: "options.yaml")
        try await eventually("services are served too") {
            let now = try #require(await text())
            #expect(now.contains("kube_pod_info{"))
            return now.contains("kube_service_info{")
        }
        #expect(exporter.output.contains("takes effect with the next start"))
        try system.folder.write(Array("resources: [".utf8), to: "options.yaml")
        try await eventually("a broken file is told") { exporter.output.contains("the one before it stays") }
        #expect(await text()?.contains("kube_service_info{") == true)
        _ = watcher
    }
}
