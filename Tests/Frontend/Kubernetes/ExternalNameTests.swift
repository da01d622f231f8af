import RecordTableWriter
import Names
import RecordTable
import Testing

@testable import Frontend

@Suite("kubernetes: ExternalName")
struct ExternalNameTests {
    private static func cluster(_ targets: [String: String]) throws -> SketchedCluster {
        try SketchedCluster { (writer) throws(TableError) in
            try KubernetesHandlerTests.shop(writer)
            for (name, target) in targets {
                try writer.upsert(
                    ServiceRecord(namespace: "shop", name: name, kind: .externalName, externalName: target))
            }
        }
    }

    @Test("targets in the zone are followed through each other")
    func chain() throws {
        let cluster = try Self.cluster(["a": "b.shop.svc.cluster.local.", "b": "Web.shop.svc.cluster.local"])
        var worker = try cluster.worker()
        #expect(
            try worker.ask("a.shop.svc.cluster.local", .a)?.answer == [
                "Web.shop.svc.cluster.local. 5 IN A 10.96.0.1", "a.shop.svc.cluster.local. 5 IN CNAME b.shop.svc.cluster.local.",
                "b.shop.svc.cluster.local. 5 IN CNAME Web.shop.svc.cluster.local.",
            ])
        #expect(try worker.data("a.shop.svc.cluster.local", .aaaa) == ["NODATA"])
        #expect(try worker.data("a.shop.svc.cluster.local", .cname) == ["CNAME b.shop.svc.cluster.local."])
    }

    @Test(
        "a target that leads nowhere leaves the name without records",
        arguments: ["a.shop.svc.cluster.local", "b.shop.svc.cluster.local", "nothere.shop.svc.cluster.local", "cluster.local"])
    func nowhere(target: String) throws {
        var worker = try Self.cluster(["a": target, "b": "a.shop.svc.cluster.local"]).worker()
        #expect(try worker.data("a.shop.svc.cluster.local", .a) == ["NODATA"])
    }

    @Test("what is no host name does not exist", arguments: ["192.0.2.1", "2001:db8::1", "", "a..b"])
    func noName(target: String) throws {
        var worker = try Self.cluster(["a": target]).worker()
        #expect(try worker.data("a.shop.svc.cluster.local", .a) == ["NXDOMAIN"])
    }

    @Test("nothing is below an ExternalName")
    func below() throws {
        var worker = try Self.cluster(["a": "example.org"]).worker()
        #expect(try worker.data("x.a.shop.svc.cluster.local", .a) == ["NXDOMAIN"])
        #expect(try worker.data("_http._tcp.a.shop.svc.cluster.local", .srv) == ["NXDOMAIN"])
    }

    @Test("other targets are looked up, and the answer's records follow the CNAME")
    func lookUp() throws {
        let cluster = try Self.cluster(["a": "b.shop.svc.cluster.local", "b": "example.org"])
        var asked: [String] = []
        var worker = try cluster.worker { name, type in
            asked.append("\(name) \(type)")
            return ResponseWriterTests.message((try? TestPacket.query(name, type)) ?? []) { query, response in
                response.address(.answer, .question, .v4(0xC000_0201), ttl: 60, of: query)
            }
        }
        #expect(
            try worker.ask("a.shop.svc.cluster.local", .a)?.answer == [
                "a.shop.svc.cluster.local. 5 IN CNAME b.shop.svc.cluster.local.",
                "b.shop.svc.cluster.local. 5 IN CNAME example.org.", "example.org. 60 IN A 192.0.2.1",
            ])
        #expect(asked == ["example.org. A"])
    }

    @Test("an empty answer leaves the CNAME alone, none at all leaves nothing, a cut one sets TC")
    func lookUpFailures() throws {
        let cluster = try Self.cluster(["a": "example.org"])
        var none = try cluster.worker()
        #expect(try none.data("a.shop.svc.cluster.local", .a) == ["NODATA"])
        var refused = try cluster.worker { name, type in
            ResponseWriterTests.message((try? TestPacket.query(name, type)) ?? [], .udp, .refused) { _, _ in }
        }
        #expect(try refused.data("a.shop.svc.cluster.local", .a) == ["CNAME example.org."])
        var cut = try cluster.worker { name, type in
            ResponseWriterTests.message((try? TestPacket.query(name, type)) ?? [], .udp, .truncated) { _, _ in }
        }
        #expect(try cut.ask("a.shop.svc.cluster.local", .a)?.flags == "QR AA TC RD")
        var broken = try cluster.worker { _, _ in [1, 2, 3] }
        #expect(try broken.data("a.shop.svc.cluster.local", .a) == ["NODATA"])
    }
}
