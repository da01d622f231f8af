public struct EndpointSlice: KubernetesObject {
    public static let resource = Resource.endpointSlices

    /// The label that names the service of a slice, in the slice's namespace.
    public static let serviceNameLabel = "kubernetes.io/service-name"

    public var metadata = ObjectMetadata()
    /// `IPv4`, `IPv6` or `FQDN`.
    public var addressType = ""
    public var endpoints: [Endpoint] = []
    public var ports: [Port] = []

    public init() {}

    public struct Endpoint: Hashable, Sendable {
        public var addresses: [String] = []
        public var conditions = Conditions()
        public var hostname: String?
        public var targetRef: ObjectReference?
        public var deprecatedTopology: [String: String] = [:]
        public var nodeName: String?
        public var zone: String?
        /// The zones of `hints.forZones`.
        public var hintedZones: [String] = []
        /// The nodes of `hints.forNodes`.
        public var hintedNodes: [String] = []

        public init() {}
    }

    /// Absent conditions have meanings of their own (`ready` and `serving` absent mean true), so they stay absent.
    public struct Conditions: Hashable, Sendable {
        public var ready: Bool?
        public var serving: Bool?
        public var terminating: Bool?

        public init() {}
    }

    public struct Port: Hashable, Sendable {
        public var name: String?
        public var `protocol`: String?
        public var port: Int32?
        public var appProtocol: String?

        public init() {}
    }
}

/// `core/v1.ObjectReference`.
public struct ObjectReference: Hashable, Sendable {
    public var kind = ""
    public var namespace = ""
    public var name = ""
    public var uid = ""
    public var apiVersion = ""
    public var resourceVersion = ""
    public var fieldPath = ""

    public init() {}
}
