import AccessReview
import DeltaStream
import KubernetesObjects
import Logging
import Names
import ProcessRuntime

@testable import Collector

extension FuzzTarget {
    /// The input is the path of a request, a question mark and its query, a line end and its Accept header. There is always an answer, as long
    /// as it says; JSON is JSON; and nobody sees more than what the API server was asked about: only pods of the namespace, and of the name,
    /// that the review names, and no list of metrics under a path that is none.
    static let metricsRequest = FuzzTarget(name: "metrics-request", longestInput: 500) { input throws(PropertyFailure) in
        let lines = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        let address = lines[0].split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        var request = MetricsRequest(method: "GET", path: PercentEncoding.decoded(address[0]))
        if address.count == 2 { request.query = MetricsRequest.parameters(address[1]) }
        if lines.count == 2 { request.accept = String(decoding: lines[1], as: UTF8.self) }
        let target = APITarget(path: request.path)
        let answer = MetricsCluster.shared.api.answered(target, request)
        let body = answer.body
        try expect(body.count == answer.size, "\(body.count) octets, \(answer.size) were said")
        try expect([200, 301, 400, 404, 405, 406, 422].contains(answer.status), "the status is \(answer.status)")
        if answer.contentType.hasPrefix("application/json"), !body.isEmpty {
            do throws(ObjectDecodingError) { _ = try JSONView(body) } catch {
                throw PropertyFailure("no JSON: \(String(decoding: body, as: UTF8.self))")
            }
        }
        let text = String(decoding: body, as: UTF8.self)
        let seen = MetricsCluster.pods.filter { text.contains($0.mark) }
        guard answer.status == 200, !seen.isEmpty else { return }
        guard case .resource(_, _, let resource, let namespace, let name, nil) = target.object(of: request) else {
            throw PropertyFailure("\(request.path) is no resource, and shows \(seen)")
        }
        try expect(resource == "pods", "the review is about \(resource), the answer shows \(seen)")
        for pod in seen {
            try expect(namespace == nil || namespace == pod.namespace, "the review is about \(namespace ?? ""), the answer shows \(pod)")
            try expect(name == nil || name == pod.name, "the review is about \(name ?? ""), the answer shows \(pod)")
        }
    }
}

/// Three pods that are measured, each with a label that nothing else bears.
private struct MetricsCluster {
    struct Pod {
        var namespace: String
        var name: String
        var mark: String
    }

    static let pods = [
        Pod(namespace: "shop", name: "cart", mark: "marked-one"), Pod(namespace: "shop", name: "web", mark: "marked-two"),
        Pod(namespace: "mail", name: "web", mark: "marked-three"),
    ]

    static let shared = MetricsCluster()

    let api: MetricsAPI

    private init() {
        let catalog = ClusterCatalog()
        let store = UsageStore(
            resolution: 15_000_000_000, lifetime: 60_000_000_000, now: { SampleMoment(wall: 0, boot: 0) })
        for pod in Self.pods {
            let object = #"{"metadata":{"labels":{"mark":"\#(pod.mark)"}},"status":{"phase":"Running"}}"#
            catalog.apply(
                Delta(
                    streamID: 1, sequence: 1, change: .added, resource: .pods,
                    identity: ObjectIdentity(namespace: pod.namespace, name: pod.name, uid: pod.mark, resourceVersion: "1"), commitTime: 0,
                    object: EncodedObject(encoding: .json, bytes: Array(object.utf8))))
        }
        for round in Int64(1)...2 {
            let reading = Reading(
                cpuSecondsTotal: Double(round), cpuTime: round * 15_000, memoryWorkingSetBytes: 1024, memoryTime: round * 15_000)
            store.apply(
                NodeSample(
                    node: "node", collector: "fuzz", scrapedAt: round, usage: reading,
                    containers: Self.pods.map {
                        ContainerReading(namespace: $0.namespace, pod: $0.name, container: "main", reading: reading)
                    }))
        }
        let registry = MetricsRegistry()
        let checks = HealthChecks(checks: [.init(name: "ping") { nil }])
        api = MetricsAPI(
            catalog: catalog, store: store, access: OpenAccess(), alwaysAllowedPaths: [], nodeSelector: LabelQuery(), livez: checks,
            readyz: checks, registry: registry, metrics: RequestMetrics(registry),
            freshness: registry.histogram("freshness", help: "", buckets: [1]), port: { 443 }, now: { 60_000_000_000 },
            logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
    }
}
