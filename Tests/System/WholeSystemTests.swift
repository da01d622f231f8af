import Foundation
import TestSupport
import Testing

@Suite("The whole system, in separate processes", .serialized)
struct WholeSystemProcessTests {
    private static let service = #"""
        {"apiVersion":"v1","kind":"Service","metadata":{"name":"fresh","namespace":"s1-prod"},
        "spec":{"clusterIP":"10.96.200.7","ports":[{"name":"http","port":80}]}}
        """#
    private static let fresh = "fresh.s1-prod.svc.cluster.local"

    @Test("one change reaches DNS, the stream and the metrics")
    func walk() async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        let frontends = [try system.startFrontend(), try system.startFrontend()]
        let exporter = try system.startExporter()
        let collector = try system.startCollector()
        try await eventually("DNS answers") { system.dns.addresses(of: Self.fresh)?.responseCode == 3 }
        try await eventually("the exporter is ready") {
            try await system.fetch("http://127.0.0.1:\(system.telemetryPort)/readyz").isEmpty == false
        }
        try await system.send("POST", "/api/v1/namespaces/s1-prod/services", Self.service)
        try await eventually("DNS has the new service") {
            system.dns.addresses(of: Self.fresh) == .init(responseCode: 0, addresses: ["10.96.200.7"])
        }
        try await eventually("the metrics have the new service") {
            try await system.fetch("http://127.0.0.1:\(system.exporterPort)/metrics")
                .contains(#"kube_service_info{namespace="s1-prod",service="fresh""#)
        }
        #expect(try await system.stream(topic: "services/").filter { $0.contains(#""name":"fresh""#) }.count == 1)
        let usage = "https://127.0.0.1:\(system.collectorPort)/apis/metrics.k8s.io/v1beta1/nodes"
        let authorization = ["--header", "Authorization: Bearer \(try system.token())"]
        try await eventually("the metrics API has usage of a node") {
            try await system.fetch(usage, authorization).contains("s1-node-0")
        }
        try await eventually("the exporter has usage of a node") {
            try await system.fetch("http://127.0.0.1:\(system.exporterPort)/metrics")
                .contains(#"mizzen_node_cpu_usage_seconds_total{node="s1-node-0""#)
        }
        try await system.send("DELETE", "/api/v1/namespaces/s1-prod/services/fresh", "{}")
        try await eventually("DNS has forgotten the service") {
            system.dns.addresses(of: Self.fresh)?.responseCode == 3
        }
        for process in frontends + [exporter, collector, watcher] {
            #expect(try await process.stop() == 0, "\(process.name): \(process.output.suffix(500))")
        }
    }

    @Test("frontends answer while everything else is dead, and catch up when a watcher returns")
    func survival() async throws {
        let system = try await RunningSystem()
        var watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        let frontend = try system.startFrontend()
        let known = "lb-0.s1-prod.svc.cluster.local"
        let name = try await Self.anyName(of: system) ?? known
        try await eventually("DNS answers") { system.dns.addresses(of: name)?.responseCode == 0 }
        let before = try #require(system.dns.addresses(of: name))
        #expect(!before.addresses.isEmpty)
        try await watcher.kill()
        #expect(system.dns.addresses(of: name) == before)
        try await system.send("POST", "/api/v1/namespaces/s1-prod/services", Self.service)
        let second = try system.startFrontend()
        try await frontend.kill()
        try await eventually("the second frontend answers alone") { system.dns.addresses(of: name) == before }
        watcher = try system.startWatcher()
        // From the first moment of the new watcher to its full list: the old answer, without a gap.
        try await eventually("the new watcher has caught up") {
            #expect(system.dns.addresses(of: name) == before)
            return system.dns.addresses(of: Self.fresh)?.addresses == ["10.96.200.7"]
        }
        let metrics = try await system.fetch("http://127.0.0.1:\(system.watcherPort)/metrics")
        let writes = try #require(metrics.firstMatch(of: /mizzen_watcher_table_writes_total (\d+)/))
        // The new service, its address and its empty slice; nothing that was there before.
        #expect(try #require(Int(writes.1)) <= 6)
        #expect(try await second.stop() == 0)
        #expect(try await watcher.stop() == 0)
    }

    /// The name of a service with a cluster IP, from the stream.
    private static func anyName(of system: RunningSystem) async throws -> String? {
        for line in try await system.stream(topic: "services/") {
            guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let name = object["name"] as? String, let namespace = object["namespace"] as? String,
                let spec = (object["object"] as? [String: Any])?["spec"] as? [String: Any],
                let address = spec["clusterIP"] as? String, address.contains(".")
            else { continue }
            return "\(name).\(namespace).svc.cluster.local"
        }
        return nil
    }

    @Test("killed in any order, each process comes back by itself while the others carry on")
    func killsInAnyOrder() async throws {
        let system = try await RunningSystem()
        var exporter = try system.startExporter()
        let frontend = try system.startFrontend()
        var watcher = try system.startWatcher()
        let metrics = "http://127.0.0.1:\(system.exporterPort)/metrics"
        let hasServices: @Sendable () async throws -> Bool = {
            try await system.fetch(metrics).contains("kube_service_info{")
        }
        try await eventually("everything works though the watcher came last") {
            try await hasServices() && system.dns.addresses(of: Self.fresh)?.responseCode == 3
        }
        try await watcher.kill()
        #expect(try await hasServices())
        watcher = try system.startWatcher()
        try await eventually("the watcher is back") { try await system.isWatcherReady() }
        try await exporter.kill()
        exporter = try system.startExporter()
        try await system.send("POST", "/api/v1/namespaces/s1-prod/services", Self.service)
        try await eventually("a change after all kills arrives everywhere") {
            try await system.fetch(metrics).contains(#"service="fresh""#)
                && system.dns.addresses(of: Self.fresh)?.addresses == ["10.96.200.7"]
        }
        for process in [exporter, frontend, watcher] { #expect(try await process.stop() == 0) }
    }

    @Test("the secrets' canary turns up in no stream, table, log, metric or answer")
    func canary() async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        let exporter = try system.startExporter()
        try await eventually("the exporter is ready") {
            try await system.fetch("http://127.0.0.1:\(system.telemetryPort)/readyz").isEmpty == false
        }
        let lines = try await system.stream()
        #expect(lines.contains { $0.contains(#""resource":"secrets""#) }, "the test would look at nothing")
        var places = ["stream": lines.joined(separator: "\n"), "log": watcher.output + exporter.output]
        places["metrics"] = try await system.fetch("http://127.0.0.1:\(system.exporterPort)/metrics")
        places["watcher metrics"] = try await system.fetch("http://127.0.0.1:\(system.watcherPort)/metrics")
        places["table"] = String(decoding: try system.folder.read("table.1"), as: Unicode.ASCII.self)
        let secret = "TOP-SECRET-VALUE"
        for (place, text) in places {
            // Base64 of the value at each of the three offsets that it can have in a longer text.
            for canary in [secret] + Self.base64Forms(of: secret) {
                #expect(!text.contains(canary), "\(canary) is in the \(place)")
            }
        }
        #expect(try await watcher.stop() == 0)
        _ = try await exporter.stop()
    }

    private static func base64Forms(of text: String) -> [String] {
        (0..<3).map { offset in
            let encoded = Data((String(repeating: " ", count: offset) + text).utf8).base64EncodedString()
            // What depends on the neighbours is cut off at both ends.
            return String(encoded.dropFirst(offset == 0 ? 0 : 4).dropLast(4))
        }
    }
}
