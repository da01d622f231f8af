import Foundation
import TestSupport
import Testing

/// Definitions and objects come and go at a simulated API server, and the exporter's scrapes follow, by way of the watcher.
@Suite("Custom resources, in separate processes", .serialized)
struct CustomResourceProcessTests {
    private static func definition(_ plural: String, _ kind: String, versions: [String], scope: String = "Namespaced") -> String {
        let served = versions.map { #"{"name":"\#($0)","served":true,"storage":\#($0 == versions[0])}"# }.joined(separator: ",")
        return #"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","#
            + #""metadata":{"name":"\#(plural).shop.example.dev"},"spec":{"group":"shop.example.dev","scope":"\#(scope)","#
            + #""names":{"kind":"\#(kind)","plural":"\#(plural)"},"versions":[\#(served)]}}"#
    }

    private static let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

    private static func widgets(_ version: String = "v1") -> String { "/apis/shop.example.dev/\(version)/namespaces/s1-prod/widgets" }

    private static func widget(_ name: String, replicas: Int, version: String = "v1") -> String {
        #"{"apiVersion":"shop.example.dev/\#(version)","kind":"Widget","metadata":{"name":"\#(name)"},"spec":{"replicas":\#(replicas)}}"#
    }

    private static func configuration(_ metric: String) -> String {
        """
        kind: CustomResourceStateMetrics
        spec:
          resources:
          - groupVersionKind: {group: shop.example.dev, version: "*", kind: "*"}
            metricNamePrefix: shop
            labelsFromPath: {name: [metadata, name], namespace: [metadata, namespace]}
            metrics:
            - {name: \(metric), help: wanted, each: {type: Gauge, gauge: {path: [spec, replicas]}}}
        """
    }

    private struct Running {
        let system: RunningSystem
        let file: String

        init() async throws {
            system = try await RunningSystem()
            // As a config map is mounted: a link to a link to a folder.
            try FileManager.default.createDirectory(atPath: system.folder.path("first"), withIntermediateDirectories: true)
            try system.folder.write(Array(configuration("replicas").utf8), to: "first/config.yaml")
            try FileManager.default.createSymbolicLink(atPath: system.folder.path("data"), withDestinationPath: "first")
            try FileManager.default.createSymbolicLink(atPath: system.folder.path("config.yaml"), withDestinationPath: "data/config.yaml")
            file = system.folder.path("config.yaml")
        }

        /// Puts another folder in the first one's place, as the kubelet does.
        func swap(_ text: String) throws {
            try FileManager.default.createDirectory(atPath: system.folder.path("second"), withIntermediateDirectories: true)
            try system.folder.write(Array(text.utf8), to: "second/config.yaml")
            try FileManager.default.createSymbolicLink(atPath: system.folder.path("data.new"), withDestinationPath: "second")
            let (new, old) = (system.folder.path("data.new"), system.folder.path("data"))
            // Safe: Swift hands over NUL-terminated copies.
            try #require(unsafe rename(new, old) == 0)
        }

        func watcher() throws -> RunningProcess {
            try RunningProcess(
                "mizzen-watcher",
                system.watcherOptions + ["--custom-resource-state-config-file", file, "--custom-resource-interval", "200ms"],
                in: system.folder)
        }

        func exporter(_ more: [String] = []) throws -> RunningProcess {
            try RunningProcess(
                "mizzen-exporter",
                system.streamOptions + [
                    "--samples", "", "--host", "127.0.0.1", "--port", "\(system.exporterPort)", "--telemetry-host", "127.0.0.1",
                    "--telemetry-port", "\(system.telemetryPort)", "--custom-resource-state-config-file", file,
                    "--custom-resource-state-only",
                ] + more, in: system.folder)
        }

        /// Samples of the custom resources, sorted.
        func samples() async throws -> [String] {
            try await system.fetch("http://127.0.0.1:\(system.exporterPort)/metrics").split(separator: "\n").map(String.init)
                .filter { !$0.hasPrefix("#") }.sorted()
        }
    }

    private static func sample(_ name: String, _ value: Int, family: String = "replicas", kind: String = "Widget", version: String = "v1")
        -> String
    {
        #"shop_\#(family){customresource_group="shop.example.dev",customresource_kind="\#(kind)",customresource_version="\#(version)","#
            + #"name="\#(name)",namespace="s1-prod"} \#(value)"#
    }

    @Test("definitions, versions and objects come and go while watcher and exporter run, and the configuration changes without a gap")
    func walk() async throws {
        let running = try await Running()
        let system = running.system
        let watcher = try running.watcher()
        let exporter = try running.exporter()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        try await eventually("the exporter answers") { (try? await running.samples()) == [] }
        try await system.send("POST", Self.definitions, Self.definition("widgets", "Widget", versions: ["v1", "v1beta1"]))
        try await system.send("POST", Self.widgets(), Self.widget("blue", replicas: 3))
        try await system.send("POST", Self.widgets("v1beta1"), Self.widget("old", replicas: 1, version: "v1beta1"))
        try await eventually("both versions are served", within: .seconds(30)) {
            try await running.samples() == [Self.sample("blue", 3), Self.sample("old", 1, version: "v1beta1")]
        }
        try await system.send("POST", Self.widgets(), Self.widget("green", replicas: 5))
        try await system.send("DELETE", "\(Self.widgets("v1beta1"))/old", "{}")
        try await eventually("an object has come and another has gone") {
            try await running.samples() == [Self.sample("blue", 3), Self.sample("green", 5)]
        }
        // A broken configuration changes nothing; a good one takes the old one's place in one step.
        let before = [Self.sample("blue", 3), Self.sample("green", 5)]
        let after = [Self.sample("blue", 3, family: "wanted"), Self.sample("green", 5, family: "wanted")]
        try running.swap("spec: {resources: [")
        try await eventually("the broken configuration is told of") {
            try await system.fetch("http://127.0.0.1:\(system.telemetryPort)/metrics")
                .contains("kube_state_metrics_last_config_reload_successful{type=\"customresourceconfig\",filename=\"\(running.file)\"} 0")
        }
        #expect(try await running.samples() == before)
        try running.swap(Self.configuration("wanted"))
        try await eventually("the new configuration is served", within: .seconds(30)) {
            let found = try await running.samples()
            #expect(found == before || found == after, "a scrape saw \(found)")
            return found == after
        }
        try await system.send("POST", Self.definitions, Self.definition("gateways", "Gateway", versions: ["v1"]))
        try await system.send(
            "POST", "/apis/shop.example.dev/v1/namespaces/s1-prod/gateways",
            #"{"apiVersion":"shop.example.dev/v1","kind":"Gateway","metadata":{"name":"edge"},"spec":{"replicas":2}}"#)
        let edge = Self.sample("edge", 2, family: "wanted", kind: "Gateway")
        try await eventually("another kind is served", within: .seconds(30)) { try await running.samples() == [edge] + after }
        try await system.send("DELETE", "\(Self.definitions)/widgets.shop.example.dev", "{}")
        try await eventually("the objects of the definition are gone", within: .seconds(30)) { try await running.samples() == [edge] }
        for process in [exporter, watcher] { #expect(try await process.stop() == 0, "\(process.name): \(process.output.suffix(500))") }
    }

    @Test("a watcher that is started again goes on with the stream of custom resources, also of one that went while it was away")
    func restart() async throws {
        let running = try await Running()
        let system = running.system
        try await system.send("POST", Self.definitions, Self.definition("widgets", "Widget", versions: ["v1"]))
        try await system.send("POST", Self.definitions, Self.definition("parts", "Part", versions: ["v1"]))
        try await system.send("POST", Self.widgets(), Self.widget("blue", replicas: 3))
        try await system.send(
            "POST", "/apis/shop.example.dev/v1/namespaces/s1-prod/parts",
            #"{"apiVersion":"shop.example.dev/v1","kind":"Part","metadata":{"name":"nut"},"spec":{"replicas":9}}"#)
        var watcher = try running.watcher()
        let exporter = try running.exporter()
        let both = [Self.sample("nut", 9, kind: "Part"), Self.sample("blue", 3)]
        try await eventually("both kinds are served", within: .seconds(60)) { (try? await running.samples()) == both }
        try await watcher.kill()
        try await system.send("DELETE", "\(Self.definitions)/parts.shop.example.dev", "{}")
        #expect(try await running.samples() == both)
        watcher = try running.watcher()
        try await eventually("the kind that went is forgotten, the other stays", within: .seconds(60)) {
            let found = try await running.samples()
            #expect(found.contains(Self.sample("blue", 3)))
            return found == [Self.sample("blue", 3)]
        }
        #expect(
            try await system.fetch("http://127.0.0.1:\(system.watcherPort)/metrics").contains("mizzen_watcher_stream_resumed 1"))
        for process in [exporter, watcher] { #expect(try await process.stop() == 0, "\(process.name): \(process.output.suffix(500))") }
    }
}
