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

    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) { self = try Self.decode(encoded) }

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

extension EndpointSlice: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        metadata = try message.value("metadata") ?? ObjectMetadata()
        addressType = message.string("addressType")
        endpoints = try message.list("endpoints")
        ports = try message.list("ports")
    }
}

extension EndpointSlice.Endpoint: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        addresses = message.strings("addresses")
        conditions = try message.value("conditions") ?? EndpointSlice.Conditions()
        hostname = message.optionalString("hostname")
        targetRef = try message.value("targetRef")
        deprecatedTopology = message.stringMap("deprecatedTopology")
        nodeName = message.optionalString("nodeName")
        zone = message.optionalString("zone")
        if let hints = message.message("hints") {
            hintedZones = try hints.list("forZones") { $0.string("name") }
            hintedNodes = try hints.list("forNodes") { $0.string("name") }
        }
    }
}

extension EndpointSlice.Conditions: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        ready = message.optionalBool("ready")
        serving = message.optionalBool("serving")
        terminating = message.optionalBool("terminating")
    }
}

extension EndpointSlice.Port: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.optionalString("name")
        `protocol` = message.optionalString("protocol")
        port = message.optionalInt32("port")
        appProtocol = message.optionalString("appProtocol")
    }
}

extension ObjectReference: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        kind = message.string("kind")
        namespace = message.string("namespace")
        name = message.string("name")
        uid = message.string("uid")
        apiVersion = message.string("apiVersion")
        resourceVersion = message.string("resourceVersion")
        fieldPath = message.string("fieldPath")
    }
}
