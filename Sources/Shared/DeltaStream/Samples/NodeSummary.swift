/// The interface that a kubelet takes for the default one of a node or pod, counted since it was made; nil is what the kubelet did not give.
public struct NetworkReading: Hashable, Sendable {
    /// When it was read: milliseconds since 1970-01-01 UTC.
    public var time: Int64?
    public var interface: String?
    public var receivedBytes: UInt64?
    public var transmittedBytes: UInt64?
    public var receiveErrors: UInt64?
    public var transmitErrors: UInt64?

    public init(
        time: Int64? = nil, interface: String? = nil, receivedBytes: UInt64? = nil, transmittedBytes: UInt64? = nil,
        receiveErrors: UInt64? = nil, transmitErrors: UInt64? = nil
    ) {
        self.time = time
        self.interface = interface
        self.receivedBytes = receivedBytes
        self.transmittedBytes = transmittedBytes
        self.receiveErrors = receiveErrors
        self.transmitErrors = transmitErrors
    }
}

/// How much something takes of a file system, and how large that is; nil is what the kubelet did not give.
public struct FileSystemReading: Hashable, Sendable {
    public var usedBytes: UInt64?
    /// Of the whole file system, as are all that follow but `inodesUsed`.
    public var availableBytes: UInt64?
    public var capacityBytes: UInt64?
    public var inodesUsed: UInt64?
    public var inodesFree: UInt64?
    public var inodes: UInt64?

    public init(
        usedBytes: UInt64? = nil, availableBytes: UInt64? = nil, capacityBytes: UInt64? = nil, inodesUsed: UInt64? = nil,
        inodesFree: UInt64? = nil, inodes: UInt64? = nil
    ) {
        self.usedBytes = usedBytes
        self.availableBytes = availableBytes
        self.capacityBytes = capacityBytes
        self.inodesUsed = inodesUsed
        self.inodesFree = inodesFree
        self.inodes = inodes
    }
}

public struct VolumeSummary: Hashable, Sendable {
    public var name: String
    /// The PersistentVolumeClaim behind it, in the pod's namespace.
    public var claim: String?
    public var fileSystem: FileSystemReading

    public init(name: String, claim: String? = nil, fileSystem: FileSystemReading) {
        self.name = name
        self.claim = claim
        self.fileSystem = fileSystem
    }
}

public struct ContainerSummary: Hashable, Sendable {
    public var container: String
    /// The layer that the container writes to.
    public var root: FileSystemReading?
    public var logs: FileSystemReading?

    public init(container: String, root: FileSystemReading? = nil, logs: FileSystemReading? = nil) {
        self.container = container
        self.root = root
        self.logs = logs
    }
}

public struct PodSummary: Hashable, Sendable {
    public var namespace: String
    public var pod: String
    /// When the pod's sandbox was made: seconds since 1970-01-01 UTC.
    public var startTime: Double?
    public var network: NetworkReading?
    /// What containers' layers, logs and emptyDirs take together.
    public var ephemeralStorage: FileSystemReading?
    /// No two with one name.
    public var containers: [ContainerSummary]
    /// No two with one name.
    public var volumes: [VolumeSummary]

    public init(
        namespace: String, pod: String, startTime: Double? = nil, network: NetworkReading? = nil,
        ephemeralStorage: FileSystemReading? = nil, containers: [ContainerSummary] = [], volumes: [VolumeSummary] = []
    ) {
        self.namespace = namespace
        self.pod = pod
        self.startTime = startTime
        self.network = network
        self.ephemeralStorage = ephemeralStorage
        self.containers = containers
        self.volumes = volumes
    }
}

/// What a kubelet's `/stats/summary` says beyond its `/metrics/resource`.
public struct NodeSummary: Hashable, Sendable {
    /// Why it could not be had; there is nothing else then.
    public var failure: String?
    /// When the node began: seconds since 1970-01-01 UTC.
    public var startTime: Double?
    public var network: NetworkReading?
    /// What the kubelet's own files, logs and emptyDirs lie on.
    public var fileSystem: FileSystemReading?
    public var imageFileSystem: FileSystemReading?
    /// What the layers lie on that containers write to, where the kubelet tells it from that of the images.
    public var containerFileSystem: FileSystemReading?
    public var pods: [PodSummary]

    public init(
        failure: String? = nil, startTime: Double? = nil, network: NetworkReading? = nil, fileSystem: FileSystemReading? = nil,
        imageFileSystem: FileSystemReading? = nil, containerFileSystem: FileSystemReading? = nil, pods: [PodSummary] = []
    ) {
        self.failure = failure
        self.startTime = startTime
        self.network = network
        self.fileSystem = fileSystem
        self.imageFileSystem = imageFileSystem
        self.containerFileSystem = containerFileSystem
        self.pods = pods
    }
}
