import Foundation
import TestSupport
import Testing

/// Labels of namespaces and owners on series, and limits, in exporters that follow a watcher of a simulated API server.
@Suite("Labels on series and limits of families, in separate processes", .serialized)
struct ExporterLabelProcessTests {
    private struct Exporter {
        let process: RunningProcess
        let port: UInt16
        let telemetryPort: UInt16
    }

    private static func start(in system: RunningSystem, _ more: [String]) throws -> Exporter {
        let (port, telemetryPort) = (freePort(), freePort())
        let process = try RunningProcess(
            "mizzen-exporter",
            system.streamOptions + [
                "--samples", "", "--host=127.0.0.1", "--port=\(port)", "--telemetry-host", "127.0.0.1", "--telemetry-port=\(telemetryPort)",
                "--resources=pods",
            ] + more, in: system.folder)
        return Exporter(process: process, port: port, telemetryPort: telemetryPort)
    }

    /// The samples of a family for the pods of a simulated deployment; nil while a scrape is refused.
    private static func samples(_ exporter: Exporter, _ family: String, _ system: RunningSystem) async -> [String]? {
        guard let text = try? await system.fetch("http://127.0.0.1:\(exporter.port)/metrics") else { return nil }
        return text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("\(family){") && $0.contains(#"pod="labelled-"#) }
    }

    private static func patch(_ system: RunningSystem, _ path: String, team: String) async throws {
        try await system.send("PATCH", path, #"{"metadata":{"labels":{"team":"\#(team)"}}}"#, contentType: "application/merge-patch+json")
    }

    private static let deployment =
        #"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"labelled","labels":{"team":"shop"}},"spec":{"replicas":3,"#
        + #""selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"#

    @Test(
        "pods show the labels of their namespace and of their Deployment, in every shard, and a change of either reaches the next scrapes")
    func labels() async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        try await system.send("POST", "/apis/apps/v1/namespaces/s1-prod/deployments", Self.deployment)
        let shards = try (0..<2).map { shard in
            try Self.start(
                in: system,
                ["--shard=\(shard)", "--total-shards=2", "--metric-labels-on=kube_pod_info=[app,namespace:team,owner:team]"])
        }
        func pods() async -> [String] {
            var all: [String] = []
            for shard in shards { all += await Self.samples(shard, "kube_pod_info", system) ?? [] }
            return all
        }
        func all(_ labels: String) async -> Bool {
            let pods = await pods()
            return pods.count == 3 && pods.allSatisfy { $0.contains(labels) }
        }
        try await eventually("pods have the deployment's label") { await all(#",label_app="x",owner_label_team="shop","#) }
        try await Self.patch(system, "/apis/apps/v1/namespaces/s1-prod/deployments/labelled", team: "till")
        try await Self.patch(system, "/api/v1/namespaces/s1-prod", team: "prod")
        try await eventually("both changes show") { await all(#",label_app="x",namespace_label_team="prod",owner_label_team="till","#) }
        for shard in shards {
            let own = try await system.fetch("http://127.0.0.1:\(shard.telemetryPort)/metrics")
            #expect(own.contains(#"mizzen_exporter_relabelled_objects_total{resource="pods"}"#))
            #expect(own.contains(#"mizzen_exporter_stream_joined{resource="deployments"} 1"#))
        }
        _ = watcher
    }

    @Test("the options file puts labels and limits in force while the exporter runs, and a mistake in it changes nothing")
    func optionsFile() async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        try await system.send("POST", "/apis/apps/v1/namespaces/s1-prod/deployments", Self.deployment)
        try system.folder.write(Array("series_limit: {kube_pod_info: 1}".utf8), to: "options.yaml")
        let exporter = try Self.start(in: system, ["--config", system.folder.path("options.yaml")])
        func telemetry() async throws -> String { try await system.fetch("http://127.0.0.1:\(exporter.telemetryPort)/metrics") }
        try await eventually("the family is left out, and nothing else") {
            let (info, created) = (
                await Self.samples(exporter, "kube_pod_info", system), await Self.samples(exporter, "kube_pod_created", system)
            )
            return info == [] && created?.count == 3
        }
        try await eventually("the log says so") {
            exporter.process.output.split(separator: "\n").count { $0.contains("has more series than its limit") } == 1
        }
        #expect(try await telemetry().contains(#"mizzen_exporter_series_cut{family="kube_pod_info"} 1"#))

        try system.folder.write(
            Array("series_limit: {kube_pod_info: 100000}\nmetric_labels_on: {kube_pod_info: ['owner:team']}".utf8), to: "options.yaml")
        try await eventually("it is back, with labels") {
            let info = await Self.samples(exporter, "kube_pod_info", system)
            return info?.count == 3 && info?.allSatisfy { $0.contains(#"owner_label_team="shop""#) } == true
        }
        #expect(exporter.process.output.contains("is served again"))
        #expect(try await telemetry().contains(#"mizzen_exporter_series_cut{family="kube_pod_info"} 0"#))

        try system.folder.write(Array("series_limit: {kube_pod_inf: 5}".utf8), to: "options.yaml")
        try await eventually("a family that does not exist is told") {
            exporter.process.output.contains("there is no family 'kube_pod_inf'")
        }
        #expect(await Self.samples(exporter, "kube_pod_info", system)?.allSatisfy { $0.contains("owner_label_team") } == true)
        _ = watcher
    }
}
