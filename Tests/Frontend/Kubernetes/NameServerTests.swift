import RecordTableWriter
import Names
import RecordTable
import Testing

@testable import Frontend

/// NS at the apex and `ns.dns`: which service leads to this server.
@Suite("kubernetes: name servers")
struct NameServerTests {
    private static let port = PortRecord(name: "dns", protocol: .udp, number: 53)
    private static let local = KubernetesHandlerTests.address("10.0.2.1")

    private static func cluster(_ service: ServiceRecord?) throws -> SketchedCluster {
        try SketchedCluster { (writer) throws(TableError) in
            try writer.upsert(NamespaceRecord(name: "kube-system"))
            guard let service else { return }
            try writer.upsert(service)
            try writer.upsert(
                EndpointSliceRecord(
                    namespace: "kube-system", name: "dns-1", service: service.name, addressType: .ipv4, ports: [port],
                    endpoints: [KubernetesHandlerTests.endpoint("10.0.2.1"), KubernetesHandlerTests.endpoint("10.0.2.2")]))
        }
    }

    @Test("the service in front of this server is the name server, with each of its addresses")
    func service() throws {
        let addresses = [KubernetesHandlerTests.address("10.96.0.10"), KubernetesHandlerTests.address("fd00::a")]
        let cluster = try Self.cluster(
            ServiceRecord(namespace: "kube-system", name: "kube-dns", kind: .clusterIP, clusterIPs: addresses, ports: [Self.port]))
        var worker = try cluster.worker("ttl 7", local: [Self.local])
        let answer = try #require(try worker.ask("Cluster.local", .ns))
        #expect(answer.answer == ["Cluster.local. 7 IN NS kube-dns.kube-system.svc.Cluster.local."])
        #expect(
            answer.additional == [
                "kube-dns.kube-system.svc.Cluster.local. 7 IN A 10.96.0.10",
                "kube-dns.kube-system.svc.Cluster.local. 7 IN AAAA fd00::a",
            ])
        #expect(try worker.data("ns.dns.cluster.local", .a) == ["A 10.96.0.10"])
        #expect(try worker.data("ns.dns.cluster.local", .aaaa) == ["AAAA fd00::a"])
        #expect(try worker.data("ns.dns.cluster.local", .srv) == ["NODATA"])
        #expect(try worker.data("ns.dns.cluster.local", .txt) == ["NXDOMAIN"])
        #expect(try worker.data("x.ns.dns.cluster.local", .a) == ["NXDOMAIN"])
    }

    @Test("behind a headless service every endpoint is a name server")
    func headless() throws {
        let cluster = try Self.cluster(
            ServiceRecord(namespace: "kube-system", name: "dns", kind: .headless, ports: [Self.port]))
        var worker = try cluster.worker(local: [Self.local])
        #expect(
            try worker.data("cluster.local", .ns) == [
                "NS 10-0-2-1.dns.kube-system.svc.cluster.local.", "NS 10-0-2-2.dns.kube-system.svc.cluster.local.",
            ])
        #expect(try worker.data("ns.dns.cluster.local", .a) == ["A 10.0.2.1", "A 10.0.2.2"])
    }

    @Test("without a service this server's own addresses stand under ns.dns")
    func alone() throws {
        var worker = try Self.cluster(nil).worker(local: [Self.local])
        let answer = try #require(try worker.ask("cluster.local", .ns))
        #expect(answer.answer == ["cluster.local. 5 IN NS ns.dns.cluster.local."])
        #expect(answer.additional == ["ns.dns.cluster.local. 5 IN A 10.0.2.1"])
        #expect(try worker.data("ns.dns.in-addr.arpa", .a) == ["A 10.0.2.1"])
    }
}
