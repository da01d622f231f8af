import ClusterSimulator
import DeltaStream
import KubernetesObjects
import Logging
import Names
import ProcessRuntime
import Synchronization
import TestSupport
import Testing

@testable import Collector

/// Kubelets behind TLS that give their summary, or do not.
@Suite("Requests for summaries", .timeLimit(.minutes(1)))
struct SummaryRequestTests {
    /// A simulated node, and a client of its kubelet.
    private struct Bench {
        var cluster: ClusterSimulator
        var client: KubeletClient
        var node: CatalogNode

        var cpu: Double? { get async { await client.scrape(node, collector: "c", now: 1).sample.usage?.cpuSecondsTotal } }
    }

    private func with(timeout: Duration = .seconds(10), _ body: (Bench) async throws -> Void) async throws {
        let cluster = ClusterSimulator(.init(generated: .init(services: 2, pods: 6, nodes: 1), kubelets: .simulated))
        try await cluster.start()
        let port = try cluster.list(.nodes).first?["status"]?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"]?.integer
        let connections = KubeletConnections(idle: .seconds(60))
        let token = cluster.configuration.token
        let encryption = KubeletEncryption(
            context: try KubeletTrust.context(), contextGeneration: 1, trust: CertificateTrust(authorities: .anyone, generation: 1))
        let client = KubeletClient(
            connections: connections,
            addressing: KubeletAddressing(preferredTypes: ["InternalIP"], port: 10250, usesNodeStatusPort: true, isEncrypted: true),
            timeout: timeout,
            credentials: { _ in KubeletCredentials(authorization: "Bearer \(token)", encryption: encryption) })
        let node = CatalogNode(
            uid: "u", name: "node-0", labels: [:], addresses: [.init(type: "InternalIP", address: "127.0.0.1")],
            kubeletPort: Int(try #require(port)), isReady: true)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(Bench(cluster: cluster, client: client, node: node)))
        } catch {
            result = .failure(error)
        }
        await connections.shutdown()
        await cluster.stop()
        try result.get()
    }

    /// As much as ``Fault/Kind/huge``, without saying so before.
    private static let poured: Fault = {
        var fault = Fault(.huge, kubelet: .summary)
        fault.isChunked = true
        return fault
    }()

    @Test("a summary has what the kubelet knows of node, pods, containers and volumes")
    func whole() async throws {
        try await with { bench in
            let outcome = await bench.client.summary(of: bench.node, within: .seconds(10))
            let summary = outcome.summary
            #expect(summary.failure == nil && outcome.badValues == 0 && outcome.bytes > 1000)
            let pods = try bench.cluster.list(.pods).filter { $0["status"]?["phase"] == "Running" }
            #expect(summary.pods.count == pods.count && !pods.isEmpty)
            #expect(summary.network?.interface == "eth0" && summary.fileSystem?.capacityBytes == 100 << 30 && summary.startTime ?? 0 > 1e9)
            #expect(summary.imageFileSystem != nil && summary.containerFileSystem != nil)
            #expect(summary.pods.allSatisfy { !$0.containers.isEmpty && $0.ephemeralStorage != nil && $0.startTime != nil })
        }
    }

    @Test(
        "a kubelet that does not give its summary is said to, whatever it does instead",
        arguments: [
            (Fault(.status, code: 404, kubelet: .summary), "answered 404 Not Found"),
            (Fault(.status, code: 403, kubelet: .summary), "answered 403 Forbidden; allow this collector to get nodes/stats"),
            (Fault(.hang, kubelet: .summary), "the kubelet did not answer in time"),
            (Fault(.garbage, kubelet: .summary), "answered what is no summary: cannot decode an object, at byte 9"),
            (Fault(.cut, kubelet: .summary), ""), (Fault(.disconnect, kubelet: .summary), ""),
            (Fault(.huge, kubelet: .summary), "the kubelet answered more than 16777216 bytes"),
            (poured, "the kubelet answered more than 16777216 bytes"),
        ])
    func faults(fault: Fault, reason: String) async throws {
        try await with { bench in
            bench.cluster.switchboard.switchOn([fault])
            let limit = Duration.milliseconds(fault.kind == .hang ? 300 : 30_000)
            let outcome = await bench.client.summary(of: bench.node, within: limit)
            let failure = try #require(outcome.summary.failure)
            #expect(failure.contains(reason) && outcome.summary == NodeSummary(failure: failure), "\(failure)")
            #expect(await bench.cpu != nil, "CPU and memory are not concerned")
            bench.cluster.switchboard.clear()
            #expect(await bench.client.summary(of: bench.node, within: .seconds(30)).summary.failure == nil)
        }
    }

    @Test("both requests go over one connection, also where the second one is refused")
    func connections() async throws {
        try await with { bench in
            for fault in [nil, Fault(.status, code: 404, kubelet: .summary)] {
                if let fault { bench.cluster.switchboard.switchOn([fault]) }
                for _ in 0..<10 {
                    #expect(await bench.cpu != nil)
                    _ = await bench.client.summary(of: bench.node, within: .seconds(10))
                }
            }
            #expect(bench.cluster.switchboard.requestCount(ofKubelets: .summary) == 20)
            // A second one is opened where the first has not yet come back to the pool.
            #expect(bench.cluster.switchboard.kubeletConnections <= 2)
        }
    }

    @Test("the Metrics API does not wait for a summary, and the stream's sample has it", arguments: [false, true])
    func schedule(hangs: Bool) async throws {
        try await with(timeout: .seconds(50)) { bench in
            if hangs { bench.cluster.switchboard.switchOn([Fault(.hang, kubelet: .summary)]) }
            let catalog = ClusterCatalog()
            let node = EncodedObject(encoding: .json, bytes: try #require(bench.cluster.list(.nodes).first).encoded)
            catalog.apply(
                Delta(
                    streamID: 1, sequence: 1, change: .added, resource: .nodes, identity: try ObjectIdentity(node), commitTime: 0,
                    object: node))
            let (measured, published) = (Promised<NodeSample>(), Promised<NodeSample>())
            let isPublished = Atomic<Bool>(false)
            let registry = MetricsRegistry()
            let schedule = ScrapeSchedule(
                catalog: catalog, client: bench.client, board: ScrapeBoard(.init(interval: 60_000_000_000), random: { 0 }),
                selector: LabelQuery(), collector: "c", metrics: ScrapeMetrics(registry, logger: CapturedCluster.silent),
                summaries: SummaryRequests(registry, logger: CapturedCluster.silent),
                logger: CapturedCluster.silent, measured: { measured.set($0) },
                publish: {
                    isPublished.store(true, ordering: .relaxed)
                    published.set($0)
                }, forget: { _ in })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await schedule.run() }
                let first = try await measured.value
                #expect(first.usage?.cpuSecondsTotal != nil && first.summary == nil)
                if hangs {
                    try await eventually("the summary was asked for") { bench.cluster.switchboard.requestCount(ofKubelets: .summary) == 1 }
                    let isEarly = isPublished.load(ordering: .relaxed)
                    #expect(!isEarly)
                } else {
                    var whole = try await published.value
                    #expect(whole.summary?.pods.isEmpty == false)
                    whole.summary = nil
                    #expect(whole == first)
                }
                group.cancelAll()
            }
        }
    }

    @Test("failures are counted and told once, until there is a summary again")
    func toldOnce() async throws {
        try await with { bench in
            let log = RecordedLog()
            let registry = MetricsRegistry()
            let requests = SummaryRequests(registry, logger: log.logger)
            bench.cluster.switchboard.switchOn([Fault(.status, count: 3, code: 404, kubelet: .summary)])
            for _ in 0..<4 { _ = await requests.ask(bench.client, for: bench.node, within: .seconds(10)) }
            bench.cluster.switchboard.switchOn([Fault(.status, count: 1, code: 500, kubelet: .summary)])
            _ = await requests.ask(bench.client, for: bench.node, within: .seconds(10))
            #expect(log.lines.count { $0.contains("no summary") } == 2 && log.lines.count { $0.contains("a summary again") } == 1)
            let text = String(decoding: registry.render(), as: UTF8.self)
            #expect(text.contains(#"mizzen_collector_stats_requests_total{success="true"} 1"#))
            #expect(text.contains(#"mizzen_collector_stats_requests_total{success="false"} 4"#))
        }
    }

    @Test(
        "summaries are beside the metrics, where a node has them at another place",
        arguments: [
            (nil, "https://127.0.0.1:9/stats/summary"), ("/n1/metrics/resource", "https://127.0.0.1:9/n1/stats/summary"),
            ("n1/metrics/resource", "https://127.0.0.1:9/n1/stats/summary"), ("/odd", "https://127.0.0.1:9/stats/summary"),
        ] as [(String?, String)])
    func place(path: String?, url: String) {
        let node = CatalogNode(
            uid: "u", name: "n1", labels: [:], addresses: [.init(type: "InternalIP", address: "127.0.0.1")], kubeletPort: 9,
            metricsPath: path, isReady: true)
        let addressing = KubeletAddressing(preferredTypes: ["InternalIP"], port: 1, usesNodeStatusPort: true, isEncrypted: true)
        #expect(addressing.summaryURL(of: node)?.description == url)
    }
}
