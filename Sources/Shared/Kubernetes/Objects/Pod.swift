public struct Pod: KubernetesObject {
    public static let resource = Resource.pods
    public var metadata = ObjectMetadata()
    public var spec = Spec()
    public var status = Status()

    public init() {}

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
