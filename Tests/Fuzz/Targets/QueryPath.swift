import Logging
import Names
import RecordTable
import RecordTableWriter
import TestSupport

@testable import Frontend

/// A server's whole query path without sockets: a Corefile with every directive that answers, and a small cluster.
final class QueryPath {
    private let folder: TemporaryFolder
    let resolver: Resolver
    let server: WorkerServer
    let memory = ScratchMemory(count: 65_535)

    init() throws {
        folder = try TemporaryFolder()
        let path = folder.path("table")
        let writer = try TableWriter(
            path: path, identity: "fuzz", now: 1, sizing: .init(bucketCount: 64, capacity: 1 << 20))
        try Self.fill(writer)
        let corefile = """
            .:5300 {
                bind 127.0.0.1
                hosts {
                    192.0.2.1 host.test
                    fallthrough
                }
                kubernetes cluster.local 10.in-addr.arpa {
                    pods insecure
                    fallthrough in-addr.arpa
                }
                forward . 192.0.2.53
            }
            """
        let configuration = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
        let metrics = FrontendMetrics()
        let plan = try ServingPlan(
            configuration, metrics: metrics, logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
        server = WorkerServer(
            plan.servers[0], blocks: plan.blocks.map { WorkerBlock($0) }, blockPlans: plan.blocks, metrics: metrics, thread: 0)
        resolver = Resolver(table: TableSlot(path: path))
        resolver.refreshTable()
    }

    /// Services of each kind, one of them with more endpoints than a UDP answer has room for.
    static func fill(_ writer: TableWriter) throws(TableError) {
        try writer.upsert(NamespaceRecord(name: "default"))
        try writer.upsert(
            ServiceRecord(
                namespace: "default", name: "web", kind: .clusterIP, clusterIPs: [.v4(0x0A00_0001), .v6(high: 1, low: 2)],
                ports: [PortRecord(name: "http", protocol: .tcp, number: 80)], labels: ["a": "b"]))
        try writer.upsert(ServiceRecord(namespace: "default", name: "db", kind: .headless))
        try writer.upsert(
            ServiceRecord(namespace: "default", name: "out", kind: .externalName, externalName: "example.org"))
        try writer.upsert(
            ServiceRecord(
                namespace: "default", name: "loop", kind: .externalName, externalName: "loop.default.svc.cluster.local"))
        try writer.upsert(
            EndpointSliceRecord(
                namespace: "default", name: "db-1", service: "db", addressType: .ipv4,
                ports: [PortRecord(name: "sql", protocol: .tcp, number: 5432)],
                endpoints: (0..<60).map { number in
                    EndpointRecord(addresses: [.v4(0x0A01_0000 + number)], hostname: number < 5 ? "db-\(number)" : "")
                }))
        try writer.upsert(
            PodRecord(namespace: "default", name: "p", uid: "u", addresses: [.v4(0x0A01_0001)], labels: ["app": "db"]))
        for resource in ["namespaces", "services", "endpointslices", "pods"] {
            writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1_000_000_000)
        }
        writer.beat(now: 1_000_000_000)
    }

    /// The answer to `packet`; every upstream answers with `upstream`. Nil for silence.
    func answer(_ packet: [UInt8], _ transport: QueryTransport, upstream: [UInt8]) throws(PropertyFailure) -> [UInt8]? {
        resolver.known = []
        // Each round adds one upstream's answer; a query that goes on asking would hang a client.
        for _ in 0..<(2 * Resolver.deepest + 2) {
            // Safe: the memory lives as long as this object.
            switch unsafe resolver.run(packet.span, transport: transport, on: server, into: memory.buffer) {
            case .silence: return nil
            case .answer(let count): return memory.bytes(count)
            case .forward(let depth, let handler):
                if depth > 0 { _ = resolver.question(atDepth: depth) }
                resolver.known.append(UpstreamAnswer(depth: depth, handler: handler, result: .message(upstream)))
            }
        }
        throw PropertyFailure("the query asks upstreams without end")
    }
}
