import KubernetesObjects

/// What a subscriber knows of its standing with one resource.
struct SubscribedResource {
    /// What the consumer was told last.
    enum Report: Hashable {
        case nothing
        case current(synced: Bool)
        case stale
    }

    /// Where a delta stands to what is held.
    enum Place {
        case known
        case next
        case afterGap
    }

    private struct NamespaceTopic: Hashable {
        var bucket: UInt8
        var namespace: String
    }

    let interest: ResourceInterest
    /// The stream whose heartbeat has been heard on this subscription, or whose snapshot has come before one; nil while waiting for either.
    var streamID: UInt64?
    /// Whether a request may go out before the first heartbeat.
    var asksAtOnce: Bool
    /// Wanted buckets that are not held up to date.
    var missing: BucketSet
    var synced = false
    var report = Report.nothing
    var isSilent = false
    /// A snapshot is held from before the first heartbeat.
    private var isUnconfirmed = false
    var failures = 0
    var retryAt: Int64 = 0
    /// Buckets a request names at most.
    private(set) var width = Topic.bucketCount
    /// The publisher's wall clock at the last heartbeat, nanoseconds since 1970-01-01 UTC.
    private(set) var lastHeard: Int64 = 0
    private var heardAt: Int64 = 0
    private var interval: Int64 = 0
    /// By bucket: the sequence of its snapshot; without a namespace filter, of the last delta.
    private var sequences = [UInt64](repeating: 0, count: Topic.bucketCount)
    /// By bucket: whose sequence that is; nil where nothing is known of the bucket.
    private var streams = [UInt64?](repeating: nil, count: Topic.bucketCount)
    /// Missing buckets are asked for as the deltas that were missed.
    let wantsReplay: Bool
    /// With a namespace filter: what came after the snapshot.
    private var namespaceSequences: [NamespaceTopic: UInt64] = [:]

    /// - Parameter positions: nil: missing buckets are asked for as objects. Otherwise as the deltas that were missed, and these are what
    ///   an earlier subscriber had; without effect under a namespace filter, whose sequences have holes.
    init(_ interest: ResourceInterest, positions: [UInt8: StreamPosition]? = nil, asksAtOnce: Bool = false) {
        self.interest = interest
        self.asksAtOnce = asksAtOnce
        missing = interest.buckets
        wantsReplay = positions != nil && interest.namespaces == nil
        for (bucket, position) in positions ?? [:] {
            sequences[Int(bucket)] = position.sequence
            streams[Int(bucket)] = position.streamID
        }
    }

    /// What to say of missing buckets when asking for them, so that the deltas may come that were missed; nil for nothing.
    func known(of buckets: [UInt8]) -> SnapshotRequest.Known? {
        guard wantsReplay, let streamID else { return nil }
        let known = buckets.filter { streams[Int($0)] == streamID }
        guard !known.isEmpty else { return nil }
        return .init(
            streamID: streamID, sequences: Dictionary(known.map { ($0, sequences[Int($0)]) }, uniquingKeysWith: { first, _ in first }))
    }

    /// Whether these deltas are, without a hole, those between what is known of the bucket and the part's sequence.
    func fits(_ part: SnapshotAnswer.Bucket) -> Bool {
        guard known(of: [part.bucket]) != nil else { return false }
        var sequence = sequences[Int(part.bucket)]
        for delta in part.objects {
            guard delta.resource == interest.resource, delta.sequence == sequence &+ 1 else { return false }
            sequence = delta.sequence
        }
        return sequence == part.sequence
    }

    /// The deltas that led to what the part holds; none where they have a hole or end elsewhere, which would be no past of it.
    func past(of part: SnapshotAnswer.Bucket) -> [Delta] {
        guard part.past.last?.sequence == part.sequence else { return [] }
        for (one, next) in zip(part.past, part.past.dropFirst()) where next.sequence != one.sequence &+ 1 { return [] }
        return part.past.allSatisfy { $0.resource == interest.resource } ? part.past : []
    }

    /// Whether an answer may be taken behind the heartbeats that have come; other subscribers do without the rest of a list for a while.
    func isTimely(_ answer: SnapshotAnswer) -> Bool { !wantsReplay || answer.synced || !synced }

    /// The buckets are to come as objects.
    mutating func forgetPositions(_ buckets: BucketSet) {
        for bucket in buckets { streams[Int(bucket)] = nil }
    }

    func wants(_ delta: Delta) -> Bool {
        interest.buckets.contains(delta.bucket) && interest.namespaces?.contains(delta.namespace) != false
    }

    func place(_ delta: Delta) -> Place {
        let bucket = delta.bucket
        let held = sequences[Int(bucket)]
        guard interest.namespaces != nil else {
            if delta.sequence <= held { return .known }
            return delta.sequence == held + 1 ? .next : .afterGap
        }
        let last = namespaceSequences[NamespaceTopic(bucket: bucket, namespace: delta.namespace)] ?? held
        if delta.sequence <= last { return .known }
        return delta.previous <= last ? .next : .afterGap
    }

    mutating func advance(_ delta: Delta) {
        if interest.namespaces == nil {
            sequences[Int(delta.bucket)] = delta.sequence
        } else {
            let topic = NamespaceTopic(bucket: delta.bucket, namespace: delta.namespace)
            namespaceSequences[topic] = delta.sequence
        }
    }

    /// A snapshot of the bucket is held.
    mutating func hold(_ bucket: UInt8, sequence: UInt64) {
        sequences[Int(bucket)] = sequence
        streams[Int(bucket)] = streamID
        for namespace in interest.namespaces ?? [] {
            namespaceSequences[NamespaceTopic(bucket: bucket, namespace: namespace)] = nil
        }
        missing.remove(bucket)
    }

    /// A snapshot has come before any heartbeat.
    /// - Parameter interval: within which the next heartbeat is expected, nanoseconds.
    mutating func adopt(_ answer: SnapshotAnswer, now: Int64, interval: Int64) {
        streamID = answer.streamID
        synced = answer.synced
        asksAtOnce = false
        isUnconfirmed = true
        heardAt = now
        self.interval = interval
        // The publisher's clock was at least there.
        lastHeard = answer.buckets.reduce(0) { $1.objects.reduce($0) { max($0, $1.commitTime) } }
    }

    mutating func forgetStream() {
        streamID = nil
        asksAtOnce = false
        isUnconfirmed = false
        missing = interest.buckets
        isSilent = false
    }

    mutating func hear(_ heartbeat: Heartbeat, now: Int64) {
        heardAt = now
        lastHeard = heartbeat.time
        interval = Int64(heartbeat.intervalMilliseconds) * 1_000_000
        synced = heartbeat.synced
    }

    /// Held buckets of which the publisher has sent more than has come. A heartbeat travels behind the deltas that it
    /// counts, so what is not here by now is lost. A snapshot may be ahead of the heartbeat.
    ///
    /// With a namespace filter the sequences of a bucket move without us, and only after a silence are they a reason
    /// for doubt; otherwise tails say what is missing.
    mutating func behind(_ heartbeat: Heartbeat) -> [UInt8] {
        let wasSilent = isSilent || isUnconfirmed
        isSilent = false
        isUnconfirmed = false
        if interest.namespaces != nil && !wasSilent { return [] }
        return interest.buckets.filter { bucket in
            !missing.contains(bucket) && heartbeat.sequences[Int(bucket)] > sequences[Int(bucket)]
        }
    }

    func behind(_ tail: NamespaceTail) -> [UInt8] {
        guard interest.namespaces?.contains(tail.namespace) == true else { return [] }
        return tail.entries.compactMap { entry in
            guard interest.buckets.contains(entry.bucket), !missing.contains(entry.bucket) else { return nil }
            let topic = NamespaceTopic(bucket: entry.bucket, namespace: tail.namespace)
            return entry.sequence > namespaceSequences[topic] ?? sequences[Int(entry.bucket)] ? entry.bucket : nil
        }
    }

    func silentAt(_ configuration: SubscriberStateMachine.Configuration) -> Int64 {
        heardAt + interval * configuration.missedIntervals
    }

    /// While a publisher is silent nobody is there to answer.
    func mayAsk(now: Int64) -> Bool {
        (streamID != nil || asksAtOnce) && !isSilent && !missing.isEmpty && now >= retryAt
    }

    mutating func narrow() { width = max(1, width / 2) }
    mutating func widen() { width = Topic.bucketCount }
}
