/// Raw cumulative readings as a kubelet gave them; nil is what it did not give. Two of them make a rate.
public struct Reading: Hashable, Sendable {
    /// CPU time used since the start, in seconds.
    public var cpuSecondsTotal: Double?
    /// When `cpuSecondsTotal` was read: milliseconds since 1970-01-01 UTC.
    public var cpuTime: Int64?
    public var memoryWorkingSetBytes: Double?
    /// When `memoryWorkingSetBytes` was read: milliseconds since 1970-01-01 UTC.
    public var memoryTime: Int64?
    /// When the container began: seconds since 1970-01-01 UTC.
    public var startTime: Double?
    public var swapUsageBytes: Double?

    public init(
        cpuSecondsTotal: Double? = nil, cpuTime: Int64? = nil, memoryWorkingSetBytes: Double? = nil,
        memoryTime: Int64? = nil, startTime: Double? = nil, swapUsageBytes: Double? = nil
    ) {
        self.cpuSecondsTotal = cpuSecondsTotal
        self.cpuTime = cpuTime
        self.memoryWorkingSetBytes = memoryWorkingSetBytes
        self.memoryTime = memoryTime
        self.startTime = startTime
        self.swapUsageBytes = swapUsageBytes
    }
}

public struct ContainerReading: Hashable, Sendable {
    public var namespace: String
    public var pod: String
    public var container: String
    public var reading: Reading

    public init(namespace: String, pod: String, container: String, reading: Reading) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
        self.reading = reading
    }
}

public struct PodReading: Hashable, Sendable {
    public var namespace: String
    public var pod: String
    public var reading: Reading

    public init(namespace: String, pod: String, reading: Reading) {
        self.namespace = namespace
        self.pod = pod
        self.reading = reading
    }
}

/// One scrape of one node's kubelet.
public struct NodeSample: Hashable, Sendable {
    public var node: String
    /// Names the collector process that scraped.
    public var collector: String
    /// When the scrape began: nanoseconds since 1970-01-01 UTC.
    public var scrapedAt: Int64
    /// Why the scrape failed; there are no readings then.
    public var failure: String?
    /// The node as a whole.
    public var usage: Reading?
    public var containers: [ContainerReading]
    public var pods: [PodReading]
    /// Nil where the collector does not ask for it.
    public var summary: NodeSummary?

    public init(
        node: String, collector: String, scrapedAt: Int64, failure: String? = nil, usage: Reading? = nil,
        containers: [ContainerReading] = [], pods: [PodReading] = [], summary: NodeSummary? = nil
    ) {
        self.node = node
        self.collector = collector
        self.scrapedAt = scrapedAt
        self.failure = failure
        self.usage = usage
        self.containers = containers
        self.pods = pods
        self.summary = summary
    }

    static let topicPrefix = "samples/"
    var topic: String { Self.topicPrefix + node }
}
