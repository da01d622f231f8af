public import KubernetesObjects
import Names
public import RecordTable

// From Kubernetes' objects to the record table's records. What DNS has no use for is left out here, once, for every
// frontend; what depends on a Corefile's options is not decided here.

extension NamespaceRecord {
    public init(_ namespace: Namespace) {
        self.init(name: namespace.metadata.name, labels: namespace.metadata.labels)
    }
}

extension ServiceRecord {
    public init(_ service: Service) {
        let addresses = service.spec.clusterIPs.isEmpty ? [service.spec.clusterIP] : service.spec.clusterIPs
        let kind: Kind =
            if service.spec.type == "ExternalName" {
                .externalName
            } else if addresses.first == "None" {
                .headless
            } else {
                .clusterIP
            }
        self.init(
            namespace: service.metadata.namespace, name: service.metadata.name, kind: kind,
            clusterIPs: kind == .clusterIP ? addresses.compactMap { IPAddress($0) } : [],
            externalName: service.spec.externalName,
            ports: service.spec.ports.map {
                PortRecord(
                    name: $0.name, protocol: TransportProtocol(kubernetesName: $0.protocol),
                    number: UInt16(clamping: $0.port))
            },
            publishesNotReadyAddresses: service.spec.publishNotReadyAddresses, labels: service.metadata.labels)
    }
}

extension TransportProtocol {
    /// Kubernetes' default is TCP, also for names of a later API.
    init(kubernetesName name: String) {
        switch name {
        case "UDP": self = .udp
        case "SCTP": self = .sctp
        default: self = .tcp
        }
    }
}

extension EndpointSliceRecord {
    /// The label that ties a slice to its service (discovery.k8s.io/v1, LabelServiceName).
    private static let serviceLabel = "kubernetes.io/service-name"

    public init(_ slice: EndpointSlice) {
        self.init(
            namespace: slice.metadata.namespace, name: slice.metadata.name,
            service: slice.metadata.labels[Self.serviceLabel] ?? "",
            addressType: AddressType(kubernetesName: slice.addressType),
            ports: slice.ports.map {
                PortRecord(
                    name: $0.name ?? "", protocol: TransportProtocol(kubernetesName: $0.protocol ?? ""),
                    number: UInt16(clamping: $0.port ?? 0))
            },
            endpoints: slice.endpoints.map(EndpointRecord.init), labels: slice.metadata.labels)
    }
}

extension EndpointSliceRecord.AddressType {
    init(kubernetesName name: String) {
        switch name {
        case "IPv4": self = .ipv4
        case "IPv6": self = .ipv6
        default: self = .fqdn
        }
    }
}

extension EndpointRecord {
    init(_ endpoint: EndpointSlice.Endpoint) {
        self.init(
            addresses: endpoint.addresses.compactMap { IPAddress($0) }, hostname: endpoint.hostname ?? "",
            podName: endpoint.targetRef?.name ?? "",
            nodeName: endpoint.nodeName ?? "", zone: endpoint.zone ?? "", zoneHints: endpoint.hintedZones,
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
            isHostNetwork: pod.isHostNetwork, nodeName: pod.nodeName, labels: pod.labels)
    }
}
