import Names
import RecordTable
import RecordTableWriter
import Testing

@testable import Frontend

/// What the captured cluster does not show.
@Suite("kubernetes")
struct KubernetesHandlerTests {
    static let http = PortRecord(name: "http", protocol: .tcp, number: 80)

    static func address(_ text: String) -> IPAddress { IPAddress(text) ?? .v4(0) }

    static func endpoint(_ address: String, pod: String = "", zone: String = "", isReady: Bool = true) -> EndpointRecord {
        EndpointRecord(addresses: [self.address(address)], podName: pod, zone: zone, isReady: isReady)
    }

    /// Namespace `shop` with a headless service of three endpoints in two zones, a service and an ExternalName.
    static func shop(_ writer: TableWriter) throws(TableError) {
        try writer.upsert(NamespaceRecord(name: "shop", labels: ["env": "prod"]))
        try writer.upsert(NamespaceRecord(name: "lab", labels: ["env": "test"]))
        try writer.upsert(ServiceRecord(namespace: "shop", name: "db", kind: .headless, ports: [http], labels: ["team": "core"]))
        try writer.upsert(
            EndpointSliceRecord(
                namespace: "shop", name: "db-1", service: "db", addressType: .ipv4, ports: [http],
                endpoints: [
                    endpoint("10.0.0.1", pod: "db-0", zone: "us-1"), endpoint("10.0.0.2", pod: "db-1", zone: "us-1"),
                    endpoint("10.0.0.3", pod: "db-2", zone: "Corp.Example"), endpoint("10.0.0.4", isReady: false),
                ], labels: ["team": "core"]))
        try writer.upsert(
            ServiceRecord(namespace: "shop", name: "web", kind: .clusterIP, clusterIPs: [address("10.96.0.1")], ports: [http]))
        try writer.upsert(
            EndpointSliceRecord(
                namespace: "shop", name: "web-1", service: "web", addressType: .ipv4, ports: [http],
                endpoints: [endpoint("10.0.0.1", pod: "db-0"), endpoint("10.0.1.1", pod: "web-0")]))
        try writer.upsert(
            ServiceRecord(namespace: "shop", name: "idle", kind: .clusterIP, clusterIPs: [address("10.96.0.2")], ports: [http]))
        try writer.upsert(ServiceRecord(namespace: "lab", name: "web", kind: .clusterIP, clusterIPs: [address("10.96.0.3")], ports: [http]))
    }

    // MARK: Topology zones

    @Test(
        "with zonal, pin names one zone's endpoints and prefer falls back to all of them",
        arguments: [
            ("us-1.pin._zone.db.shop.svc.cluster.local", ["A 10.0.0.1", "A 10.0.0.2"]),
            ("corp.example.pin._zone.db.shop.svc.cluster.local", ["A 10.0.0.3"]),
            ("US-1.Pin._zone.db.shop.svc.cluster.local", ["A 10.0.0.1", "A 10.0.0.2"]),
            ("us-9.pin._zone.db.shop.svc.cluster.local", ["NODATA"]),
            ("us-9.prefer._zone.db.shop.svc.cluster.local", ["A 10.0.0.1", "A 10.0.0.2", "A 10.0.0.3"]),
            ("us-1.prefer._zone.db.shop.svc.cluster.local", ["A 10.0.0.1", "A 10.0.0.2"]),
            ("us-1.near._zone.db.shop.svc.cluster.local", ["NXDOMAIN"]),
            ("us-1.pin._zone.web.shop.svc.cluster.local", ["NXDOMAIN"]),
            ("us-1.pin._zone.none.shop.svc.cluster.local", ["NXDOMAIN"]),
        ])
    func zonal(name: String, answer: [String]) throws {
        let cluster = try SketchedCluster(Self.shop)
        var worker = try cluster.worker("zonal")
        #expect(try worker.data(name, .a) == answer)
        var without = try cluster.worker()
        #expect(try without.data(name, .a) == ["NXDOMAIN"])
    }

    @Test("a topology zone's name exists for every type, and has SRV records")
    func zonalTypes() throws {
        var worker = try SketchedCluster(Self.shop).worker("zonal")
        #expect(try worker.data("us-9.pin._zone.db.shop.svc.cluster.local", .txt) == ["NODATA"])
        #expect(try worker.data("us-9.pin._zone.none.shop.svc.cluster.local", .txt) == ["NXDOMAIN"])
        #expect(
            try worker.data("corp.example.pin._zone.db.shop.svc.cluster.local", .srv) == [
                "SRV 0 100 80 10-0-0-3.db.shop.svc.cluster.local."
            ])
    }

    // MARK: Options

    @Test("a selector hides services and slices by the labels that each has itself")
    func labels() throws {
        var worker = try SketchedCluster(Self.shop).worker("labels team=core")
        #expect(try worker.data("db.shop.svc.cluster.local", .a).count == 3)
        #expect(try worker.data("web.shop.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try worker.data("1.0.96.10.in-addr.arpa", .ptr) == ["NXDOMAIN"])
        #expect(try worker.data("1.1.0.10.in-addr.arpa", .ptr) == ["NXDOMAIN"])
        #expect(try worker.data("2.0.0.10.in-addr.arpa", .ptr) == ["PTR 10-0-0-2.db.shop.svc.cluster.local."])
    }

    @Test("a selector for namespaces hides those without the labels; addresses still have names, as in CoreDNS")
    func namespaceLabels() throws {
        var worker = try SketchedCluster(Self.shop).worker("namespace_labels env in (prod, stage)")
        #expect(try worker.data("web.shop.svc.cluster.local", .a) == ["A 10.96.0.1"])
        #expect(try worker.data("web.lab.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try worker.data("lab.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try worker.data("3.0.96.10.in-addr.arpa", .ptr) == ["PTR web.lab.svc.cluster.local."])
    }

    @Test("a list of namespaces hides the others, their addresses too")
    func namespaces() throws {
        var worker = try SketchedCluster(Self.shop).worker("namespaces lab none")
        #expect(try worker.data("web.lab.svc.cluster.local", .a) == ["A 10.96.0.3"])
        #expect(try worker.data("web.shop.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try worker.data("none.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try worker.data("1.0.96.10.in-addr.arpa", .ptr) == ["NXDOMAIN"])
        #expect(try worker.data("2.0.0.10.in-addr.arpa", .ptr) == ["NXDOMAIN"])
    }

    @Test("services without ready endpoints do not exist where they are ignored")
    func emptyServices() throws {
        let cluster = try SketchedCluster(Self.shop)
        var ignoring = try cluster.worker("ignore empty_service")
        var plain = try cluster.worker()
        #expect(try plain.data("idle.shop.svc.cluster.local", .a) == ["A 10.96.0.2"])
        #expect(try ignoring.data("idle.shop.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try ignoring.data("web.shop.svc.cluster.local", .a) == ["A 10.96.0.1"])
    }

    @Test("a service with a port and no address has no records of any type", arguments: [RecordType.a, .aaaa, .srv])
    func noAddress(type: RecordType) throws {
        var worker = try SketchedCluster { (writer) throws(TableError) in
            try Self.shop(writer)
            try writer.upsert(ServiceRecord(namespace: "shop", name: "bare", kind: .clusterIP, ports: [Self.http]))
        }.worker()
        #expect(try worker.data("bare.shop.svc.cluster.local", type) == ["NODATA"])
    }

    @Test("names fall through in the zones that say so, and only there")
    func fallsThrough() throws {
        var worker = try SketchedCluster(Self.shop).worker("fallthrough in-addr.arpa")
        #expect(try worker.data("9.9.9.9.in-addr.arpa", .ptr) == ["passed on"])
        #expect(try worker.data("nothere.shop.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try worker.data("example.org", .a) == ["passed on"])
    }

    @Test(
        "insecure pods have the address that they spell",
        arguments: [
            ("10-9-8-7.shop.pod.cluster.local", RecordType.a, ["A 10.9.8.7"]),
            ("10-9-8-7.shop.pod.cluster.local", .aaaa, ["NODATA"]),
            ("fd00--1.shop.pod.cluster.local", .aaaa, ["AAAA fd00::1"]),
            ("--1.shop.pod.cluster.local", .aaaa, ["AAAA ::1"]),
            ("--ffff-a00-1.shop.pod.cluster.local", .a, ["A 10.0.0.1"]),
            ("10-9-8.shop.pod.cluster.local", .a, ["NXDOMAIN"]), ("10-9-8-256.shop.pod.cluster.local", .a, ["NXDOMAIN"]),
            ("10-9-8-07.shop.pod.cluster.local", .a, ["NXDOMAIN"]), ("1---2.shop.pod.cluster.local", .aaaa, ["NXDOMAIN"]),
            ("10-9-8-7.nope.pod.cluster.local", .a, ["NXDOMAIN"]), ("shop.pod.cluster.local", .a, ["NODATA"]),
        ])
    func insecurePods(name: String, type: RecordType, answer: [String]) throws {
        var worker = try SketchedCluster(Self.shop).worker("pods insecure")
        #expect(try worker.data(name, type) == answer)
    }

    // MARK: Endpoints' names

    @Test("an endpoint is named after its pod unless that is no label, and a pod's name may have dots")
    func podNames() throws {
        let long = String(repeating: "p", count: 64)
        let cluster = try SketchedCluster { (writer) throws(TableError) in
            try Self.shop(writer)
            try writer.upsert(
                EndpointSliceRecord(
                    namespace: "shop", name: "db-2", service: "db", addressType: .ipv6, ports: [Self.http],
                    endpoints: [Self.endpoint("fd00:1::", pod: long), Self.endpoint("fd00::2", pod: "db.two")]))
        }
        var worker = try cluster.worker("endpoint_pod_names")
        #expect(try worker.data("db-0.db.shop.svc.cluster.local", .a) == ["A 10.0.0.1"])
        #expect(try worker.data("10-0-0-1.db.shop.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try worker.data("fd00-1--0.db.shop.svc.cluster.local", .aaaa) == ["AAAA fd00:1::"])
        #expect(try worker.data("fd00-1--.db.shop.svc.cluster.local", .aaaa) == ["NXDOMAIN"])
        let services = try worker.data("db.shop.svc.cluster.local", .srv)
        #expect(services.contains("SRV 0 20 80 db.two.db.shop.svc.cluster.local."))
        #expect(services.contains("SRV 0 20 80 fd00-1--0.db.shop.svc.cluster.local."))
    }

    @Test("an address of several services' endpoints has a name in each; one of no service has none")
    func reverse() throws {
        let cluster = try SketchedCluster { (writer) throws(TableError) in
            try Self.shop(writer)
            try writer.upsert(
                EndpointSliceRecord(
                    namespace: "shop", name: "orphan", service: "", addressType: .ipv4, ports: [Self.http],
                    endpoints: [Self.endpoint("10.0.0.2"), Self.endpoint("10.0.0.9")]))
        }
        var worker = try cluster.worker()
        #expect(
            try worker.data("1.0.0.10.in-addr.arpa", .ptr) == [
                "PTR 10-0-0-1.db.shop.svc.cluster.local.", "PTR 10-0-0-1.web.shop.svc.cluster.local.",
            ])
        #expect(try worker.data("2.0.0.10.in-addr.arpa", .ptr) == ["PTR 10-0-0-2.db.shop.svc.cluster.local."])
        #expect(try worker.data("9.0.0.10.in-addr.arpa", .ptr) == ["NXDOMAIN"])
        #expect(try worker.data("4.0.0.10.in-addr.arpa", .ptr) == ["NXDOMAIN"])
    }

    @Test("an underscore alone stands for any port or protocol")
    func wildcards() throws {
        var worker = try SketchedCluster(Self.shop).worker()
        let wanted = ["SRV 0 100 80 web.shop.svc.cluster.local."]
        #expect(try worker.data("_http._tcp.web.shop.svc.cluster.local", .srv) == wanted)
        #expect(try worker.data("_._.web.shop.svc.cluster.local", .srv) == wanted)
        #expect(try worker.data("http.tcp.web.shop.svc.cluster.local", .srv) == wanted)
        #expect(try worker.data("_http._udp.web.shop.svc.cluster.local", .srv) == ["NXDOMAIN"])
        #expect(try worker.data("*.*.web.shop.svc.cluster.local", .srv) == ["NXDOMAIN"])
    }

    // MARK: The table's state

    @Test("without a table the server fails rather than deny a name")
    func noTable() throws {
        var worker = TestWorker(try SketchedCluster.handler(""), nil) { _, _ in nil }
        let answer = try worker.ask("web.shop.svc.cluster.local", .a)
        #expect(answer?.code == "SERVFAIL")
        #expect(answer?.authority.count == 1)
    }

    @Test("zone transfers are refused", arguments: [RecordType.axfr, .ixfr])
    func transfers(type: RecordType) throws {
        var worker = try SketchedCluster(Self.shop).worker()
        #expect(try worker.ask("cluster.local", type)?.code == "REFUSED")
        #expect(try worker.ask("cluster.local", type)?.flags == "QR RD")
    }
}
