public import KubernetesObjects
import Names
public import RecordTable

// From Kubernetes' objects to the record table's records. What DNS has no use for is left out here, once, for every
// frontend; what depends on a Corefile's options is not decided here.

extension NamespaceRecord {
    public init(_ namespace: Namespace) {
        self.init(name: namespace.metadata.name.string, labels: namespace.metadata.labels.dictionary())
    }

    public init(decoding object: EncodedObject) throws(ObjectDecodingError) {
        self = try object.read(as: Namespace.self) { NamespaceRecord($0) }
    }
}

extension ServiceRecord {
    public init(_ service: Service) {
        let spec = service.spec
        let addresses = spec.clusterIPs.isEmpty ? [spec.clusterIP.string] : spec.clusterIPs.strings
        var (externalIPs, ingressNames) = (spec.externalIPs.strings.compactMap { IPAddress($0) }, [] as [String])
        for entry in service.status.loadBalancer.ingress.map({ (ip: $0.ip.string, hostname: $0.hostname.string) }) {
            if let address = IPAddress(entry.ip) {
                externalIPs.append(address)
            } else if entry.ip.isEmpty, !entry.hostname.isEmpty {
                ingressNames.append(entry.hostname)
            }
        }
        let kind: Kind =
            if spec.type == "ExternalName" {
                .externalName
            } else if addresses.first == "None" {
                .headless
            } else {
                .clusterIP
            }
        self.init(
            namespace: service.metadata.namespace.string, name: service.metadata.name.string, kind: kind,
            clusterIPs: kind == .clusterIP ? addresses.compactMap { IPAddress($0) } : [],
            externalName: spec.externalName.string, externalIPs: externalIPs, ingressNames: ingressNames,
            ports: spec.ports.map {
                PortRecord(
                    name: $0.name.string, protocol: TransportProtocol(kubernetesName: $0.protocol),
                    number: UInt16(clamping: $0.port))
            },
            publishesNotReadyAddresses: spec.publishNotReadyAddresses, labels: service.metadata.labels.dictionary())
    }

    public init(decoding object: EncodedObject) throws(ObjectDecodingError) {
        self = try object.read(as: Service.self) { ServiceRecord($0) }
    }
}

extension TransportProtocol {
    /// Kubernetes' default is TCP, also for names of a later API.
    init(kubernetesName name: Text) {
        self = name == "UDP" ? .udp : name == "SCTP" ? .sctp : .tcp
    }
}

extension EndpointSliceRecord {
    /// The label that names the service of a slice, in the slice's namespace (discovery.k8s.io/v1, LabelServiceName).
    private static let serviceLabel = "kubernetes.io/service-name"

    public init(_ slice: EndpointSlice) {
        self.init(
            namespace: slice.metadata.namespace.string, name: slice.metadata.name.string,
            service: slice.metadata.labels[Self.serviceLabel].orEmpty.string,
            addressType: AddressType(kubernetesName: slice.addressType),
            ports: slice.ports.map {
                PortRecord(
                    name: $0.name.orEmpty.string, protocol: TransportProtocol(kubernetesName: $0.protocol.orEmpty),
                    number: UInt16(clamping: $0.port ?? 0))
            },
            endpoints: slice.endpoints.map { EndpointRecord($0) }, labels: slice.metadata.labels.dictionary())
    }

    public init(decoding object: EncodedObject) throws(ObjectDecodingError) {
        self = try object.read(as: EndpointSlice.self) { EndpointSliceRecord($0) }
    }
}

extension EndpointSliceRecord.AddressType {
    init(kubernetesName name: Text) {
        self = name == "IPv4" ? .ipv4 : name == "IPv6" ? .ipv6 : .fqdn
    }
}

extension EndpointRecord {
    init(_ endpoint: Discovery.Endpoint) {
        self.init(
            addresses: endpoint.addresses.strings.compactMap { IPAddress($0) }, hostname: endpoint.hostname.orEmpty.string,
            podName: (endpoint.targetRef?.name).orEmpty.string,
            nodeName: endpoint.nodeName.orEmpty.string, zone: endpoint.zone.orEmpty.string,
            zoneHints: endpoint.hints?.forZones.map { $0.name.string } ?? [],
            isReady: endpoint.conditions.ready ?? true, isServing: endpoint.conditions.serving ?? true,
            isTerminating: endpoint.conditions.terminating ?? false)
    }
}

extension PodRecord {
    /// Nil for a pod whose addresses are not its own any more (finished or being deleted) or not yet.
    ///
    /// Host-network pods are in the table, although the first design left them out: CoreDNS answers for them under
    /// `pods verified`, as the captured answers show. Their flag keeps them out of what asks who has an address.
    public init?(_ pod: PodAddressing) {
        let isGone = pod.phase == "Succeeded" || pod.phase == "Failed" || pod.phase == "Unknown"
        guard !isGone, !pod.isDeleted else { return nil }
        let texts = [pod.podIP] + pod.podIPs.filter { $0 != pod.podIP }
        let addresses = texts.compactMap { IPAddress($0) }
        guard !addresses.isEmpty else { return nil }
        self.init(
            namespace: pod.namespace, name: pod.name, uid: pod.uid, addresses: addresses,
            isHostNetwork: pod.isHostNetwork, isReady: pod.isReady, nodeName: pod.nodeName, labels: pod.labels)
    }
}
