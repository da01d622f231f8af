import ArgumentParser
import AsyncHTTPClient
import ClusterSimulator
import DeltaStream
import Foundation
import KubernetesClient
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

/// What a watcher does with what a reflector sees, for tests that need no more of it.
private struct PublishingSink: ReflectorSink {
    let publisher: Publisher
    func listBegan(_ resource: Resource) async { publisher.beginReplace(resource) }
    func upsert(_ object: WatchedObject) async { publisher.upsert(object) }
    func delete(_ object: WatchedObject) async { publisher.delete(object) }
    func listEnded(_ resource: Resource, resourceVersion: String) async {
        publisher.endReplace(resource)
        publisher.markSynced(resource, resourceVersion: resourceVersion)
    }
    func bookmark(_ resource: Resource, resourceVersion: String) async {}
    func undecodable(_ resource: Resource, reason: String) async { Issue.record("\(resource): \(reason)") }
}

/// The collector on a simulated cluster: list and watch, stream, kubelets and reviews are all over sockets.
@Suite("The collector on a simulated cluster", .timeLimit(.minutes(1)))
struct SimulatedClusterTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func get(_ path: String, base: String, token: String?) async throws -> (Int, [UInt8]) {
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = .makeClientConfiguration()
        configuration.tlsConfiguration?.certificateVerification = .none
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var request = HTTPClientRequest(url: base + path)
        request.headers.add(name: "user-agent", value: "curl/8")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        let result: Result<(Int, [UInt8]), any Error>
        do {
            let response = try await http.execute(request, timeout: .seconds(10))
            let body = try await response.body.collect(upTo: 1 << 20)
            result = .success((Int(response.status.code), Array(body.readableBytesView)))
        } catch {
            result = .failure(error)
        }
        try await http.shutdown()
        return try result.get()
    }

    @Test("answers what metrics-server answered, to those whom the API server lets")
    func capturedCluster() async throws {
        let endpoint = { "ipc://\(folder.path($0))" }
        let cluster = ClusterSimulator(.init(load: [CapturedCluster.folder.path], kubelets: .replayed))
        try await cluster.start()
        let client = try APIClient(.kubeconfig(path: cluster.kubeconfigPath), logger: CapturedCluster.silent)
        let publisher = try Publisher(
            deltas: endpoint("deltas"), snapshots: endpoint("snapshots"), store: StreamStore(streamID: 1),
            logger: CapturedCluster.silent)
        let command = try CollectorCommand.parse([
            "--deltas", endpoint("deltas"), "--snapshots", endpoint("snapshots"), "--samples", endpoint("samples"),
            "--kubeconfig", cluster.kubeconfigPath, "--metric-resolution", "300ms",
            "--kubelet-preferred-address-types", "InternalIP", "--kubelet-use-node-status-port",
            "--bind-address", "127.0.0.1", "--secure-port", "0", "--samples-table", "",
        ])
        let address = Promised<HTTPAddress>()
        let parts = try CollectorParts(command, logger: CapturedCluster.silent) { address.set($0) }
        let measuredTwice = Promised<Void>()
        let rounds = Mutex<[String: Int]>([:])
        let samples = try SampleSubscriber(endpoints: [endpoint("samples")], logger: CapturedCluster.silent) { sample in
            let done = rounds.withLock { rounds in
                rounds[sample.node, default: 0] += 1
                return rounds.count == 4 && rounds.values.allSatisfy { $0 >= 2 }
            }
            if done { measuredTwice.set(()) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await publisher.run() }
            group.addTask { try await samples.run() }
            let server = WatchedServer(client, logger: CapturedCluster.silent)
            for resource in [Resource.nodes, .pods] {
                let reflector = Reflector(
                    server: server, resource: resource, sink: PublishingSink(publisher: publisher),
                    logger: CapturedCluster.silent)
                group.addTask { await reflector.run() }
            }
            for service in parts.services { group.addTask { try await service.run() } }
            let base = try await "https://\(address.value)"
            try await measuredTwice.value
            try await checkAnswers(base, token: cluster.configuration.token)
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
        try await parts.shutdown()
        try await client.shutdown()
        await cluster.stop()
    }

    private func checkAnswers(_ base: String, token: String) async throws {
        let nodes = "/apis/metrics.k8s.io/v1beta1/nodes"
        #expect(
            try await get(nodes, base: base, token: nil) == (403, CapturedCluster.bytes("metrics-api/anon.json")))
        #expect(try await get(nodes, base: base, token: "nobody's").0 == 401)
        let (status, body) = try await get(nodes, base: base, token: token)
        #expect(status == 200)
        #expect(try Self.withoutCreation(body) == Self.withoutCreation(CapturedCluster.bytes("metrics-api/nodes.json")))
    }

    private static func withoutCreation(_ bytes: [UInt8]) throws -> String {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { !$0.contains("creationTimestamp") }
            .joined(separator: "\n")
    }
}
