import MizzenSystem
import Names
import ProcessRuntime
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

/// `k8s_external` over sockets. What CoreDNS answered is in Tests/Fixtures/dns-cases/k8s-external.
@Suite("k8s_external", .serialized)
struct ExternalServicesTests {
    private static func cluster(unsynced: Set<String> = []) throws -> SketchedCluster {
        let http = PortRecord(name: "http", protocol: .tcp, number: 80)
        return try SketchedCluster(unsynced: unsynced) { (writer) throws(TableError) in
            try writer.upsert(NamespaceRecord(name: "shop"))
            try writer.upsert(
                ServiceRecord(
                    namespace: "shop", name: "lb", kind: .clusterIP, clusterIPs: [.v4(0x0A60_0001)],
                    externalIPs: [.v4(0xC000_0207), .v6(high: 0x2001_0DB8 << 32, low: 7)], ingressNames: ["one.example.com"],
                    ports: [http, PortRecord(name: "dns", protocol: .udp, number: 53)]))
            try writer.upsert(
                ServiceRecord(namespace: "shop", name: "plain", kind: .clusterIP, clusterIPs: [.v4(0x0A60_0002)], ports: [http]))
            try writer.upsert(ServiceRecord(namespace: "shop", name: "db", kind: .headless, ports: [http]))
            try writer.upsert(
                EndpointSliceRecord(
                    namespace: "shop", name: "db-1", service: "db", addressType: .ipv4, ports: [http],
                    endpoints: [
                        EndpointRecord(addresses: [.v4(0x0A01_0001)], hostname: "db-0"), EndpointRecord(addresses: [.v4(0x0A01_0002)]),
                        EndpointRecord(addresses: [.v4(0x0A01_0003)], isReady: false),
                    ]))
        }
    }

    private func frontend(
        _ cluster: SketchedCluster, _ options: String = "", zones: String = "ext.test", _ upstream: TestUpstream
    ) async throws -> RunningFrontend {
        try await RunningFrontend(
            """
            .:0 {
             bind 127.0.0.1
             kubernetes cluster.local {
              ttl 9
             }
             k8s_external \(zones) {
              ttl 17
              \(options)
             }
             forward . \(upstream.address)
            }
            """, table: cluster.table.path)
    }

    private func ask(_ frontend: RunningFrontend, _ name: String, _ type: RecordType) async throws -> MessageText {
        let address = frontend.address
        return try MessageText(
            try await onThread { try TestClient.ask(try TestPacket.query(name, type, advertisedSize: 1232), address) })
    }

    private static let soa = "ext.test. 17 IN SOA ns1.dns.ext.test. hostmaster.dns.ext.test. SERIAL 7200 1800 86400 17"

    @Test("a service has its external addresses, and what its load balancer's name leads to")
    func addresses() async throws {
        let upstream = try TestUpstream(ForwardTests.zone)
        let cluster = try Self.cluster()
        let frontend = try await frontend(cluster, "", upstream)
        let v4 = try await ask(frontend, "lb.shop.ext.test", .a)
        #expect(
            v4.answer == [
                "lb.shop.ext.test. 17 IN A 192.0.2.7", "lb.shop.ext.test. 9 IN CNAME one.example.com.",
                "one.example.com. 300 IN A 192.0.2.1",
            ])
        #expect(v4.flags == "QR AA RD" && v4.authority.isEmpty)
        #expect(
            try await ask(frontend, "lb.shop.ext.test", .aaaa).answer == [
                "lb.shop.ext.test. 17 IN AAAA 2001:db8::7", "lb.shop.ext.test. 9 IN CNAME one.example.com.",
            ])
        #expect(upstream.questions == ["udp one.example.com. A", "udp one.example.com. AAAA"])
        let service = try await ask(frontend, "_dns._udp.lb.shop.ext.test", .srv)
        #expect(
            service.answer == [
                "_dns._udp.lb.shop.ext.test. 9 IN SRV 0 33 53 lb.shop.ext.test.",
                "_dns._udp.lb.shop.ext.test. 9 IN SRV 0 33 53 one.example.com.",
            ])
        #expect(
            service.additional == [
                "lb.shop.ext.test. 17 IN A 192.0.2.7", "lb.shop.ext.test. 17 IN AAAA 2001:db8::7", "one.example.com. 300 IN A 192.0.2.1",
            ])
        for name in ["plain.shop.ext.test", "db.shop.ext.test", "x.y.z.lb.shop.ext.test", "_none._udp.lb.shop.ext.test", "nope.ext.test"] {
            let denied = try await ask(frontend, name, .a)
            #expect(denied.code == "NXDOMAIN" && denied.authority == [Self.soa], "\(name)")
        }
        for (name, type) in [("shop.ext.test", RecordType.a), ("lb.shop.ext.test", .txt), ("ext.test", .a)] {
            let empty = try await ask(frontend, name, type)
            #expect(empty.code == "NOERROR" && empty.answer.isEmpty && empty.authority == [Self.soa], "\(name)")
        }
        upstream.stop()
        try await frontend.stop()
    }

    @Test("headless services have their ready endpoints, each with a name")
    func headless() async throws {
        let upstream = try TestUpstream(ForwardTests.zone)
        let cluster = try Self.cluster()
        let frontend = try await frontend(cluster, "headless", upstream)
        #expect(
            try await ask(frontend, "db.shop.ext.test", .a).answer == [
                "db.shop.ext.test. 17 IN A 10.1.0.1", "db.shop.ext.test. 17 IN A 10.1.0.2",
            ])
        #expect(try await ask(frontend, "db-0.db.shop.ext.test", .a).answer == ["db-0.db.shop.ext.test. 17 IN A 10.1.0.1"])
        #expect(try await ask(frontend, "10-1-0-2.db.shop.ext.test", .a).answer == ["10-1-0-2.db.shop.ext.test. 17 IN A 10.1.0.2"])
        #expect(try await ask(frontend, "10-1-0-3.db.shop.ext.test", .a).code == "NXDOMAIN")
        let service = try await ask(frontend, "db.shop.ext.test", .srv)
        #expect(
            service.answer == [
                "db.shop.ext.test. 9 IN SRV 0 50 80 10-1-0-2.db.shop.ext.test.",
                "db.shop.ext.test. 9 IN SRV 0 50 80 db-0.db.shop.ext.test.",
            ])
        #expect(
            service.additional == ["10-1-0-2.db.shop.ext.test. 17 IN A 10.1.0.2", "db-0.db.shop.ext.test. 17 IN A 10.1.0.1"])
        upstream.stop()
        try await frontend.stop()
    }

    @Test("the zone's name servers stand below the apex's label")
    func apex() async throws {
        let upstream = try TestUpstream(ForwardTests.zone)
        let cluster = try Self.cluster()
        let frontend = try await frontend(cluster, "apex ns-ext", upstream)
        let servers = try await ask(frontend, "ext.test", .ns)
        #expect(servers.answer == ["ext.test. 17 IN NS ns1.ns-ext.ext.test."])
        let soa = Self.soa.replacing(".dns.", with: ".ns-ext.")
        #expect(try await ask(frontend, "ext.test", .soa).answer == [soa])
        #expect(try await ask(frontend, "ns-ext.ext.test", .a).authority == [soa])
        #expect(try await ask(frontend, "ns1.ns-ext.ext.test", .a).code == "NOERROR")
        #expect(try await ask(frontend, "ns2.ns-ext.ext.test", .a).code == "NXDOMAIN")
        #expect(try await ask(frontend, "ext.test", .axfr).code == "REFUSED")
        upstream.stop()
        try await frontend.stop()
    }

    @Test("an external address's name is its service's, in the first zone")
    func reverse() async throws {
        let upstream = try TestUpstream(ForwardTests.zone)
        let cluster = try Self.cluster()
        let frontend = try await frontend(cluster, zones: "ext.test in-addr.arpa", upstream)
        #expect(
            try await ask(frontend, "7.2.0.192.in-addr.arpa", .ptr).answer == ["7.2.0.192.in-addr.arpa. 17 IN PTR lb.shop.ext.test."])
        #expect(try await ask(frontend, "1.0.96.10.in-addr.arpa", .ptr).code == "NXDOMAIN")
        upstream.stop()
        try await frontend.stop()
    }

    @Test("names that do not exist go on under fallthrough, and nothing is denied before its list is complete")
    func denials() async throws {
        let upstream = try TestUpstream("ext.test. 300 SOA ns.ext.test. host.ext.test. 1 2 3 4 60\nweb.ext.test. 300 A 192.0.2.80")
        let cluster = try Self.cluster()
        let frontend = try await frontend(cluster, "fallthrough", upstream)
        #expect(try await ask(frontend, "web.ext.test", .a).answer == ["web.ext.test. 300 IN A 192.0.2.80"])
        #expect(try await ask(frontend, "ns2.dns.ext.test", .a).authority == [Self.soa])
        try await frontend.stop()
        let young = try Self.cluster(unsynced: ["services"])
        let other = try await self.frontend(young, "fallthrough", upstream)
        #expect(try await ask(other, "web.ext.test", .a).code == "SERVFAIL")
        #expect(try await ask(other, "lb.shop.ext.test", .a).code == "NOERROR")
        upstream.stop()
        try await other.stop()
    }

    @Test("it needs kubernetes in its block, and an apex of one label")
    func mistakes() async throws {
        do {
            _ = try await RunningFrontend(".:0 {\n bind 127.0.0.1\n k8s_external ext.test\n}")
            Issue.record("it started")
        } catch let error as ProcessError {
            #expect(error.code == 78)
            #expect("\(error)".contains("k8s_external: expected 'kubernetes' in the same block"))
        }
        #expect(
            mistake(of: ExternalServicesSettings.row, "k8s_external a.test {\n apex a.b\n}")
                == "Corefile:3: k8s_external: apex: expected one label, like dns, found 'a.b'")
        let plain = try settings(of: ExternalServicesSettings.row, "k8s_external", zones: ["z.test"])[0]
        #expect(plain.zones.map(\.text) == ["z.test."] && plain.timeToLive == 5 && plain.apex == "dns")
        #expect(plain.needed == [.namespaces, .services])
    }
}
