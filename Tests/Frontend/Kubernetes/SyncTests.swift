import Names
import RecordTable
import RecordTableWriter
import Testing

@testable import Frontend

/// A first start: the lists of the cluster's resources end one after the other, the pods' long after the others'.
@Suite("kubernetes: a table that is not whole yet")
struct SyncTests {
    private static func address(_ text: String) -> IPAddress { KubernetesHandlerTests.address(text) }

    /// The shop, without any record of one resource.
    private static func fill(_ writer: TableWriter, without missing: String?) throws(TableError) {
        let http = KubernetesHandlerTests.http
        if missing != "namespaces" { try writer.upsert(NamespaceRecord(name: "shop", labels: ["env": "prod"])) }
        if missing != "services" {
            try writer.upsert(
                ServiceRecord(namespace: "shop", name: "web", kind: .clusterIP, clusterIPs: [address("10.96.0.1")], ports: [http]))
            try writer.upsert(ServiceRecord(namespace: "shop", name: "db", kind: .headless, ports: [http]))
            for (name, target) in [("alias", "db"), ("lost", "new")] {
                try writer.upsert(
                    ServiceRecord(
                        namespace: "shop", name: name, kind: .externalName, externalName: "\(target).shop.svc.cluster.local"))
            }
        }
        if missing != "endpointslices" {
            for (service, endpoint) in [("web", "10.0.1.1"), ("db", "10.0.0.1")] {
                try writer.upsert(
                    EndpointSliceRecord(
                        namespace: "shop", name: "\(service)-1", service: service, addressType: .ipv4, ports: [http],
                        endpoints: [EndpointRecord(addresses: [address(endpoint)], podName: "\(service)-0", zone: "us-1")]))
            }
            try writer.upsert(
                EndpointSliceRecord(
                    namespace: "shop", name: "db-2", service: "db", addressType: .ipv6, ports: [http],
                    endpoints: [EndpointRecord(addresses: [address("fd00::1")], zone: "us-2")]))
        }
        if missing != "pods" {
            try writer.upsert(PodRecord(namespace: "shop", name: "db-0", uid: "u", addresses: [address("10.0.0.1")]))
        }
    }

    /// The options of a block, and what its answers are made of, written down here anew.
    private static let options: [(text: String, needed: Set<String>)] = [
        ("", ["namespaces", "services", "endpointslices"]),
        ("pods insecure", ["namespaces", "services", "endpointslices"]),
        ("pods verified", ["namespaces", "services", "endpointslices", "pods"]),
        ("endpoint_pod_names", ["namespaces", "services", "endpointslices"]),
        ("ignore empty_service", ["namespaces", "services", "endpointslices"]),
        ("zonal", ["namespaces", "services", "endpointslices"]),
        ("noendpoints", ["namespaces", "services"]),
        ("noendpoints\npods verified", ["namespaces", "services", "pods"]),
        ("namespaces shop", ["namespaces", "services", "endpointslices"]),
        ("namespace_labels env=prod", ["namespaces", "services", "endpointslices"]),
        ("labels !canary\npods verified", ["namespaces", "services", "endpointslices", "pods"]),
        ("fallthrough", ["namespaces", "services", "endpointslices"]),
    ]

    /// One for each kind of question.
    private static let questions: [(name: String, type: RecordType)] = [
        ("cluster.local", .soa), ("cluster.local", .a), ("cluster.local", .ns), ("ns.dns.cluster.local", .a),
        ("dns-version.cluster.local", .txt), ("shop.svc.cluster.local", .a), ("gone.svc.cluster.local", .a),
        ("web.shop.svc.cluster.local", .a), ("web.shop.svc.cluster.local", .aaaa), ("web.shop.svc.cluster.local", .srv),
        ("web.shop.svc.cluster.local", .txt), ("web.shop.svc.cluster.local", .mx), ("web.shop.svc.cluster.local", .ptr),
        ("_http._tcp.web.shop.svc.cluster.local", .srv), ("_ftp._tcp.web.shop.svc.cluster.local", .srv),
        ("db.shop.svc.cluster.local", .a), ("db.shop.svc.cluster.local", .aaaa), ("db.shop.svc.cluster.local", .srv),
        ("db.shop.svc.cluster.local", .txt), ("10-0-0-1.db.shop.svc.cluster.local", .a), ("db-0.db.shop.svc.cluster.local", .a),
        ("us-1.pin._zone.db.shop.svc.cluster.local", .a), ("us-9.pin._zone.db.shop.svc.cluster.local", .a),
        ("us-9.prefer._zone.db.shop.svc.cluster.local", .a), ("us-2.pin._zone.db.shop.svc.cluster.local", .aaaa),
        ("alias.shop.svc.cluster.local", .a), ("alias.shop.svc.cluster.local", .aaaa), ("alias.shop.svc.cluster.local", .cname),
        ("lost.shop.svc.cluster.local", .a), ("nothere.shop.svc.cluster.local", .a), ("nothere.shop.svc.cluster.local", .txt),
        ("10-0-0-1.shop.pod.cluster.local", .a), ("10-0-0-1.shop.pod.cluster.local", .aaaa), ("10-9-9-9.shop.pod.cluster.local", .a),
        ("10-0-0-1.gone.pod.cluster.local", .a), ("1.0.96.10.in-addr.arpa", .ptr), ("1.0.0.10.in-addr.arpa", .ptr),
        ("9.9.9.9.in-addr.arpa", .ptr),
    ]

    private static let local = [address("10.0.1.1")]

    @Test(
        "what exists is never denied or passed on while a resource that the options need is not listed",
        arguments: SketchedCluster.resources)
    func existingNames(missing: String) throws {
        let whole = try SketchedCluster { (writer) throws(TableError) in try Self.fill(writer, without: nil) }
        let partial = try SketchedCluster(unsynced: [missing]) { (writer) throws(TableError) in
            try Self.fill(writer, without: missing)
        }
        for option in Self.options {
            var knowing = try whole.worker(option.text, local: Self.local)
            var learning = try partial.worker(option.text, local: Self.local)
            for question in Self.questions {
                let truth = try knowing.data(question.name, question.type)
                let said = try learning.data(question.name, question.type)
                let what = "\(option.text), no \(missing): \(question.name) \(question.type) is \(truth), said \(said)"
                if !option.needed.contains(missing) {
                    #expect(said == truth, "\(what)")
                } else if truth == ["NXDOMAIN"] || truth == ["passed on"] {
                    #expect(said == ["SERVFAIL"], "\(what)")
                } else if truth == ["NODATA"] {
                    #expect(said == truth || said == ["SERVFAIL"], "\(what)")
                } else {
                    #expect(!Self.denials.contains(said), "\(what)")
                }
            }
        }
    }

    private static let denials: Set<[String]> = [["NXDOMAIN"], ["NODATA"], ["passed on"]]

    @Test("records that are there are answered whatever else is not listed yet", arguments: SketchedCluster.resources)
    func records(missing: String) throws {
        let fill = { (writer: TableWriter) throws(TableError) in try Self.fill(writer, without: nil) }
        let whole = try SketchedCluster(fill)
        let unsaid = try SketchedCluster(unsynced: [missing], fill)
        for option in Self.options {
            var knowing = try whole.worker(option.text, local: Self.local)
            var learning = try unsaid.worker(option.text, local: Self.local)
            for question in Self.questions {
                let truth = try knowing.data(question.name, question.type)
                guard !Self.denials.contains(truth) else { continue }
                let said = try learning.data(question.name, question.type)
                #expect(said == truth, "\(option.text), \(missing) not whole: \(question.name) \(question.type)")
            }
        }
    }

    /// The failures by name: the loops above would pass a server that fails always.
    @Test(
        "a name fails only where what is missing could be its own",
        arguments: [
            ("pods", "pods verified", "10-0-0-1.shop.pod.cluster.local", RecordType.a, ["SERVFAIL"]),
            ("pods", "pods insecure", "10-0-0-1.shop.pod.cluster.local", .a, ["A 10.0.0.1"]),
            ("pods", "pods verified", "nothere.shop.svc.cluster.local", .a, ["SERVFAIL"]),
            ("pods", "", "nothere.shop.svc.cluster.local", .a, ["NXDOMAIN"]),
            ("pods", "pods verified", "web.shop.svc.cluster.local", .a, ["A 10.96.0.1"]),
            ("endpointslices", "", "web.shop.svc.cluster.local", .a, ["A 10.96.0.1"]),
            ("endpointslices", "", "web.shop.svc.cluster.local", .aaaa, ["NODATA"]),
            ("endpointslices", "ignore empty_service", "web.shop.svc.cluster.local", .a, ["SERVFAIL"]),
            ("endpointslices", "", "db.shop.svc.cluster.local", .a, ["SERVFAIL"]),
            ("endpointslices", "zonal", "us-1.pin._zone.db.shop.svc.cluster.local", .a, ["SERVFAIL"]),
            ("endpointslices", "noendpoints", "nothere.shop.svc.cluster.local", .a, ["NXDOMAIN"]),
            ("endpointslices", "", "alias.shop.svc.cluster.local", .a, ["SERVFAIL"]),
            ("endpointslices", "", "alias.shop.svc.cluster.local", .cname, ["CNAME db.shop.svc.cluster.local."]),
            ("services", "", "web.shop.svc.cluster.local", .a, ["SERVFAIL"]),
            ("services", "", "shop.svc.cluster.local", .a, ["NODATA"]),
            ("services", "fallthrough", "1.0.96.10.in-addr.arpa", .ptr, ["SERVFAIL"]),
            ("namespaces", "", "web.shop.svc.cluster.local", .a, ["SERVFAIL"]),
            ("namespaces", "", "cluster.local", .a, ["NODATA"]),
        ])
    func failures(missing: String, options: String, name: String, type: RecordType, answer: [String]) throws {
        var worker = try SketchedCluster(unsynced: [missing]) { (writer) throws(TableError) in
            try Self.fill(writer, without: missing)
        }.worker(options)
        #expect(try worker.data(name, type) == answer)
    }

    @Test("half of a headless service's slices does not deny the other half")
    func halfOfTheSlices() throws {
        var worker = try SketchedCluster(unsynced: ["endpointslices"]) { (writer) throws(TableError) in
            try Self.fill(writer, without: nil)
            try writer.removeSlice(namespace: "shop", name: "db-2")
        }.worker()
        #expect(try worker.data("db.shop.svc.cluster.local", .a) == ["A 10.0.0.1"])
        #expect(try worker.data("db.shop.svc.cluster.local", .aaaa) == ["SERVFAIL"])
    }

    @Test("what a block states that it needs is what its denials and readiness wait for", arguments: 0..<options.count)
    func statement(index: Int) throws {
        let option = Self.options[index]
        let settings = try SketchedCluster.handler(option.text).settings
        let bits: [(String, ClusterResources)] = [
            ("namespaces", .namespaces), ("services", .services), ("endpointslices", .endpointSlices), ("pods", .pods),
        ]
        #expect(Set(bits.filter { settings.needed.contains($0.1) }.map(\.0)) == option.needed)
    }
}
