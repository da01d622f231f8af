extension ClusterSimulator {
    /// What a simulated cluster holds and where it listens. The defaults suit tests: loopback, ports that the system picks.
    public struct Configuration: Sendable {
        public struct Address: Sendable, Hashable {
            public var host: String
            /// 0: the system picks one.
            public var port: Int

            public init(host: String = "127.0.0.1", port: Int = 0) {
                self.host = host
                self.port = port
            }
        }

        public struct Generated: Sendable, Hashable {
            public var services: Int
            public var pods: Int
            public var nodes: Int
            /// In each pod.
            public var containers: Int

            public init(services: Int, pods: Int, nodes: Int, containers: Int = 1) {
                self.services = services
                self.pods = pods
                self.nodes = nodes
                self.containers = containers
            }
        }

        public enum Kubelets: Sendable, Hashable {
            case none
            /// Usage made up from the pods.
            case simulated
            /// The recordings of the captured folder.
            case replayed
        }

        /// Manifest files, folders of manifests, captured folders.
        public var load: [String]
        public var generated: Generated?
        public var http: Address?
        public var https: Address?
        public var kubelets: Kubelets
        /// Where to write the kubeconfig; `nil`: a temporary file that `stop` removes.
        public var kubeconfig: String?
        public var bookmarks: BookmarkTiming
        /// Of watches: their bookmarks and their ends.
        public var watchTime: WatchTime
        /// Changes that each type remembers for watches that resume.
        public var historyLimit: Int
        public var seed: UInt64
        /// The administrator's bearer token.
        public var token: String
        /// A collector to pass `metrics.k8s.io` to.
        public var metricsAPI: String?
        /// Asked in place of the switchboard when it is something else than honest.
        public var conduct: any ServerConduct
        /// Faults and actions to begin with.
        public var faults: FaultPlan
        public var clock: @Sendable () -> Instant

        public init(
            load: [String] = [], generated: Generated? = nil, http: Address? = Address(), https: Address? = Address(),
            kubelets: Kubelets = .none
        ) {
            self.load = load
            self.generated = generated
            self.http = http
            self.https = https
            self.kubelets = kubelets
            kubeconfig = nil
            bookmarks = .likeAPIServer
            watchTime = .real
            historyLimit = 10_000
            seed = 1
            token = "simulator-administrator"
            metricsAPI = nil
            conduct = HonestConduct()
            faults = FaultPlan()
            clock = { .now }
        }
    }
}
