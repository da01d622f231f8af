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
