public struct Service: KubernetesObject {
    public static let resource = Resource.services
    public var metadata = ObjectMetadata()
    public var spec = Spec()
    public var status = Status()

    public init() {}

    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) { self = try Self.decode(encoded) }

    public struct Spec: Hashable, Sendable {
        /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
        public var type = ""
        /// An address, empty, or `None` for a headless service.
        public var clusterIP = ""
        public var clusterIPs: [String] = []
        public var externalIPs: [String] = []
        public var externalName = ""
        public var externalTrafficPolicy = ""
        public var internalTrafficPolicy: String?
        public var ipFamilies: [String] = []
        public var loadBalancerIP = ""
        public var ports: [Port] = []
        public var publishNotReadyAddresses = false
        public var selector: [String: String] = [:]
        public var sessionAffinity = ""
        public var trafficDistribution: String?

        public init() {}
    }

    public struct Port: Hashable, Sendable {
        public var name = ""
        /// `TCP`, `UDP` or `SCTP`.
        public var `protocol` = ""
        public var appProtocol: String?
        public var port: Int32 = 0
        public var targetPort: IntOrString?
        public var nodePort: Int32 = 0

        public init() {}
    }

    public struct Status: Hashable, Sendable {
        /// `status.loadBalancer.ingress`.
        public var loadBalancerIngress: [LoadBalancerIngress] = []

        public init() {}
    }

    public struct LoadBalancerIngress: Hashable, Sendable {
        public var ip = ""
        public var hostname = ""

        public init() {}
    }
}

extension Service: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        metadata = try message.value("metadata") ?? ObjectMetadata()
        spec = try message.value("spec") ?? Spec()
        status = try message.value("status") ?? Status()
    }
}

extension Service.Spec: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        type = message.string("type")
        clusterIP = message.string("clusterIP")
        clusterIPs = message.strings("clusterIPs")
        externalIPs = message.strings("externalIPs")
        externalName = message.string("externalName")
        externalTrafficPolicy = message.string("externalTrafficPolicy")
        internalTrafficPolicy = message.optionalString("internalTrafficPolicy")
        ipFamilies = message.strings("ipFamilies")
        loadBalancerIP = message.string("loadBalancerIP")
        ports = try message.list("ports")
        publishNotReadyAddresses = message.bool("publishNotReadyAddresses")
        selector = message.stringMap("selector")
        sessionAffinity = message.string("sessionAffinity")
        trafficDistribution = message.optionalString("trafficDistribution")
    }
}

extension Service.Port: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.string("name")
        `protocol` = message.string("protocol")
        appProtocol = message.optionalString("appProtocol")
        port = message.int32("port")
        targetPort = message.intOrString("targetPort")
        nodePort = message.int32("nodePort")
    }
}

extension Service.Status: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        loadBalancerIngress = try message.message("loadBalancer")?.list("ingress") ?? []
    }
}

extension Service.LoadBalancerIngress: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        ip = message.string("ip")
        hostname = message.string("hostname")
    }
}
