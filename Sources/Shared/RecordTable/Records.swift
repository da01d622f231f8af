public import Names

// What the watcher writes and `mizzen-frontend table` prints. Zone-free and option-free: only what Kubernetes says.

/// A transport protocol of a port. The raw values are part of the table's layout.
public enum TransportProtocol: UInt8, Sendable, Hashable, CaseIterable {
    case tcp = 1
    case udp = 2
    case sctp = 3
}

/// One port of a service or an endpoint slice.
public struct PortRecord: Sendable, Equatable {
    /// Empty for the unnamed port.
    public var name: String
    public var `protocol`: TransportProtocol
    public var number: UInt16

    public init(name: String, protocol: TransportProtocol, number: UInt16) {
        self.name = name
        self.protocol = `protocol`
        self.number = number
    }
}

public struct NamespaceRecord: Sendable, Equatable {
    public var name: String
    public var labels: [String: String]

    public init(name: String, labels: [String: String] = [:]) {
        self.name = name
        self.labels = labels
    }
}

public struct ServiceRecord: Sendable, Equatable {
    /// The raw values are part of the table's layout.
    public enum Kind: UInt8, Sendable {
        case clusterIP = 1
        case headless = 2
        case externalName = 3
    }

    public var namespace: String
    public var name: String
    public var kind: Kind
    /// In the order of `spec.clusterIPs`; empty unless `kind` is `.clusterIP`.
    public var clusterIPs: [IPAddress]
    public var externalName: String
    /// `spec.externalIPs`, then the addresses of `status.loadBalancer.ingress`.
    public var externalIPs: [IPAddress]
    /// The hostnames of `status.loadBalancer.ingress`, of entries without an address.
    public var ingressNames: [String]
    public var ports: [PortRecord]
    public var publishesNotReadyAddresses: Bool
    public var labels: [String: String]

    public init(
        namespace: String, name: String, kind: Kind, clusterIPs: [IPAddress] = [], externalName: String = "",
        externalIPs: [IPAddress] = [], ingressNames: [String] = [], ports: [PortRecord] = [], publishesNotReadyAddresses: Bool = false,
        labels: [String: String] = [:]
    ) {
        self.namespace = namespace
        self.name = name
        self.kind = kind
        self.clusterIPs = clusterIPs
        self.externalName = externalName
        self.externalIPs = externalIPs
        self.ingressNames = ingressNames
        self.ports = ports
        self.publishesNotReadyAddresses = publishesNotReadyAddresses
        self.labels = labels
    }
}

/// One endpoint of a slice.
public struct EndpointRecord: Sendable, Equatable {
    public var addresses: [IPAddress]
    /// `endpoints[].hostname`; empty when unset.
    public var hostname: String
    /// `endpoints[].targetRef.name`, whatever the target is; empty without one.
    public var podName: String
    public var nodeName: String
    public var zone: String
    /// `endpoints[].hints.forZones[].name`.
    public var zoneHints: [String]
    /// Unset conditions count as Kubernetes' API documents: ready and serving true, terminating false.
    public var isReady: Bool
    public var isServing: Bool
    public var isTerminating: Bool

    public init(
        addresses: [IPAddress], hostname: String = "", podName: String = "", nodeName: String = "", zone: String = "",
        zoneHints: [String] = [], isReady: Bool = true, isServing: Bool = true, isTerminating: Bool = false
    ) {
        self.addresses = addresses
        self.hostname = hostname
        self.podName = podName
        self.nodeName = nodeName
        self.zone = zone
        self.zoneHints = zoneHints
        self.isReady = isReady
        self.isServing = isServing
        self.isTerminating = isTerminating
    }
}

public struct EndpointSliceRecord: Sendable, Equatable {
    /// The raw values are part of the table's layout. The addresses of FQDN slices are not kept: DNS has no use for them.
    public enum AddressType: UInt8, Sendable {
        case ipv4 = 1
        case ipv6 = 2
        case fqdn = 3
    }

    public var namespace: String
    /// The slice's own name.
    public var name: String
    /// The label `kubernetes.io/service-name`; empty when the slice has none.
    public var service: String
    public var addressType: AddressType
    public var ports: [PortRecord]
    public var endpoints: [EndpointRecord]
    /// The slice's own labels, which are not always its service's.
    public var labels: [String: String]

    public init(
        namespace: String, name: String, service: String, addressType: AddressType, ports: [PortRecord] = [],
        endpoints: [EndpointRecord] = [], labels: [String: String] = [:]
    ) {
        self.namespace = namespace
        self.name = name
        self.service = service
        self.addressType = addressType
        self.ports = ports
        self.endpoints = endpoints
        self.labels = labels
    }
}

/// A pod that has addresses (finished pods, whose addresses may be another's by now, are left out by the watcher).
public struct PodRecord: Sendable, Equatable {
    public var namespace: String
    public var name: String
    public var uid: String
    /// `status.podIP` first.
    public var addresses: [IPAddress]
    /// The addresses are the node's: other pods have them too, so they do not tell who asks.
    public var isHostNetwork: Bool
    /// The condition `Ready` is true.
    public var isReady: Bool
    public var nodeName: String
    public var labels: [String: String]

    public init(
        namespace: String, name: String, uid: String, addresses: [IPAddress], isHostNetwork: Bool = false, isReady: Bool = false,
        nodeName: String = "", labels: [String: String] = [:]
    ) {
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.addresses = addresses
        self.isHostNetwork = isHostNetwork
        self.isReady = isReady
        self.nodeName = nodeName
        self.labels = labels
    }
}
