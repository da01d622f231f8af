public struct Deployment: KubernetesObject {
    public static let resource = Resource.deployments
    public var metadata = ObjectMetadata()
    public var spec = Spec()
    public var status = Status()

    public init() {}

    public init(_ encoded: EncodedObject) throws(ObjectDecodingError) { self = try Self.decode(encoded) }

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

extension Deployment: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        metadata = try message.value("metadata") ?? ObjectMetadata()
        spec = try message.value("spec") ?? Spec()
        status = try message.value("status") ?? Status()
    }
}

extension Deployment.Spec: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        replicas = message.optionalInt32("replicas")
        selector = try message.value("selector")
        strategy = try message.value("strategy") ?? Deployment.Strategy()
        minReadySeconds = message.int32("minReadySeconds")
        revisionHistoryLimit = message.optionalInt32("revisionHistoryLimit")
        paused = message.bool("paused")
        progressDeadlineSeconds = message.optionalInt32("progressDeadlineSeconds")
    }
}

extension Deployment.Strategy: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        type = message.string("type")
        rollingUpdate = try message.value("rollingUpdate")
    }
}

extension Deployment.RollingUpdate: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        maxUnavailable = message.intOrString("maxUnavailable")
        maxSurge = message.intOrString("maxSurge")
    }
}

extension Deployment.Status: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        observedGeneration = message.int64("observedGeneration")
        replicas = message.int32("replicas")
        updatedReplicas = message.int32("updatedReplicas")
        readyReplicas = message.int32("readyReplicas")
        availableReplicas = message.int32("availableReplicas")
        unavailableReplicas = message.int32("unavailableReplicas")
        terminatingReplicas = message.optionalInt32("terminatingReplicas")
        conditions = try message.list("conditions")
    }
}
