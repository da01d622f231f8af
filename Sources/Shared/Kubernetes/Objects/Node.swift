public struct Node: KubernetesObject {
    public static let resource = Resource.nodes
    public var metadata = ObjectMetadata()
    public var spec = Spec()
    public var status = Status()

    public init() {}

    public struct Spec: Hashable, Sendable {
        public var podCIDR = ""
        public var podCIDRs: [String] = []
        public var providerID = ""
        public var unschedulable = false
        public var taints: [Taint] = []

        public init() {}
    }

    public struct Taint: Hashable, Sendable {
        public var key = ""
        public var value = ""
        public var effect = ""
        public var timeAdded: Timestamp?

        public init() {}
    }

    public struct Status: Hashable, Sendable {
        /// By resource name.
        public var capacity: [String: Quantity] = [:]
        /// By resource name.
        public var allocatable: [String: Quantity] = [:]
        public var conditions: [Condition] = []
        public var addresses: [Address] = []
        /// `daemonEndpoints.kubeletEndpoint.Port`; 0 when the node does not say.
        public var kubeletPort: Int32 = 0
        public var nodeInfo = SystemInfo()

        public init() {}
    }

    public struct Address: Hashable, Sendable {
        /// `Hostname`, `InternalIP`, `ExternalIP`, `InternalDNS` or `ExternalDNS`.
        public var type = ""
        public var address = ""

        public init() {}
    }

    public struct SystemInfo: Hashable, Sendable {
        public var machineID = ""
        public var systemUUID = ""
        public var bootID = ""
        public var kernelVersion = ""
        public var osImage = ""
        public var containerRuntimeVersion = ""
        public var kubeletVersion = ""
        public var kubeProxyVersion = ""
        public var operatingSystem = ""
        public var architecture = ""

        public init() {}
    }
}
