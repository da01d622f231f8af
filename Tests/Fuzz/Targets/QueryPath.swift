import Logging
import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import TestSupport

@testable import Frontend

/// A server's whole query path without sockets: a Corefile with every directive that answers, and a small cluster.
final class QueryPath {
    private let folder: TemporaryFolder
    let runner: ChainRunner
    private let plan: WorkerPlan
    var server: WorkerServer { plan.servers[0] }
    let memory = ScratchMemory(count: 65_535)

    /// Upstreams that were asked since `answer` began.
    private(set) var asked = 0

    /// - Parameter corefile: nil for one with every directive that answers.
    init(_ corefile: String? = nil) throws {
        folder = try TemporaryFolder()
        let path = folder.path("table")
        let writer = try TableWriter(
            path: path, identity: "fuzz", now: 1, sizing: .init(bucketCount: 64, capacity: 1 << 20))
        try Self.fill(writer)
        let corefile =
            corefile ?? """
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
        let serving = try ServingPlan(
            configuration, metrics: metrics, logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
        plan = WorkerPlan(serving, metrics: metrics, logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }, thread: 0)
        runner = ChainRunner(table: TableSlot(path: path))
        runner.bench.refreshTable()
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
    ///
    /// - Parameter began: when the packet came, by the monotonic clock.
    func answer(
        _ packet: [UInt8], _ transport: QueryTransport, upstream: [UInt8], began: Instant = 0
    ) throws(PropertyFailure) -> [UInt8]? {
        asked = 0
        let none = Descriptor(-1)
        let address = SocketAddress(address: .v4(0x7F00_0001), port: 53)
        let path = ReplyPath.slot(0, Listener(address: address, datagrams: none, streams: none, server: server))
        // Safe: the memory lives as long as this object, for this and each further run.
        var resolution = unsafe runner.run(packet.span, transport: transport, path, on: server, began: began, into: memory.buffer)
        // Each round adds one upstream's answer; a query that goes on asking would hang a client.
        for _ in 0..<(2 * ChainRunner.deepest + 2) {
            switch resolution {
            case .silence: return nil
            case .answer(let count): return memory.bytes(count)
            case .waiting:
                guard let exchange = runner.pending else { throw PropertyFailure("the query waits for nothing") }
                asked += 1
                let reply: Reply = Workbench.isReadable(upstream.span) ? .message(upstream) : .failed("unreadable")
                // Safe: as above.
                resolution = unsafe runner.resume(exchange, reply, into: memory.buffer)
            }
        }
        throw PropertyFailure("the query asks upstreams without end")
    }
}
