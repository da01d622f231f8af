extension Pod {
    public struct Status: Hashable, Sendable {
        /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
        public var phase = ""
        public var conditions: [Condition] = []
        public var message = ""
        public var reason = ""
        public var nominatedNodeName = ""
        public var hostIP = ""
        public var hostIPs: [String] = []
        public var podIP = ""
        public var podIPs: [String] = []
        public var startTime: Timestamp?
        public var qosClass = ""
        public var initContainerStatuses: [ContainerStatus] = []
        public var containerStatuses: [ContainerStatus] = []
        public var ephemeralContainerStatuses: [ContainerStatus] = []
        public var resourceClaimStatuses: [ResourceClaimStatus] = []

        public init() {}
    }

    public struct ContainerStatus: Hashable, Sendable {
        public var name = ""
        public var state = ContainerState()
        public var lastState = ContainerState()
        public var ready = false
        public var restartCount: Int32 = 0
        public var image = ""
        public var imageID = ""
        public var containerID = ""
        public var started: Bool?

        public init() {}
    }

    /// At most one of the three is set in a valid object.
    public struct ContainerState: Hashable, Sendable {
        public var waiting: Waiting?
        public var running: Running?
        public var terminated: Terminated?

        public init() {}

        public struct Waiting: Hashable, Sendable {
            public var reason = ""
            public var message = ""

            public init() {}
        }

        public struct Running: Hashable, Sendable {
            public var startedAt: Timestamp?

            public init() {}
        }

        public struct Terminated: Hashable, Sendable {
            public var exitCode: Int32 = 0
            public var signal: Int32 = 0
            public var reason = ""
            public var message = ""
            public var startedAt: Timestamp?
            public var finishedAt: Timestamp?
            public var containerID = ""

            public init() {}
        }
    }

    public struct ResourceClaimStatus: Hashable, Sendable {
        public var name = ""
        public var resourceClaimName: String?

        public init() {}
    }
}

extension Pod.Status: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        phase = message.string("phase")
        conditions = try message.list("conditions")
        self.message = message.string("message")
        reason = message.string("reason")
        nominatedNodeName = message.string("nominatedNodeName")
        hostIP = message.string("hostIP")
        hostIPs = try message.list("hostIPs") { $0.string("ip") }
        podIP = message.string("podIP")
        podIPs = try message.list("podIPs") { $0.string("ip") }
        startTime = try message.time("startTime")
        qosClass = message.string("qosClass")
        initContainerStatuses = try message.list("initContainerStatuses")
        containerStatuses = try message.list("containerStatuses")
        ephemeralContainerStatuses = try message.list("ephemeralContainerStatuses")
        resourceClaimStatuses = try message.list("resourceClaimStatuses")
    }
}

extension Pod.ContainerStatus: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.string("name")
        state = try message.value("state") ?? Pod.ContainerState()
        lastState = try message.value("lastState") ?? Pod.ContainerState()
        ready = message.bool("ready")
        restartCount = message.int32("restartCount")
        image = message.string("image")
        imageID = message.string("imageID")
        containerID = message.string("containerID")
        started = message.optionalBool("started")
    }
}

extension Pod.ContainerState: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        waiting = try message.value("waiting")
        running = try message.value("running")
        terminated = try message.value("terminated")
    }
}

extension Pod.ContainerState.Waiting: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        reason = message.string("reason")
        self.message = message.string("message")
    }
}

extension Pod.ContainerState.Running: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        startedAt = try message.time("startedAt")
    }
}

extension Pod.ContainerState.Terminated: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        exitCode = message.int32("exitCode")
        signal = message.int32("signal")
        reason = message.string("reason")
        self.message = message.string("message")
        startedAt = try message.time("startedAt")
        finishedAt = try message.time("finishedAt")
        containerID = message.string("containerID")
    }
}

extension Pod.ResourceClaimStatus: MessageMapped {
    init(_ message: MessageReader) throws(ObjectDecodingError) {
        self.init()
        name = message.string("name")
        resourceClaimName = message.optionalString("resourceClaimName")
    }
}
