import Names
import RecordTable
import RecordTableWriter
import Testing

@testable import Frontend

/// Endpoints that share an address or a hostname.
@Suite("Endpoints in several places")
struct SharedEndpointTests {
    private static func slice(_ name: String, _ endpoints: [(host: String, last: UInt32)], port: UInt16 = 80) -> EndpointSliceRecord {
        EndpointSliceRecord(
            namespace: "shop", name: name, service: "web", addressType: .ipv4,
            ports: [PortRecord(name: "http", protocol: .tcp, number: port)],
            endpoints: endpoints.map { EndpointRecord(addresses: [.v4(0x0A01_0000 + $0.last)], hostname: $0.host, podName: $0.host) })
    }

    private func cluster(_ slices: [EndpointSliceRecord]) throws -> SketchedCluster {
        try SketchedCluster { writer throws(TableError) in
            try writer.upsert(NamespaceRecord(name: "shop"))
            try writer.upsert(ServiceRecord(namespace: "shop", name: "web", kind: .headless))
            for slice in slices { try writer.upsert(slice) }
        }
    }

    @Test("two endpoints with one hostname are both answered, in one slice and in two")
    func oneHostname() throws {
        for slices in [
            [Self.slice("a", [("web-0", 1), ("web-0", 2), ("web-1", 3)])],
            [Self.slice("a", [("web-0", 1), ("web-1", 3)]), Self.slice("b", [("web-0", 2)])],
        ] {
            let cluster = try cluster(slices)
            var worker = try cluster.worker()
            #expect(try worker.data("web-0.web.shop.svc.cluster.local", .a) == ["A 10.1.0.1", "A 10.1.0.2"])
            #expect(try worker.data("web-1.web.shop.svc.cluster.local", .a) == ["A 10.1.0.3"])
            let services = try #require(try worker.ask("web.shop.svc.cluster.local", .srv))
            #expect(
                services.additional.map { String($0.split(separator: " ").last ?? "") }.sorted() == ["10.1.0.1", "10.1.0.2", "10.1.0.3"])
        }
    }

    @Test("an endpoint that is in two slices, as while it moves, is answered once")
    func twoSlices() throws {
        let cluster = try cluster([Self.slice("a", [("web-0", 1), ("web-1", 2)]), Self.slice("b", [("web-1", 2), ("web-2", 3)])])
        var worker = try cluster.worker()
        #expect(try worker.data("web.shop.svc.cluster.local", .a) == ["A 10.1.0.1", "A 10.1.0.2", "A 10.1.0.3"])
        #expect(try worker.data("web-1.web.shop.svc.cluster.local", .a) == ["A 10.1.0.2"])
        let services = try #require(try worker.ask("_http._tcp.web.shop.svc.cluster.local", .srv))
        #expect(services.answer.count == 3 && services.additional.count == 3)
        #expect(try worker.data("2.0.1.10.in-addr.arpa", .ptr) == ["PTR web-1.web.shop.svc.cluster.local."])
    }
}
