import KubernetesObjects
import MizzenSystem

/// Every decision of a subscriber, without sockets or clocks: events go in; requests for the sockets and notices for the consumer come out.
///
/// Each wanted bucket is either *live* (held, with the sequence up to which it is held) or *missing*. Missing buckets of a
/// resource are fetched by one request at a time, once a heartbeat has shown that the subscription is in force. Deltas for
/// the buckets of that request are kept until its answer is there; deltas for missing buckets that are not being asked for
/// are dropped, as a snapshot that is asked for later includes them.
///
/// With ``Configuration/asksAtOnce`` the first request of a resource does not wait for the heartbeat. What is lost then, between the
/// snapshot and the subscription's coming into force, is what is lost at any other time: the next heartbeat counts it, and the buckets
/// are fetched again. Only where namespaces are wanted a heartbeat cannot tell, so there the first one counts as one after a silence.
///
/// **Replays.** Of a resource that is to be replayed a missing bucket is asked for with the position up to which the consumer has been told of
/// it: by this subscriber before a loss, or by one before it whose positions were kept. A publisher that still has all deltas after it
/// answers with them, and with objects otherwise. No delta is told twice, and none is left out where they come, because
/// - while a bucket is missing, its position stays: nothing of it is told;
/// - the answer is taken only if its deltas begin right after the position and go on without a hole to the answer's sequence, which becomes
///   the position in the same step;
/// - what came meanwhile over the subscription is then judged by that position, as behind a snapshot;
/// - a position is of one stream, and is not mentioned to another: sequences say nothing there.
///
/// Who counts has also to tell a pod that is new from one that a watcher comes upon in its first list. So an answer from before that list's end is
/// refused where a heartbeat has told of the end: the consumer takes everything after such a heartbeat for what happens.
///
/// Times are nanoseconds of any clock that only goes forward.
struct SubscriberStateMachine {
    struct Configuration: Sendable {
        /// An answer that takes longer is given up.
        var requestTimeout: Int64 = 5_000_000_000
        /// The wait after a first failed join; it doubles with each further one, up to `longestBackOff`.
        var firstBackOff: Int64 = 100_000_000
        var longestBackOff: Int64 = 10_000_000_000
        /// So many heartbeat intervals without a heartbeat make a resource stale.
        var missedIntervals: Int64 = 3
        /// Whether the first request of a resource goes out without a heartbeat. Once it has failed, the heartbeat is waited for.
        var asksAtOnce = false
        /// Whether buckets of replayed resources that come as objects are to bring their past.
        var wantsPast = false
        /// Between heartbeats, before the first has said it: more than anybody's.
        var assumedInterval: Int64 = 5_000_000_000
        /// Deltas, and bytes of their objects, that may wait for one snapshot.
        var bufferedDeltas = 50_000
        var bufferedBytes = 64 << 20
    }

    enum Event {
        case delta(Delta)
        case heartbeat(Heartbeat)
        case tail(NamespaceTail)
        case answer(SnapshotAnswer)
        /// Time has passed; `isCaughtUp`: nothing that had arrived before is still unread.
        case tick(isCaughtUp: Bool)
    }

    /// What the subscriber's sockets are to do.
    enum Request: Hashable {
        case ask(SnapshotRequest)
        /// The answer never came: forget the connection, so that nothing queues up in it.
        case reconnect
    }

    /// What the consumer is to be told.
    enum Notice: Hashable {
        case replaceBucket(Resource, UInt8, [Delta], StreamPosition, past: [Delta] = [])
        case apply(Delta)
        case joined(Resource, synced: Bool)
        case stale(Resource, since: Int64, StaleReason)
        case heartbeat(Heartbeat)
    }

    /// What follows from events: each in its own order, and no order between the two.
    struct Decision: Hashable {
        var requests: [Request] = []
        var notices: [Notice] = []
    }

    enum StaleReason: String, Hashable {
        case gap = "a delta was lost"
        case newStream = "the publisher began a new stream"
        case silence = "heartbeats are missing"
    }

    /// One request that is under way.
    struct Join {
        var id: UInt64
        var resource: Int
        var buckets: BucketSet
        var deadline: Int64
        var deltas: [Delta] = []
        var bytes = 0
    }

    let configuration: Configuration
    var resources: [SubscribedResource]
    private let indices: [Resource: Int]
    var join: Join?
    private(set) var statistics = SubscriberStatistics()
    private var nextRequestID: UInt64
    /// Whose turn it is to be asked for.
    private var turn = 0
    private var random: SeededRandom

    /// - Parameters:
    ///   - replays: resources of which missing buckets are asked for as the deltas that were missed, and what an earlier subscriber had of them.
    ///   - seed: makes request ids and the jitter of back-off; two subscribers should not share one.
    init(
        interests: [ResourceInterest], replays: [Resource: [UInt8: StreamPosition]] = [:],
        configuration: Configuration = Configuration(), seed: UInt64
    ) {
        self.configuration = configuration
        resources = interests.map {
            SubscribedResource($0, positions: replays[$0.resource], asksAtOnce: configuration.asksAtOnce)
        }
        indices = Dictionary(interests.enumerated().map { ($1.resource, $0) }, uniquingKeysWith: { first, _ in first })
        random = SeededRandom(seed: seed)
        nextRequestID = random.next()
    }

    /// Messages that the driver could not read, for the statistics.
    mutating func count(_ error: EnvelopeError) {
        if case .unknownVersion = error { statistics.unknownVersions += 1 } else { statistics.malformed += 1 }
    }

    mutating func handle(_ event: Event, now: Int64, into decision: inout Decision) {
        switch event {
        case .delta(let delta): receive(delta, now: now, into: &decision)
        case .heartbeat(let heartbeat): receive(heartbeat, now: now, into: &decision)
        case .tail(let tail): receive(tail, now: now, into: &decision)
        case .answer(let answer): receive(answer, now: now, into: &decision)
        case .tick(let isCaughtUp): tick(now: now, isCaughtUp: isCaughtUp, into: &decision)
        }
    }

    /// When the next `tick` has something to do; nil when only messages can change anything.
    var nextDeadline: Int64? {
        var deadline = join?.deadline
        func sooner(_ time: Int64) { deadline = min(deadline ?? time, time) }
        for resource in resources where resource.streamID != nil && !resource.isSilent {
            sooner(resource.silentAt(configuration))
            if join == nil && !resource.missing.isEmpty { sooner(resource.retryAt) }
        }
        return deadline
    }

    // MARK: Deltas

    private mutating func receive(_ delta: Delta, now: Int64, into decision: inout Decision) {
        guard let index = indices[delta.resource], resources[index].wants(delta) else {
            statistics.unwanted += 1
            return
        }
        statistics.deltas += 1
        let isAwaited = join?.resource == index && join?.buckets.contains(delta.bucket) == true
        guard let streamID = resources[index].streamID else {
            // The answer says of which stream it is.
            if isAwaited { keep(delta, now: now) }
            return
        }
        guard delta.streamID == streamID else {
            beginStream(now: now, into: &decision)
            return
        }
        if isAwaited {
            keep(delta, now: now)
            return
        }
        guard !resources[index].missing.contains(delta.bucket) else { return }
        apply(delta, to: index, now: now, into: &decision)
    }

    private mutating func apply(_ delta: Delta, to index: Int, now: Int64, into decision: inout Decision) {
        switch resources[index].place(delta) {
        case .known:
            statistics.duplicates += 1
        case .next:
            resources[index].advance(delta)
            statistics.applied += 1
            decision.notices.append(.apply(delta))
        case .afterGap:
            lose([delta.bucket], of: index, now: now, into: &decision)
        }
    }

    private mutating func keep(_ delta: Delta, now: Int64) {
        join?.deltas.append(delta)
        join?.bytes += delta.object.bytes.count
        guard let (index, count, bytes) = join.map({ ($0.resource, $0.deltas.count, $0.bytes) }),
            count > configuration.bufferedDeltas || bytes > configuration.bufferedBytes
        else { return }
        // Too much changes while so many buckets are fetched: ask for fewer.
        statistics.overflows += 1
        resources[index].narrow()
        fail(index, now: now)
    }

    /// Buckets whose deltas were lost have to be fetched.
    private mutating func lose(_ buckets: [UInt8], of index: Int, now: Int64, into decision: inout Decision) {
        guard !buckets.isEmpty else { return }
        statistics.gaps += UInt64(buckets.count)
        for bucket in buckets { resources[index].missing.insert(bucket) }
        becomeStale(index, .gap, into: &decision)
        // The first loss is made good at once; who loses again and again waits.
        resources[index].retryAt = now + backOff(resources[index].failures)
        resources[index].failures += 1
        plan(now: now, into: &decision)
    }

    // MARK: Heartbeats

    private mutating func receive(_ heartbeat: Heartbeat, now: Int64, into decision: inout Decision) {
        guard let index = indices[heartbeat.resource] else {
            statistics.unwanted += 1
            return
        }
        statistics.heartbeats += 1
        if let streamID = resources[index].streamID, streamID != heartbeat.streamID {
            beginStream(now: now, into: &decision)
        }
        resources[index].streamID = heartbeat.streamID
        resources[index].hear(heartbeat, now: now)
        lose(resources[index].behind(heartbeat), of: index, now: now, into: &decision)
        decision.notices.append(.heartbeat(heartbeat))
        if resources[index].missing.isEmpty {
            resources[index].failures = 0
            resources[index].widen()
            becomeCurrent(index, into: &decision)
        }
        plan(now: now, into: &decision)
    }

    private mutating func receive(_ tail: NamespaceTail, now: Int64, into decision: inout Decision) {
        guard let index = indices[tail.resource], resources[index].streamID == tail.streamID else { return }
        lose(resources[index].behind(tail), of: index, now: now, into: &decision)
    }

    /// The publisher has another history: nothing held has a place in it. Each resource waits for its heartbeat, which
    /// shows that the subscription has reached the new publisher.
    private mutating func beginStream(now: Int64, into decision: inout Decision) {
        statistics.newStreams += 1
        join = nil
        for index in resources.indices {
            resources[index].forgetStream()
            becomeStale(index, .newStream, into: &decision)
            resources[index].retryAt = now
        }
    }

    // MARK: Joining

    private mutating func receive(_ answer: SnapshotAnswer, now: Int64, into decision: inout Decision) {
        guard let held = join, held.id == answer.requestID else {
            statistics.strayAnswers += 1
            return
        }
        let index = held.resource
        guard answer.status == .ok, answer.streamID == resources[index].streamID ?? answer.streamID, !answer.buckets.isEmpty,
            answer.buckets.allSatisfy({ held.buckets.contains($0.bucket) }), resources[index].isTimely(answer)
        else {
            statistics.refusals += 1
            fail(index, now: now)
            return
        }
        guard answer.buckets.allSatisfy({ !$0.isDeltas || resources[index].fits($0) }) else {
            // Not to be trusted with this; objects are the way that always leads on.
            statistics.refusals += 1
            resources[index].forgetPositions(held.buckets)
            fail(index, now: now)
            return
        }
        join = nil
        if resources[index].streamID == nil { resources[index].adopt(answer, now: now, interval: configuration.assumedInterval) }
        var fetched = BucketSet()
        for part in answer.buckets where !fetched.contains(part.bucket) {
            fetched.insert(part.bucket)
            resources[index].hold(part.bucket, sequence: part.sequence)
            statistics.bucketsFetched += 1
            guard !part.isDeltas else {
                statistics.replays += 1
                statistics.applied += UInt64(part.objects.count)
                decision.notices += part.objects.map { .apply($0) }
                continue
            }
            let position = StreamPosition(streamID: answer.streamID, sequence: part.sequence)
            decision.notices.append(
                .replaceBucket(
                    resources[index].interest.resource, part.bucket, part.objects, position, past: resources[index].past(of: part)))
        }
        // In the order in which they came; those of buckets that are still missing are in a later snapshot.
        for delta in held.deltas where delta.streamID == answer.streamID && !resources[index].missing.contains(delta.bucket) {
            apply(delta, to: index, now: now, into: &decision)
        }
        if resources[index].missing.isEmpty {
            statistics.joins += 1
            becomeCurrent(index, into: &decision)
        }
        plan(now: now, into: &decision)
    }

    /// Asks for what is missing, one request at a time, the resources in turn.
    private mutating func plan(now: Int64, into decision: inout Decision) {
        guard join == nil else { return }
        for step in resources.indices {
            let index = (turn + step) % resources.count
            guard resources[index].mayAsk(now: now) else { continue }
            turn = index + 1
            let buckets = Array(resources[index].missing.prefix(resources[index].width))
            let interest = resources[index].interest
            nextRequestID &+= 1
            join = Join(
                id: nextRequestID, resource: index, buckets: BucketSet(buckets),
                deadline: now + configuration.requestTimeout)
            statistics.requests += 1
            decision.requests.append(
                .ask(
                    SnapshotRequest(
                        id: nextRequestID,
                        subject: .buckets(interest.resource, buckets, namespaces: interest.namespaces),
                        known: resources[index].known(of: buckets),
                        wantsPast: configuration.wantsPast && resources[index].wantsReplay)))
            return
        }
    }

    private mutating func fail(_ index: Int, now: Int64) {
        join = nil
        resources[index].asksAtOnce = false
        resources[index].failures += 1
        resources[index].retryAt = now + backOff(resources[index].failures)
    }

    /// 0 for none, then doubling; between half of it and the whole of it at random, so that subscribers that lost their
    /// publisher together do not come back together.
    private mutating func backOff(_ failures: Int) -> Int64 {
        guard failures > 0 else { return 0 }
        let doubled = configuration.firstBackOff << Int64(min(failures - 1, 20))
        let wait = min(doubled, configuration.longestBackOff)
        return wait / 2 + Int64(random.next() % UInt64(max(1, wait / 2)))
    }

    // MARK: Time

    private mutating func tick(now: Int64, isCaughtUp: Bool, into decision: inout Decision) {
        if let held = join, now >= held.deadline, isCaughtUp {
            statistics.timeouts += 1
            decision.requests.append(.reconnect)
            fail(held.resource, now: now)
        }
        // Heartbeats may lie unread after this process was stopped: read first, then judge.
        if isCaughtUp {
            for index in resources.indices
            where resources[index].streamID != nil && !resources[index].isSilent
                && now >= resources[index].silentAt(configuration)
            {
                resources[index].isSilent = true
                statistics.silences += 1
                becomeStale(index, .silence, into: &decision)
            }
        }
        plan(now: now, into: &decision)
    }

    private mutating func becomeStale(_ index: Int, _ reason: StaleReason, into decision: inout Decision) {
        guard case .current = resources[index].report else { return }
        resources[index].report = .stale
        decision.notices.append(.stale(resources[index].interest.resource, since: resources[index].lastHeard, reason))
    }

    private mutating func becomeCurrent(_ index: Int, into decision: inout Decision) {
        guard !resources[index].isSilent else { return }
        let synced = resources[index].synced
        guard resources[index].report != .current(synced: synced) else { return }
        resources[index].report = .current(synced: synced)
        decision.notices.append(.joined(resources[index].interest.resource, synced: synced))
    }
}

/// Counts since the subscriber began.
public struct SubscriberStatistics: Hashable, Sendable {
    /// Wanted deltas that arrived.
    public var deltas: UInt64 = 0
    public var applied: UInt64 = 0
    /// Deltas that a snapshot or an earlier delta had brought already.
    public var duplicates: UInt64 = 0
    /// Messages that a topic prefix let through and no filter names.
    public var unwanted: UInt64 = 0
    public var heartbeats: UInt64 = 0
    /// Buckets that were found behind and were fetched again.
    public var gaps: UInt64 = 0
    public var newStreams: UInt64 = 0
    /// Times that heartbeats stayed away.
    public var silences: UInt64 = 0
    public var requests: UInt64 = 0
    public var timeouts: UInt64 = 0
    /// Answers that were refusals, or from another stream than the deltas.
    public var refusals: UInt64 = 0
    public var strayAnswers: UInt64 = 0
    /// Joins given up because too many deltas waited for the answer.
    public var overflows: UInt64 = 0
    public var bucketsFetched: UInt64 = 0
    /// Of these, those that came as the deltas that were missed.
    public var replays: UInt64 = 0
    /// Times that a resource became complete.
    public var joins: UInt64 = 0
    /// Messages that could not be read and were skipped.
    public var malformed: UInt64 = 0
    /// Messages of an unknown envelope version, skipped too.
    public var unknownVersions: UInt64 = 0

    public init() {}
}
