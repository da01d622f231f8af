/// What the writer states about the table in its control file.
public struct TableStatus: Sendable, Equatable {
    /// One watched resource.
    public struct Resource: Sendable, Equatable {
        /// The plural, `services`.
        public var name: String
        /// The last resourceVersion that the table holds.
        public var resourceVersion: String
        /// When that was, in nanoseconds since 1970.
        public var wallTime: UInt64
        /// Whether a full list has been applied (by this writer or one before it).
        public var isSynced: Bool

        package init(name: String, resourceVersion: String, wallTime: UInt64, isSynced: Bool) {
            self.name = name
            self.resourceVersion = resourceVersion
            self.wallTime = wallTime
            self.isSynced = isSynced
        }
    }

    /// How much there is.
    public struct Counts: Sendable, Equatable {
        public var namespaces = 0
        public var services = 0
        public var slices = 0
        public var endpoints = 0
        public var pods = 0

        public init() {}
    }

    public var generation: UInt64
    /// Process identifier of the last writer, and when it opened the table (nanoseconds since 1970).
    public var writerProcess: Int
    public var writerStarted: UInt64
    /// Who the writer said it is (host and version).
    public var writer: String
    /// The writer's last sign of life, in nanoseconds since 1970.
    public var heartbeat: UInt64
    /// The boot clock at that moment, in nanoseconds (0: not stated), and the boot that it counts from.
    public var heartbeatSinceBoot: UInt64
    public var boot: BootIdentity
    public var counts: Counts
    public var resources: [Resource]

    /// Whether every one of the named resources has been listed whole at least once.
    public func isSynced(_ names: [String]) -> Bool {
        names.allSatisfy { name in resources.contains { $0.name == name && $0.isSynced } }
    }

    /// How long ago the writer gave its last sign of life, in nanoseconds: how old what the table says may be.
    ///
    /// Within one boot it is told by the boot clock, so that a wall clock that jumps does not matter; after a reboot by wall time.
    ///
    /// - Returns: nil where it cannot be told: before the first sign of life, or if that lies in the future.
    public func age(at clock: TableClock) -> UInt64? {
        guard heartbeat != 0 else { return nil }
        if boot != .unknown, boot == clock.boot, heartbeatSinceBoot != 0, heartbeatSinceBoot <= clock.sinceBoot {
            return clock.sinceBoot - heartbeatSinceBoot
        }
        return heartbeat <= clock.wall ? clock.wall - heartbeat : nil
    }
}
