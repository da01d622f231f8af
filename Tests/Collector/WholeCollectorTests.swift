import ArgumentParser
import AsyncHTTPClient
import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import ProcessRuntime
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import Collector

/// The whole collector between a real stream, kubelets behind TLS and an API server that reviews tokens.
@Suite("The collector as a whole", .timeLimit(.minutes(1)))
struct WholeCollectorTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// The captured nodes, each at 127.0.0.1 with a kubelet path of its own.
    private func publishCluster(on publisher: Publisher, kubeletPort: Int) throws {
        for delta in try CapturedCluster.deltas(.nodes, encoding: .json) {
            var node = try #require(
                try JSONSerialization.jsonObject(with: Data(delta.object.bytes)) as? [String: Any])
            var metadata = try #require(node["metadata"] as? [String: Any])
            metadata["annotations"] = [CatalogNode.metricsPathAnnotation: "/\(delta.name)/metrics/resource"]
            node["metadata"] = metadata
            var status = try #require(node["status"] as? [String: Any])
            status["addresses"] = [["type": "InternalIP", "address": "127.0.0.1"]]
            status["daemonEndpoints"] = ["kubeletEndpoint": ["Port": kubeletPort]]
            node["status"] = status
            let bytes = Array(try JSONSerialization.data(withJSONObject: node))
            publisher.upsert(
                WatchedObject(
                    resource: .nodes, identity: delta.identity, object: EncodedObject(encoding: .json, bytes: bytes)))
        }
        for delta in try CapturedCluster.deltas(.pods, encoding: .protobuf) {
            publisher.upsert(WatchedObject(resource: .pods, identity: delta.identity, object: delta.object))
        }
        publisher.markSynced(.nodes, resourceVersion: "1")
        publisher.markSynced(.pods, resourceVersion: "1")
    }

    private static func review(_ path: String, _ body: String) -> TestServer.Answer {
        if path.hasSuffix("tokenreviews") {
            let known = body.contains("\"reader-token\"")
            return TestServer.Answer(
                status: 201,
                body: Array(#"{"status":{"authenticated":\#(known),"user":{"username":"reader"}}}"#.utf8))
        }
        return TestServer.Answer(status: 201, body: Array(#"{"status":{"allowed":true}}"#.utf8))
    }

    private func kubeconfig(port: Int) throws -> String {
        let text = """
            apiVersion: v1
            kind: Config
            current-context: c
            contexts: [{name: c, context: {cluster: k, user: u}}]
            clusters: [{name: k, cluster: {server: "http://127.0.0.1:\(port)"}}]
            users: [{name: u, user: {token: collector-token}}]

            """
        try folder.write(Array(text.utf8), to: "kubeconfig")
        return folder.path("kubeconfig")
    }

    private func get(_ url: String, token: String?) async throws -> (Int, String) {
        var configuration = HTTPClient.Configuration()
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(folder.path("serving/apiserver.crt"))
        configuration.tlsConfiguration = tls
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var request = HTTPClientRequest(url: url)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        do {
            let response = try await http.execute(request, timeout: .seconds(10))
            let body = String(buffer: try await response.body.collect(upTo: 1 << 20))
            try await http.shutdown()
            return (Int(response.status.code), body)
        } catch {
            try await http.shutdown()
            throw error
        }
    }

    @Test("scrapes, publishes and answers over TLS, to those whom the API server lets")
    func everything() async throws {
        let endpoint = { "ipc://\(folder.path($0))" }
        let kubelets = CapturedKubelets()
        let kubeletPort = Promised<Int>()
        let reviewerPort = Promised<Int>()
        let address = Promised<HTTPAddress>()
        let measuredTwice = Promised<Void>()
        let kubeletTLS = try ServingCertificate.configuration(
            certificateFile: nil, keyFile: nil, directory: folder.path("kubelets"))
        let publisher = try Publisher(
            deltas: endpoint("deltas"), snapshots: endpoint("snapshots"), store: StreamStore(streamID: 1),
            logger: CapturedCluster.silent)
        let rounds = Mutex<[String: Int]>([:])
        let samples = try SampleSubscriber(endpoints: [endpoint("samples")], logger: CapturedCluster.silent) { sample in
            let done = rounds.withLock { rounds in
                rounds[sample.node, default: 0] += 1
                return rounds.count == 4 && rounds.values.allSatisfy { $0 >= 2 }
            }
            if done { measuredTwice.set(()) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await TestServer(
                    answer: { _, path, authorization, _ in kubelets.answer(path: path, authorization: authorization) },
                    tls: kubeletTLS, listening: { kubeletPort.set($0) }
                ).run()
            }
            group.addTask {
                try await TestServer(
                    answer: { _, path, _, body in Self.review(path, body) }, listening: { reviewerPort.set($0) }
                ).run()
            }
            group.addTask { try await publisher.run() }
            group.addTask { try await samples.run() }
            try await publishCluster(on: publisher, kubeletPort: kubeletPort.value)
            let command = try CollectorCommand.parse([
                "--deltas", endpoint("deltas"), "--snapshots", endpoint("snapshots"), "--samples", endpoint("samples"),
                "--kubeconfig", try await kubeconfig(port: reviewerPort.value), "--metric-resolution", "200ms",
                "--kubelet-preferred-address-types", "InternalIP", "--kubelet-use-node-status-port",
                "--kubelet-certificate-authority", folder.path("kubelets/apiserver.crt"), "--bind-address", "127.0.0.1",
                "--secure-port", "0", "--cert-dir", folder.path("serving"), "--samples-table", "",
            ])
            let parts = try CollectorParts(command, logger: CapturedCluster.silent) { address.set($0) }
            for service in parts.services { group.addTask { try await service.run() } }
            let base = try await "https://\(address.value)"
            try await measuredTwice.value
            try await check(base)
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
            try await parts.shutdown()
        }
    }

    private func check(_ base: String) async throws {
        let path = "\(base)/apis/metrics.k8s.io/v1beta1/nodes"
        #expect(try await get(path, token: nil).0 == 200, "the reviewer allows strangers too")
        #expect(try await get(path, token: "unknown").0 == 401)
        let (status, body) = try await get(path, token: "reader-token")
        #expect(status == 200)
        #expect(body.components(separatedBy: #""usage":{"cpu":"731062500n","memory":"1578392Ki"}"#).count == 4)
        #expect(!body.contains("s1-node-3"))
        let pod = try await get(
            "\(base)/apis/metrics.k8s.io/v1beta1/namespaces/s1-prod/pods/pod-10", token: "reader-token")
        #expect(pod.0 == 200 && pod.1.contains(#"{"cpu":"702m","memory":"52015005"}"#))
        #expect(try await get("\(base)/readyz", token: nil) == (200, "ok"))
        let metrics = try await get("\(base)/metrics", token: "reader-token").1
        for line in [
            #"metrics_server_kubelet_request_total{success="false"}"#, #"metrics_server_storage_points{type="node"} 3"#,
            #"metrics_server_storage_points{type="container"}"#,
            #"metrics_server_kubelet_last_request_time_seconds{node="s1-node-3"}"#,
        ] { #expect(metrics.contains(line), "\(line)") }
        try checkFamilies(metrics)
    }

    /// Every family that metrics-server exports is here, of the same type and with the same buckets.
    private func checkFamilies(_ metrics: String) throws {
        let captured = String(decoding: try CapturedCluster.bytes("metrics-api/self-metrics.txt"), as: UTF8.self).split(separator: "\n")
        let types = captured.filter { $0.hasPrefix("# TYPE ") }
        #expect(types.count == 6)
        // Nodes are scraped one by one: there is no duration of a round.
        let tick = "metrics_server_manager_tick_duration_seconds"
        for type in types where !type.contains(tick) { #expect(metrics.contains("\n\(type)\n"), "\(type)") }
        #expect(!metrics.contains(tick))
        for line in captured where line.contains("_bucket{") && !line.hasPrefix(tick) {
            let series = line.prefix { $0 != " " }
            #expect(metrics.contains("\n\(series) "), "\(series)")
        }
    }
}

@Suite("Command line of the collector")
struct CollectorCommandTests {
    @Test("defaults are metrics-server's")
    func defaults() throws {
        let command = try CollectorCommand.parse([])
        #expect(command.kubelets.metricResolution == GoDuration(seconds: 60))
        #expect(command.kubelets.kubeletRequestTimeout == GoDuration(seconds: 10))
        #expect(command.kubelets.kubeletPort == 10250 && !command.kubelets.summary)
        #expect(
            command.kubelets.addressing.preferredTypes == [
                "Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP",
            ])
        #expect(command.serving.address == HTTPAddress(host: "0.0.0.0", port: 443))
    }

    @Test("the flags of metrics-server's own manifest are taken")
    func manifest() throws {
        let command = try CollectorCommand.parse([
            "--cert-dir=/tmp", "--secure-port=10250",
            "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
            "--kubelet-use-node-status-port", "--metric-resolution=15s", "--kubelet-insecure-tls", "-v", "2",
        ])
        #expect(command.kubelets.kubeletUseNodeStatusPort && command.kubelets.kubeletInsecureTls)
        #expect(command.serving.securePort == 10250)
    }

    @Test(
        "contradictions and nonsense are refused",
        arguments: [
            ["--metric-resolution=15"], ["--metric-resolution=1ms"], ["--kubelet-port=0"], ["--secure-port=70000"],
            ["--kubelet-client-key=a"], ["--kubelet-insecure-tls", "--kubelet-certificate-authority=a"],
            ["--node-selector=!!x"], ["--kubelet-preferred-address-types=IP"], ["--tls-cert-file=a"],
            ["--kubeconfig=a", "--in-cluster"], ["--kubelet-request-timeout=0s"],
        ])
    func refused(arguments: [String]) {
        #expect(throws: (any Error).self) { try CollectorCommand.parse(arguments) }
    }

    @Test("a certificate that cannot be used is an error that names its file")
    func badCertificate() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("nonsense".utf8), to: "tls.crt")
        let error = #expect(throws: ProcessError.self) {
            try ServingCertificate.configuration(
                certificateFile: folder.path("tls.crt"), keyFile: folder.path("tls.crt"), directory: nil)
        }
        #expect(error?.code == 78 && error?.place?.contains("tls.crt") == true)
        let missing = #expect(throws: ProcessError.self) {
            try ServingCertificate.configuration(
                certificateFile: "/missing.crt", keyFile: "/missing.key", directory: nil)
        }
        #expect(missing?.place == "/missing.crt")
    }
}
