public struct Node: KubernetesObject {
    public static let resource = Resource.nodes
    public var metadata = ObjectMetadata()
    public var spec = Spec()
    public var status = Status()

    public init() {}

    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) { self = try Self.decode(encoded) }

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

extension Node: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        metadata = try message.value("metadata") ?? ObjectMetadata()
        spec = try message.value("spec") ?? Spec()
        status = try message.value("status") ?? Status()
    }
}

extension Node.Spec: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        podCIDR = message.string("podCIDR")
        podCIDRs = message.strings("podCIDRs")
        providerID = message.string("providerID")
        unschedulable = message.bool("unschedulable")
        taints = try message.list("taints")
    }
}

extension Node.Taint: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        key = message.string("key")
        value = message.string("value")
        effect = message.string("effect")
        timeAdded = try message.time("timeAdded")
    }
}

extension Node.Status: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        capacity = try message.quantityMap("capacity")
        allocatable = try message.quantityMap("allocatable")
        conditions = try message.list("conditions")
        addresses = try message.list("addresses")
        kubeletPort = message.message("daemonEndpoints")?.message("kubeletEndpoint")?.int32("Port") ?? 0
        nodeInfo = try message.value("nodeInfo") ?? Node.SystemInfo()
    }
}

extension Node.Address: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        type = message.string("type")
        address = message.string("address")
    }
}

extension Node.SystemInfo: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        machineID = message.string("machineID")
        systemUUID = message.string("systemUUID")
        bootID = message.string("bootID")
        kernelVersion = message.string("kernelVersion")
        osImage = message.string("osImage")
        containerRuntimeVersion = message.string("containerRuntimeVersion")
        kubeletVersion = message.string("kubeletVersion")
        kubeProxyVersion = message.string("kubeProxyVersion")
        operatingSystem = message.string("operatingSystem")
        architecture = message.string("architecture")
    }
}
