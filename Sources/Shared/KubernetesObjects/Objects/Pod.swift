public struct Pod: KubernetesObject {
    public static let resource = Resource.pods
    public var metadata = ObjectMetadata()
    public var spec = Spec()
    public var status = Status()

    public init() {}

    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) { self = try Self.decode(encoded) }

    public struct Spec: Hashable, Sendable {
        public var volumes: [Volume] = []
        public var initContainers: [Container] = []
        public var containers: [Container] = []
        public var restartPolicy = ""
        public var nodeSelector: [String: String] = [:]
        public var serviceAccountName = ""
        public var nodeName = ""
        public var hostNetwork = false
        public var hostname = ""
        public var subdomain = ""
        public var schedulerName = ""
        public var tolerations: [Toleration] = []
        public var priorityClassName = ""
        public var priority: Int32?
        public var runtimeClassName: String?
        public var overhead: [String: Quantity] = [:]
        public var resourceClaims: [ResourceClaim] = []

        public init() {}
    }

    public struct Container: Hashable, Sendable {
        public var name = ""
        public var image = ""
        public var ports: [ContainerPort] = []
        /// `resources.limits`, by resource name (`cpu`, `memory`, `nvidia.com/gpu`).
        public var limits: [String: Quantity] = [:]
        /// `resources.requests`.
        public var requests: [String: Quantity] = [:]
        /// Only set for init containers that stay (sidecars): `Always`.
        public var restartPolicy: String?

        public init() {}
    }

    public struct ContainerPort: Hashable, Sendable {
        public var name = ""
        public var hostPort: Int32 = 0
        public var containerPort: Int32 = 0
        public var `protocol` = ""

        public init() {}
    }

    /// The part of a volume that metrics report: its claim, if it has one.
    public struct Volume: Hashable, Sendable {
        public var name = ""
        public var persistentVolumeClaim: ClaimSource?
        /// Whether this is an `ephemeral` volume, whose claim is named `POD-VOLUME`.
        public var isEphemeral = false

        public init() {}
    }

    public struct ClaimSource: Hashable, Sendable {
        public var claimName = ""
        public var readOnly = false

        public init() {}
    }

    public struct Toleration: Hashable, Sendable {
        public var key = ""
        public var `operator` = ""
        public var value = ""
        public var effect = ""
        public var tolerationSeconds: Int64?

        public init() {}
    }

    public struct ResourceClaim: Hashable, Sendable {
        public var name = ""
        public var resourceClaimName: String?
        public var resourceClaimTemplateName: String?

        public init() {}
    }
}

extension Pod: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        metadata = try message.value("metadata") ?? ObjectMetadata()
        spec = try message.value("spec") ?? Spec()
        status = try message.value("status") ?? Status()
    }
}

extension Pod.Spec: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        volumes = try message.list("volumes")
        initContainers = try message.list("initContainers")
        containers = try message.list("containers")
        restartPolicy = message.string("restartPolicy")
        nodeSelector = message.stringMap("nodeSelector")
        serviceAccountName = message.string("serviceAccountName")
        nodeName = message.string("nodeName")
        hostNetwork = message.bool("hostNetwork")
        hostname = message.string("hostname")
        subdomain = message.string("subdomain")
        schedulerName = message.string("schedulerName")
        tolerations = try message.list("tolerations")
        priorityClassName = message.string("priorityClassName")
        priority = message.optionalInt32("priority")
        runtimeClassName = message.optionalString("runtimeClassName")
        overhead = try message.quantityMap("overhead")
        resourceClaims = try message.list("resourceClaims")
    }
}

extension Pod.Container: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.string("name")
        image = message.string("image")
        ports = try message.list("ports")
        restartPolicy = message.optionalString("restartPolicy")
        if let resources = message.message("resources") {
            limits = try resources.quantityMap("limits")
            requests = try resources.quantityMap("requests")
        }
    }
}

extension Pod.ContainerPort: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.string("name")
        hostPort = message.int32("hostPort")
        containerPort = message.int32("containerPort")
        `protocol` = message.string("protocol")
    }
}

extension Pod.Volume: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.string("name")
        let source = message.message("volumeSource")
        persistentVolumeClaim = try source?.value("persistentVolumeClaim")
        isEphemeral = source?.message("ephemeral") != nil
    }
}

extension Pod.ClaimSource: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        claimName = message.string("claimName")
        readOnly = message.bool("readOnly")
    }
}

extension Pod.Toleration: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        key = message.string("key")
        `operator` = message.string("operator")
        value = message.string("value")
        effect = message.string("effect")
        tolerationSeconds = message.optionalInt64("tolerationSeconds")
    }
}

extension Pod.ResourceClaim: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.string("name")
        resourceClaimName = message.optionalString("resourceClaimName")
        resourceClaimTemplateName = message.optionalString("resourceClaimTemplateName")
    }
}
