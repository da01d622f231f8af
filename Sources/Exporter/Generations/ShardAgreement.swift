import DeltaStream

/// Which share of the objects one exporter serves.
struct Division: Hashable, Sendable, CustomStringConvertible {
    /// From 0; from `total` on there is no share.
    var index: Int
    var total: Int

    var buckets: BucketSet { isShare ? .shard(index, of: total) : BucketSet() }
    /// Whether anything belongs to it.
    var isShare: Bool { (0..<total).contains(index) && index < Topic.bucketCount }
    var description: String { "\(index) of \(total)" }
}

/// When the shards of a StatefulSet put a new number of shards in force.
///
/// The shards do not talk to one another. All of them see the same changes of the same StatefulSet within milliseconds, and decide by
/// the same rules, which this value holds; the driver fills what is to be served beforehand. Of each rule the question is what a
/// scraper sees of an object that moves from shard A to shard B: twice while B serves it already, not at all while A does not any more.
///
/// - **More shards.** The new pods have yet to be scheduled and started, which takes as long as it takes. So nobody changes anything until
///   the StatefulSet's status says that all of its pods are ready: the old shards go on to serve everything among themselves, and a new
///   pod is ready when it holds its share, but does not serve it. The status comes to all in one delta, on which all change over at once.
///   Were the old ones to change when the number does, everything that moves to the new ones would be missing while these start.
/// - **Fewer shards.** The pods that are too many are told to end at once, so the rest has to take their share over soon, and nobody
///   is to be waited for. Everybody changes over ``settling`` after having seen the number, and uses that time to fill what is to come.
///   A pod that is too many then serves nothing, even while it still runs.
/// - **A pod that starts anew** cannot know whether it is a new shard or one that was away. It waits in both cases for the status that says that
///   all are ready; a kubelet that probes every 10 s and is answered says so in time. But where another pod of the set stays away, there would be
///   no end to the wait, so it ends ``holding`` after it began. An old shard that waits for new ones goes on ``patience`` after the number changed,
///   for the same reason.
///
/// What remains is the time between two processes' handling of one delta, milliseconds, and, where a share takes longer than ``settling`` to fill,
/// that time. Both are far below the interval of a scrape, so a scrape of all shards sees an object twice or not at all at most once.
struct ShardAgreement: Sendable {
    /// What a StatefulSet says.
    struct Observation: Hashable, Sendable {
        /// How many pods there are to be.
        var replicas: Int
        /// The number of the first pod.
        var start = 0
        var ready: Int
    }

    static let settling = Duration.seconds(5)
    static let holding = Duration.seconds(15)
    static let patience = Duration.seconds(300)

    /// The number at the end of the pod's name.
    let ordinal: Int
    /// What is to be filled, and then put in force when ``isDue(at:)``; nil until the StatefulSet has been seen.
    private(set) var wanted: Division?
    /// What has been put in force.
    private(set) var current: Division?
    /// nil: with the status that says that all are ready.
    private var due: ContinuousClock.Instant?
    private var isReady = false

    init(ordinal: Int) { self.ordinal = ordinal }

    mutating func see(_ seen: Observation, at now: ContinuousClock.Instant) {
        let division = Division(index: ordinal - seen.start, total: seen.replicas)
        if division != wanted {
            wanted = division
            due =
                switch current {
                case nil: now + Self.holding
                case let current? where division.total > current.total: now + Self.patience
                case _?: now + Self.settling
                }
        }
        isReady = seen.ready >= seen.replicas
    }

    /// Whether ``wanted`` is to take its place, if it is filled.
    func isDue(at now: ContinuousClock.Instant) -> Bool {
        guard let wanted, wanted != current, let due else { return false }
        if now >= due { return true }
        // With fewer pods all are ready from the first: it says nothing about who has filled what.
        return isReady && (current.map { wanted.total > $0.total } ?? true)
    }

    /// ``wanted`` is in force.
    mutating func tookOver() { current = wanted }
}

/// The name of a pod of a StatefulSet, taken apart.
struct StatefulPodName: Hashable, Sendable {
    var statefulSet: String
    var ordinal: Int

    /// - Returns: nil for a name that a StatefulSet does not give.
    init?(_ name: String) {
        guard let hyphen = name.lastIndex(of: "-"), hyphen != name.startIndex else { return nil }
        let digits = name[name.index(after: hyphen)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let ordinal = Int32(digits)
        else { return nil }
        (statefulSet, self.ordinal) = (String(name[..<hyphen]), Int(ordinal))
    }
}
