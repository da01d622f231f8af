import ArgumentParser
import FoundationEssentials
import Names
import ProcessRuntime
import RecordTable

/// `mizzen-frontend table [NAME]`: what the record table holds, in words.
struct TableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "table",
        abstract: "Prints what the record table holds.",
        discussion:
            "NAME is service.namespace, a full name such as web.default.svc.cluster.local or an address; without it, everything is printed."
    )

    @Option(help: "The record table.")
    var table = DefaultPaths.table

    @Argument(help: "A service.namespace, a full name, a namespace, or an address.")
    var name: String?

    func run() async throws {
        let reader: TableReader
        do {
            reader = try TableReader(path: table)
        } catch {
            throw ProcessError(code: ExitStatus.unavailable, message: error.description)
        }
        var report = TableReport(reader: reader)
        guard let name else {
            report.everything(clock: .now())
            print(report.text, terminator: "")
            return
        }
        guard report.find(name) else {
            throw ProcessError(
                code: ExitStatus.unavailable,
                message:
                    "the record table has nothing for '\(name)'; give service.namespace, a full name or an address",
                place: table)
        }
        print(report.text, terminator: "")
    }
}

/// Text about records, for people.
struct TableReport {
    private let reader: TableReader
    private(set) var text = ""

    init(reader: TableReader) { self.reader = reader }

    // MARK: Everything

    mutating func everything(clock: TableClock) {
        let status = reader.status
        text += "table \(reader.path)\n"
        let age =
            status.age(at: clock).map { "\(Double($0 / 1_000_000) / 1000) s ago" }
            ?? (status.heartbeat == 0 ? "never" : "at a time that this host's clock has not reached")
        text +=
            "  written by \(status.writer) (process \(status.writerProcess)), last sign of life \(age), generation \(status.generation)\n"
        for resource in status.resources.sorted(by: { $0.name < $1.name }) {
            text +=
                "  \(resource.name): \(resource.isSynced ? "synced" : "not synced"), resource version \(resource.resourceVersion)\n"
        }
        let counts = status.counts
        text += "  \(counts.namespaces) namespaces, \(counts.services) services, \(counts.slices) endpoint slices, "
        text += "\(counts.endpoints) endpoints, \(counts.pods) pods\n"
        var namespaces: [NamespaceRecord] = []
        reader.forEachNamespace { namespaces.append($0.record()) }
        for namespace in namespaces.sorted(by: { $0.name < $1.name }) { add(namespace) }
        var services: [ServiceRecord] = []
        reader.forEachService { services.append($0.record()) }
        services.sort { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
        for service in services { add(service) }
        var loose: [EndpointSliceRecord] = []
        let known = Set(services.map { [$0.namespace, $0.name] })
        reader.forEachSlice { slice in
            let record = slice.record()
            if !known.contains([record.namespace, record.service]) { loose.append(record) }
        }
        for slice in loose.sorted(by: { ($0.namespace, $0.name) < ($1.namespace, $1.name) }) { add(slice, indent: "") }
        var pods: [PodRecord] = []
        reader.forEachPod { pods.append($0.record()) }
        for pod in pods.sorted(by: { ($0.namespace, $0.name) < ($1.namespace, $1.name) }) { add(pod) }
    }

    // MARK: One name

    /// Adds what `name` stands for. False when there is nothing.
    mutating func find(_ name: String) -> Bool {
        let before = text.count
        if let address = IPAddress(name) {
            find(address)
        } else {
            find(labels: name.lowercased().split(separator: ".").map(String.init))
        }
        return text.count > before
    }

    private mutating func find(_ address: IPAddress) {
        var services: [ServiceRecord] = []
        reader.forEachService(address: address) { services.append($0.record()) }
        for service in services { add(service) }
        var endpoints: [String] = []
        reader.forEachEndpoint(address: address) { slice, endpoint in
            let record = slice.record()
            endpoints.append(
                "endpoint \(address) of \(record.service).\(record.namespace)\(Self.describe(record.endpoints[endpoint]))\n"
            )
        }
        text += endpoints.joined()
        var pods: [String] = []
        reader.forEachPod(address: address) {
            pods.append("pod \($0.name.string).\($0.namespace.string) uid \($0.uid.string)\n")
        }
        text += pods.joined()
    }

    private mutating func find(labels: [String]) {
        // service.namespace[.svc.zone]; in a longer name the labels before are an endpoint's or a port's.
        let end = labels.firstIndex(of: "svc") ?? labels.firstIndex(of: "pod") ?? min(labels.count, 2)
        if end == 1 {
            let record = reader.withNamespace(Array(labels[0].utf8).span) { $0.record() }
            if let record { add(record) }
            var services: [ServiceRecord] = []
            reader.forEachService { if $0.namespace.string == labels[0] { services.append($0.record()) } }
            for service in services.sorted(by: { $0.name < $1.name }) { add(service) }
            return
        }
        guard end >= 2 else { return }
        let namespace = labels[end - 1]
        let name = labels[end - 2]
        if let service = reader.withService(
            namespace: Array(namespace.utf8).span, name: Array(name.utf8).span, { $0.record() })
        {
            add(service)
        }
        if let pod = reader.withPod(namespace: Array(namespace.utf8).span, name: Array(name.utf8).span, { $0.record() }) {
            add(pod)
        }
    }

    // MARK: Records

    private mutating func add(_ namespace: NamespaceRecord) {
        text += "namespace \(namespace.name)\(Self.describe(namespace.labels))\n"
    }

    private mutating func add(_ service: ServiceRecord) {
        text += "service \(service.name).\(service.namespace)  \(service.kind)"
        if !service.clusterIPs.isEmpty { text += "  \(service.clusterIPs.map(\.description).joined(separator: " "))" }
        let external = service.externalIPs.map(\.description) + service.ingressNames
        if !external.isEmpty { text += "  external \(external.joined(separator: " "))" }
        if !service.externalName.isEmpty { text += "  \(service.externalName)" }
        text +=
            "  \(Self.describe(service.ports))\(service.publishesNotReadyAddresses ? "  publishes not-ready addresses" : "")"
        text += "\(Self.describe(service.labels))\n"
        var slices: [EndpointSliceRecord] = []
        reader.forEachSlice(namespace: Array(service.namespace.utf8).span, service: Array(service.name.utf8).span) {
            slices.append($0.record())
        }
        for slice in slices.sorted(by: { $0.name < $1.name }) { add(slice, indent: "  ") }
    }

    private mutating func add(_ slice: EndpointSliceRecord, indent: String) {
        text +=
            "\(indent)slice \(slice.name)\(indent.isEmpty ? ".\(slice.namespace)" : "")  \(slice.addressType)  \(Self.describe(slice.ports))\n"
        for endpoint in slice.endpoints {
            text +=
                "\(indent)  \(endpoint.addresses.map(\.description).joined(separator: " "))\(Self.describe(endpoint))\n"
        }
    }

    private mutating func add(_ pod: PodRecord) {
        let addresses = pod.addresses.map(\.description).joined(separator: " ")
        text +=
            "pod \(pod.name).\(pod.namespace)  \(addresses)  node \(pod.nodeName)  uid \(pod.uid)\(Self.describe(pod.labels))\n"
    }

    private static func describe(_ endpoint: EndpointRecord) -> String {
        var text = ""
        if !endpoint.isReady { text += "  not ready" }
        if endpoint.isServing, !endpoint.isReady { text += ", serving" }
        if endpoint.isTerminating { text += ", terminating" }
        if !endpoint.hostname.isEmpty { text += "  hostname \(endpoint.hostname)" }
        if !endpoint.podName.isEmpty { text += "  pod \(endpoint.podName)" }
        if !endpoint.nodeName.isEmpty { text += "  node \(endpoint.nodeName)" }
        if !endpoint.zone.isEmpty { text += "  zone \(endpoint.zone)" }
        if !endpoint.zoneHints.isEmpty { text += "  for zones \(endpoint.zoneHints.joined(separator: ","))" }
        return text
    }

    private static func describe(_ ports: [PortRecord]) -> String {
        ports.isEmpty
            ? "no ports"
            : ports.map { "\($0.name.isEmpty ? "" : $0.name + "=")\($0.number)/\($0.protocol)" }.joined(separator: " ")
    }

    private static func describe(_ labels: [String: String]) -> String {
        labels.isEmpty
            ? ""
            : "  {" + labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ") + "}"
    }
}

extension Span<UInt8> {
    fileprivate var string: String { String(decoding: bytes, as: UTF8.self) }
}
