public struct Deployment: KubernetesObject {
    public static let resource = Resource.deployments
    public var metadata = ObjectMetadata()
    public var spec = Spec()
    public var status = Status()

    public init() {}

    public struct Spec: Hashable, Sendable {
        public var replicas: Int32?
        public var selector: LabelSelector?
        public var strategy = Strategy()
        public var minReadySeconds: Int32 = 0
        public var revisionHistoryLimit: Int32?
        public var paused = false
        public var progressDeadlineSeconds: Int32?

        public init() {}
    }

    public struct Strategy: Hashable, Sendable {
        /// `Recreate` or `RollingUpdate`.
        public var type = ""
        public var rollingUpdate: RollingUpdate?

        public init() {}
    }

    public struct RollingUpdate: Hashable, Sendable {
        public var maxUnavailable: IntOrString?
        public var maxSurge: IntOrString?

        public init() {}
    }

    public struct Status: Hashable, Sendable {
        public var observedGeneration: Int64 = 0
        public var replicas: Int32 = 0
        public var updatedReplicas: Int32 = 0
        public var readyReplicas: Int32 = 0
        public var availableReplicas: Int32 = 0
        public var unavailableReplicas: Int32 = 0
        public var terminatingReplicas: Int32?
        public var conditions: [Condition] = []

        public init() {}
    }
}
