import Foundation
import Names
import RecordTable
import RecordTableWriter
import TestSupport

/// `Tests/Fixtures/cluster-a` as a record table, read from its JSON lists.
///
/// The watcher has a mapping of its own; this one is kept apart on purpose, so that a mistake there does not pass here unseen.
struct CapturedCluster {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../Fixtures/cluster-a")

    private let temporary: TemporaryFolder
    let table: TableReader

    init() throws {
        temporary = try TemporaryFolder()
        let path = temporary.path("table")
        let writer = try TableWriter(
            path: path, identity: "test", now: 1, sizing: .init(bucketCount: 256, capacity: 4 << 20))
        for item in try Self.items("v1_namespaces") {
            try writer.upsert(NamespaceRecord(name: item.metadata("name"), labels: item.labels))
        }
        for item in try Self.items("v1_services") { try writer.upsert(Self.service(item)) }
        for item in try Self.items("discovery.k8s.io_v1_endpointslices") { try writer.upsert(Self.slice(item)) }
        for item in try Self.items("v1_pods") {
            if let pod = Self.pod(item) { try writer.upsert(pod) }
        }
        for resource in ["namespaces", "services", "endpointslices", "pods"] {
            writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1_000_000_000)
        }
        writer.beat(now: 1_000_000_000)
        table = try TableReader(path: path)
    }

    static func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    private static func items(_ list: String) throws -> [JSONItem] {
        let data = try Data(contentsOf: folder.appending(path: "lists/\(list).json"))
        let whole = JSONItem(try JSONSerialization.jsonObject(with: data))
        return whole.list("items")
    }

    private static func service(_ item: JSONItem) -> ServiceRecord {
        let spec = item["spec"]
        let addresses = spec.strings("clusterIPs")
        let ingress = item["status"]["loadBalancer"].list("ingress")
        let kind: ServiceRecord.Kind =
            spec.text("type") == "ExternalName" ? .externalName : addresses.first == "None" ? .headless : .clusterIP
        return ServiceRecord(
            namespace: item.metadata("namespace"), name: item.metadata("name"), kind: kind,
            clusterIPs: kind == .clusterIP ? addresses.compactMap { IPAddress($0) } : [],
            externalName: spec.text("externalName"),
            externalIPs: (spec.strings("externalIPs") + ingress.map { $0.text("ip") }).compactMap { IPAddress($0) },
            ingressNames: ingress.filter { $0.text("ip").isEmpty }.map { $0.text("hostname") }, ports: spec.list("ports").map(port),
            publishesNotReadyAddresses: spec.flag("publishNotReadyAddresses") ?? false, labels: item.labels)
    }

    private static func port(_ item: JSONItem) -> PortRecord {
        let transport: TransportProtocol =
            switch item.text("protocol") {
            case "UDP": .udp
            case "SCTP": .sctp
            default: .tcp
            }
        return PortRecord(name: item.text("name"), protocol: transport, number: UInt16(item.number("port") ?? 0))
    }

    private static func slice(_ item: JSONItem) -> EndpointSliceRecord {
        let type: EndpointSliceRecord.AddressType =
            switch item.text("addressType") {
            case "IPv4": .ipv4
            case "IPv6": .ipv6
            default: .fqdn
            }
        return EndpointSliceRecord(
            namespace: item.metadata("namespace"), name: item.metadata("name"),
            service: item.labels["kubernetes.io/service-name"] ?? "", addressType: type, ports: item.list("ports").map(port),
            endpoints: item.list("endpoints").map { endpoint in
                let conditions = endpoint["conditions"]
                return EndpointRecord(
                    addresses: type == .fqdn ? [] : endpoint.strings("addresses").compactMap { IPAddress($0) },
                    hostname: endpoint.text("hostname"), podName: endpoint["targetRef"].text("name"),
                    nodeName: endpoint.text("nodeName"), zone: endpoint.text("zone"),
                    isReady: conditions.flag("ready") ?? true, isServing: conditions.flag("serving") ?? true,
                    isTerminating: conditions.flag("terminating") ?? false)
            }, labels: item.labels)
    }

    /// Pods of the host's network have addresses like others; finished and terminating ones have none.
    private static func pod(_ item: JSONItem) -> PodRecord? {
        let status = item["status"]
        guard ["Pending", "Running"].contains(status.text("phase")), item["metadata"].text("deletionTimestamp").isEmpty
        else { return nil }
        let addresses = status.list("podIPs").compactMap { IPAddress($0.text("ip")) }
        guard !addresses.isEmpty else { return nil }
        return PodRecord(
            namespace: item.metadata("namespace"), name: item.metadata("name"), uid: item.metadata("uid"),
            addresses: addresses, labels: item.labels)
    }
}

/// JSON of which nothing is known for sure.
struct JSONItem {
    private let value: Any?

    init(_ value: Any?) { self.value = value }

    subscript(_ key: String) -> JSONItem { JSONItem((value as? [String: Any])?[key]) }
    func text(_ key: String) -> String { self[key].value as? String ?? "" }
    func number(_ key: String) -> Int? { self[key].value as? Int }
    func flag(_ key: String) -> Bool? { self[key].value as? Bool }
    func strings(_ key: String) -> [String] { self[key].value as? [String] ?? [] }
    func list(_ key: String) -> [JSONItem] { (self[key].value as? [Any] ?? []).map { JSONItem($0) } }
    func metadata(_ key: String) -> String { self["metadata"].text(key) }
    var labels: [String: String] { self["metadata"]["labels"].value as? [String: String] ?? [:] }
}
