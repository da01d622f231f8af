public struct Service: KubernetesObject {
    public static let resource = Resource.services
    public var metadata = ObjectMetadata()
    public var spec = Spec()
    public var status = Status()

    public init() {}

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
