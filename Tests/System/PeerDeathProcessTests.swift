import Foundation
import TestSupport
import Testing

/// Two collectors, each with one node of the captured cluster, chosen by its label; the second answers for the pods of the first's node too.
@Suite("Death of a collector's peer", .timeLimit(.minutes(3)))
struct PeerDeathProcessTests {
    private struct PodMetricsList: Decodable {
        struct Item: Decodable { var metadata: Metadata }
        struct Metadata: Decodable {
            var namespace: String
            var name: String
        }
        var items: [Item]
    }

    private struct PodList: Decodable {
        struct Item: Decodable {
            var metadata: PodMetricsList.Metadata
            var spec: Spec
        }
        struct Spec: Decodable { var nodeName: String? }
        var items: [Item]
    }

    private func collector(
        _ system: RunningSystem, _ name: String, app: String, port: UInt16, http: UInt16, peer: String? = nil
    ) throws -> RunningProcess {
        try RunningProcess(
            "mizzen-collector",
            system.streamOptions + [
                "--samples", "ipc://\(system.folder.path(name))", "--bind-address", "127.0.0.1", "--secure-port", "\(port)",
                "--http", "127.0.0.1:\(http)", "--kubeconfig", system.kubeconfig, "--insecure-skip-authorization",
                "--kubelet-insecure-tls", "--kubelet-use-node-status-port", "--kubelet-preferred-address-types", "InternalIP",
                "--metric-resolution", "1s", "--kubelet-request-timeout", "1s", "--node-selector", "app=\(app)",
                "--samples-table", system.folder.path("kept-\(name)"),
            ] + (peer.map { ["--peer-samples", "ipc://\(system.folder.path($0))"] } ?? []), in: system.folder)
    }

    /// The nodes of the pods that the collector answers.
    private func nodes(_ system: RunningSystem, port: UInt16, of pods: [String: String]) async throws -> Set<String> {
        let body = try await system.fetch("https://127.0.0.1:\(port)/apis/metrics.k8s.io/v1beta1/pods")
        let list = try JSONDecoder().decode(PodMetricsList.self, from: Data(body.utf8))
        return Set(list.items.compactMap { pods["\($0.metadata.namespace)/\($0.metadata.name)"] })
    }

    private func points(_ system: RunningSystem, http: UInt16) async throws -> String? {
        try await system.fetch("http://127.0.0.1:\(http)/metrics").split(separator: "\n")
            .first { $0.hasPrefix("metrics_server_storage_points{type=\"node\"}") }.map(String.init)
    }

    @Test("usage that came from a peer ends with it, and comes back with it; the collector's own stays")
    func peerDeath() async throws {
        let system = try await RunningSystem()
        let watcher = try system.startWatcher()
        let (firstPort, firstHTTP, port, http) = (freePort(), freePort(), freePort(), freePort())
        let token = try system.token()
        let body = try await system.fetch(
            "http://127.0.0.1:\(system.apiPort)/api/v1/pods", ["--header", "Authorization: Bearer \(token)"])
        let pods = try JSONDecoder().decode(PodList.self, from: Data(body.utf8)).items
        let nodeOf = Dictionary(
            uniqueKeysWithValues: pods.map { ("\($0.metadata.namespace)/\($0.metadata.name)", $0.spec.nodeName ?? "") })
        let peer = try collector(system, "one", app: "flint", port: firstPort, http: firstHTTP)
        let own = try collector(system, "two", app: "pearl", port: port, http: http, peer: "one")
        try await eventually("both nodes' pods are answered") {
            try await nodes(system, port: port, of: nodeOf) == ["s1-node-1", "s1-node-2"]
        }
        #expect(try await points(system, http: http) == "metrics_server_storage_points{type=\"node\"} 2")

        try await peer.kill()
        // The sample's lifetime is two seconds here.
        try await eventually("the dead peer's figures are not answered any more", within: .seconds(20)) {
            try await nodes(system, port: port, of: nodeOf) == ["s1-node-2"]
        }
        #expect(try await points(system, http: http) == "metrics_server_storage_points{type=\"node\"} 1")

        let successor = try collector(system, "one", app: "flint", port: firstPort, http: firstHTTP)
        try await eventually("the peer's successor is listened to") {
            try await nodes(system, port: port, of: nodeOf) == ["s1-node-1", "s1-node-2"]
        }
        #expect(try await successor.stop() == 0)
        #expect(try await own.stop() == 0)
        #expect(try await watcher.stop() == 0)
    }
}
