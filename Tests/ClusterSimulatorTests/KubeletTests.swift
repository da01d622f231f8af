import ClusterSimulator
import KubernetesObjects
import Synchronization
import Testing

@Suite("Kubelets")
struct KubeletTests {
    private func address(_ simulator: ClusterSimulator, _ node: String) throws -> String {
        let status = try simulator.get(.nodes, name: node)?["status"]
        let port = status?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"]?.integer ?? 0
        #expect(status?["addresses"]?.array?.first == ["type": "InternalIP", "address": "127.0.0.1"])
        return "https://127.0.0.1:\(port)"
    }

    private func cpuSeconds(_ exposition: [UInt8]) -> Double {
        String(decoding: exposition, as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix("container_cpu_usage_seconds_total{") }
            .compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Double($0) } }.reduce(0, +)
    }

    @Test("counters grow with the clock, for callers with credentials only")
    func simulated() async throws {
        let seconds = ManualClock(1_800_000_000)
        var configuration = ClusterSimulator.Configuration(
            generated: .init(services: 2, pods: 6, nodes: 2), kubelets: .simulated)
        configuration.clock = { Instant(secondsSinceEpoch: seconds.value) }
        try await SimulatorClient.with(configuration) { api in
            let base = try address(api.simulator, "node-1")
            #expect(try await api.send(.get, "/metrics/resource", token: nil, base: base).status == 401)
            #expect(try await api.send(.get, "/metrics/resource", token: "wrong", base: base).status == 401)
            let first = try await api.send(.get, "/metrics/resource", base: base)
            #expect(first.status == 200)
            seconds.advance(by: 60)
            let second = try await api.send(.get, "/metrics/resource", base: base)
            #expect(cpuSeconds(second.body) > cpuSeconds(first.body))
            #expect(cpuSeconds(second.body) - cpuSeconds(first.body) < 60)
        }
    }

    @Test("a summary speaks of the same pods as the metrics, with their volumes and claims")
    func summary() async throws {
        let seconds = ManualClock(1_800_000_000)
        var configuration = ClusterSimulator.Configuration(
            generated: .init(services: 2, pods: 6, nodes: 2), kubelets: .simulated)
        configuration.clock = { Instant(secondsSinceEpoch: seconds.value) }
        try await SimulatorClient.with(configuration) { api in
            try api.simulator.apply(
                yaml: """
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: shop-0, namespace: shop}
                    spec:
                      nodeName: node-1
                      containers: [{name: app, image: a}]
                      volumes: [{name: data, persistentVolumeClaim: {claimName: data-0}}, {name: tmp, emptyDir: {}}]
                    """)
            let base = try address(api.simulator, "node-1")
            #expect(try await api.send(.get, "/stats/summary", token: nil, base: base).status == 401)
            let first = try await api.send(.get, "/stats/summary", base: base).tree
            let pods = first["pods"]?.array ?? []
            let running = try api.simulator.list(.pods).filter {
                $0["spec"]?["nodeName"] == "node-1" && $0["status"]?["phase"] == "Running"
            }
            #expect(pods.count == running.count && pods.count > 1)
            let shop = try #require(pods.first { $0["podRef"]?["name"] == "shop-0" })
            #expect(shop["volume"]?.array?.map { $0["pvcRef"]?["name"] } == ["data-0", nil])
            #expect(shop["containers"]?.array?.first?["rootfs"]?["usedBytes"]?.integer != nil)
            seconds.advance(by: 60)
            let second = try await api.send(.get, "/stats/summary", base: base).tree
            let received = { (tree: JSONValue) in tree["node"]?["network"]?["rxBytes"]?.integer ?? 0 }
            #expect(received(second) > received(first))
        }
    }

    @Test("a kubelet fails as a plan says, at one path and not at the other")
    func faults() async throws {
        try await SimulatorClient.with(.init(generated: .init(services: 1, pods: 2, nodes: 1), kubelets: .simulated)) { api in
            let base = try address(api.simulator, "node-0")
            func status(_ path: String) async throws -> Int { try await api.send(.get, path, base: base).status }
            let plan = "faults: [{kind: status, code: 404, kubelet: summary, count: 1}]"
            #expect(try await api.send(.post, "/simulator/faults", body: plan).status == 200)
            #expect(try await status("/metrics/resource") == 200)
            #expect(try await status("/stats/summary") == 404)
            #expect(try await status("/stats/summary") == 200)
            let report = try await api.send(.get, "/simulator/faults").tree
            #expect(report["faults"]?.array?.first?["hits"]?.integer == 1)
            #expect(report["kubelets"] == [["path": "/metrics/resource", "count": 1], ["path": "/stats/summary", "count": 2]])
        }
    }

    @Test("nodes that are added later get a kubelet too")
    func laterNodes() async throws {
        try await SimulatorClient.with(.init(kubelets: .simulated)) { api in
            let path = "/api/v1/nodes?watch=1&timeoutSeconds=60&resourceVersion=\(api.simulator.resourceVersion)"
            let events = try await api.events(path, count: 3) {
                try api.simulator.apply(yaml: "apiVersion: v1\nkind: Node\nmetadata: {name: late}\n")
            }
            #expect(events.last?["object"]?["status"]?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"] != 10250)
            let base = try address(api.simulator, "late")
            #expect(try await api.send(.get, "/metrics/resource", base: base).status == 200)
        }
    }
}

/// Seconds that stand still until told.
private final class ManualClock: Sendable {
    private let seconds: Mutex<Int64>

    init(_ seconds: Int64) { self.seconds = Mutex(seconds) }

    var value: Int64 { seconds.withLock { $0 } }

    func advance(by count: Int64) { seconds.withLock { $0 += count } }
}
