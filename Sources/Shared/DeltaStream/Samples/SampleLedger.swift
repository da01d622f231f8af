import MizzenSystem

/// One moment on two clocks: a sample says by the first when it was made, and grows old by the second.
public struct SampleMoment: Hashable, Sendable {
    /// Nanoseconds since 1970-01-01 UTC.
    public var wall: Int64
    /// Nanoseconds since the boot, which nobody sets.
    public var boot: Int64

    public init(wall: Int64, boot: Int64) {
        self.wall = wall
        self.boot = boot
    }

    public static var now: SampleMoment {
        SampleMoment(wall: WallClock.nanoseconds(), boot: Int64(clamping: BootClock.nanoseconds()))
    }
}

/// Which sample of each node counts, and until when.
///
/// A sample's age is read from the wall clock once, when it arrives; from then on it grows by the boot clock. So a clock that is
/// set, here or at a collector, neither ends usage that is current nor prolongs what has ended. A sample from the future is as
/// old as its arrival.
///
/// Of samples of one node the newer counts. An older one is taken where the held one has ended, and from the collector that
/// made the held one: collectors send in order, so its clock was set back.
public struct SampleLedger: Sendable {
    private struct Entry {
        var held: Held
        var isCurrent: Bool
    }

    private let lifetime: Int64
    private let memory: Int64
    private var entries: [String: Entry] = [:]
    /// Before this nothing ends.
    private var due = Int64.max

    /// - Parameters:
    ///   - lifetime: for how many nanoseconds a sample counts.
    ///   - memory: for how many more its node is remembered.
    public init(lifetime: Int64, memory: Int64 = 0) {
        self.lifetime = lifetime
        self.memory = memory
    }

    /// Notes a sample that has arrived.
    /// - Returns: whether it is the one that counts of its node now. It may have ended already: see ``isCurrent(_:)``.
    public mutating func admits(_ sample: NodeSample, at moment: SampleMoment) -> Bool {
        if let held = entries[sample.node]?.held, held.scrapedAt > sample.scrapedAt, held.collector != sample.collector,
            held.madeAt + lifetime >= moment.boot
        {
            return false
        }
        let (age, overflow) = moment.wall.subtractingReportingOverflow(sample.scrapedAt)
        // Whatever overflows is beyond any lifetime, on one side or the other.
        let known = overflow ? (sample.scrapedAt < 0 ? lifetime + memory + 1 : 0) : min(max(0, age), lifetime + memory + 1)
        let held = Held(scrapedAt: sample.scrapedAt, collector: sample.collector, madeAt: moment.boot - known)
        hold(Entry(held: held, isCurrent: known <= lifetime), of: sample.node)
        return true
    }

    /// What tells a sample that counts, or is remembered: to be kept over a restart within one boot.
    public struct Held: Hashable, Sendable {
        public var scrapedAt: Int64
        public var collector: String
        /// By the boot clock, in nanoseconds.
        public var madeAt: Int64

        public init(scrapedAt: Int64, collector: String, madeAt: Int64) {
            self.scrapedAt = scrapedAt
            self.collector = collector
            self.madeAt = madeAt
        }
    }

    /// The node's sample that counts, or is remembered.
    public func held(_ node: String) -> Held? { entries[node]?.held }

    /// Goes on from what another process of this boot held of a node.
    /// - Returns: false if that is not even remembered any more, or is of a time that has not come: then nothing is taken over.
    public mutating func adopt(_ held: Held, of node: String, at moment: SampleMoment) -> Bool {
        let (age, overflow) = moment.boot.subtractingReportingOverflow(held.madeAt)
        guard !overflow, (0...lifetime + memory).contains(age) else { return false }
        hold(Entry(held: held, isCurrent: age <= lifetime), of: node)
        return true
    }

    private mutating func hold(_ entry: Entry, of node: String) {
        entries[node] = entry
        due = min(due, end(of: entry))
    }

    /// Whether the node's sample counts, as of the last ``sweep(at:)``.
    public func isCurrent(_ node: String) -> Bool { entries[node]?.isCurrent ?? false }

    /// Costs nothing while nothing ends.
    /// - Returns: the nodes whose sample counts no more, and those that are not even remembered any more.
    public mutating func sweep(at moment: SampleMoment) -> (ended: [String], gone: [String]) {
        guard moment.boot > due else { return ([], []) }
        var ended: [String] = []
        var gone: [String] = []
        due = .max
        for (node, entry) in entries {
            let age = moment.boot - entry.held.madeAt
            if age > lifetime + memory {
                gone.append(node)
            } else if age > lifetime, entry.isCurrent {
                ended.append(node)
                entries[node]?.isCurrent = false
                due = min(due, entry.held.madeAt + lifetime + memory)
            } else {
                due = min(due, end(of: entry))
            }
        }
        for node in gone { entries[node] = nil }
        return (ended, gone)
    }

    public mutating func forget(node: String) { entries[node] = nil }

    private func end(of entry: Entry) -> Int64 { entry.held.madeAt + lifetime + (entry.isCurrent ? 0 : memory) }
}
