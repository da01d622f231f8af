import AccessReview
import Names
import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import ProcessRuntime

@testable import Collector

/// The captured cluster, its kubelets' scrapes and metrics-server's answers in Tests/Fixtures/cluster-a.
enum CapturedCluster {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/cluster-a")

    static func bytes(_ path: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: path)))
    }

    static func deltas(_ resource: Resource, encoding: ObjectEncoding) throws -> [Delta] {
        let suffix =
            switch encoding {
            case .json: "json"
            case .protobuf: "pb"
            }
        var decoder = ListDecoder(encoding: encoding, resource: resource)
        decoder.append(try bytes("lists/v1_\(resource.plural).\(suffix)"))
        var deltas: [Delta] = []
        while let object = try decoder.next()?.object {
            deltas.append(
                Delta(
                    streamID: 1, sequence: UInt64(deltas.count + 1), change: .added, resource: resource,
                    identity: try ObjectIdentity(object), commitTime: 0, object: object))
        }
        return deltas
    }

    static func catalog(encoding: ObjectEncoding = .protobuf) throws -> ClusterCatalog {
        let catalog = ClusterCatalog()
        for resource in [Resource.nodes, .pods] {
            for delta in try deltas(resource, encoding: encoding) { catalog.apply(delta) }
            catalog.joined(resource, synced: true)
        }
        return catalog
    }

    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func sample(_ node: String, _ text: [UInt8], at time: Int64 = 0) throws -> NodeSample {
        var parser = ResourceMetricsParser(defaultTime: time / 1_000_000)
        try parser.consume(text.span)
        parser.finish()
        return NodeSample(
            node: node, collector: "test", scrapedAt: time, usage: parser.node, containers: parser.containers,
            pods: parser.pods)
    }

    /// The store after both captured scrapes; the kubelet of s1-node-3 answered 500.
    static func store(rounds: ClosedRange<Int> = 1...2) throws -> UsageStore {
        let store = UsageStore(resolution: 15_000_000_000, lifetime: 25_000_000_000, now: { SampleMoment(wall: 2, boot: 2) })
        for round in rounds {
            for node in ["s1-node-0", "s1-node-1", "s1-node-2"] {
                store.apply(try sample(node, bytes("kubelet/\(node).\(round).txt"), at: Int64(round)))
            }
            store.apply(
                NodeSample(node: "s1-node-3", collector: "test", scrapedAt: Int64(round), failure: "answered 500"))
        }
        return store
    }

    /// 2026-11-23T03:37:41Z, when metrics-server answered.
    static let answered: Int64 = 1_795_405_061

    static func api(
        catalog: ClusterCatalog, store: UsageStore, access: any AccessControl = OpenAccess(), delay: Int64 = 0,
        silence: Duration = .zero
    ) -> MetricsAPI {
        let registry = MetricsRegistry()
        let health = CollectorHealth(
            catalog: catalog, store: store, lateAfter: .seconds(60), silence: { silence })
        return MetricsAPI(
            catalog: catalog, store: store, access: access,
            alwaysAllowedPaths: ["/healthz", "/readyz", "/livez"], nodeSelector: LabelQuery(), livez: health.livez,
            readyz: health.readyz, registry: registry, metrics: RequestMetrics(registry),
            freshness: registry.histogram("metrics_server_api_metric_freshness_seconds", help: "Age.", buckets: [1]),
            port: { 14443 }, now: { (answered + delay) * 1_000_000_000 }, logger: silent)
    }
}
