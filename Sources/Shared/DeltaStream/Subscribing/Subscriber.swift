import MizzenSystem
public import KubernetesObjects
public import Logging
import Synchronization

import CZeroMQ

/// Follows a publisher, and tells a consumer what it learns: see ``DeltaConsumer``.
///
/// Needs nobody at the other end to begin: it waits. What is lost on the way, for whatever reason, is noticed and fetched
/// again, and only that.
public final class Subscriber: Sendable {
    public struct Options: Sendable {
        /// Deltas that wait here before libzmq stops reading from the publisher.
        public var receiveHighWaterMark: Int32 = 8192
        /// Deltas that may wait for one snapshot.
        public var bufferedDeltas = 50_000
        public var requestTimeout: Duration = .seconds(5)
        /// The wait after the first failed join; it doubles up to `longestBackOff`.
        public var firstBackOff: Duration = .milliseconds(100)
        public var longestBackOff: Duration = .seconds(10)
        /// Asks for snapshots without waiting for the first heartbeats, which come once a second: for who is to be complete soon after its
        /// start.
        public var asksAtOnce = false
        public var transport = Transport()
        /// Resources of which every change is wanted: what was missed of them comes as deltas, as far back as the publisher has them, and
        /// as a whole bucket where it has not. With what an earlier subscriber had been told of them, by bucket; of what is not
        /// mentioned everything comes. Without effect on a resource that is filtered by namespace.
        public var replays: [Resource: [UInt8: StreamPosition]] = [:]
        /// Of resources in `replays`, buckets that come whole bring the deltas that led to them, as far as the publisher has them: for a relay.
        public var wantsPast = false

        public init() {}
    }

    private let deltas: Endpoint
    private let snapshots: Endpoint
    private let interests: [ResourceInterest]
    private let consumer: any DeltaConsumer
    private let options: Options
    private let logger: Logger
    private let waker: Waker
    private let published = Mutex(SubscriberStatistics())

    /// - Parameter filter: what is wanted; several filters of one resource are merged to the union of their buckets and of
    ///   their namespaces.
    public init(
        deltas: String, snapshots: String, filter: [TopicFilter], consumer: any DeltaConsumer,
        options: Options = Options(), logger: Logger
    ) throws(DeltaStreamError) {
        self.deltas = try Endpoint(deltas, transport: options.transport)
        self.snapshots = try Endpoint(snapshots, transport: options.transport)
        interests = ResourceInterest.merged(filter)
        self.consumer = consumer
        self.options = options
        self.logger = logger
        waker = try Waker.forStream()
    }

    /// At most a second old.
    public var statistics: SubscriberStatistics { published.withLock { $0 } }

    /// Until the task is cancelled, on a thread of its own, from which all calls of the consumer come. Once per subscriber.
    public func run() async throws {
        try await OwnThread.run(name: "mizzen-follow", waker: waker) { [self] in
            var link = try SubscriberLink(
                deltas: deltas, snapshots: snapshots, interests: interests, options: options, logger: logger)
            follow(&link)
        }
    }

    private func follow(_ link: inout SubscriberLink) {
        var configuration = SubscriberStateMachine.Configuration()
        configuration.requestTimeout = options.requestTimeout.nanoseconds
        configuration.firstBackOff = options.firstBackOff.nanoseconds
        configuration.longestBackOff = options.longestBackOff.nanoseconds
        configuration.bufferedDeltas = options.bufferedDeltas
        configuration.asksAtOnce = options.asksAtOnce
        configuration.wantsPast = options.wantsPast
        var machine = SubscriberStateMachine(
            interests: interests, replays: options.replays, configuration: configuration, seed: UInt64.random(in: .min ... .max))
        var decision = SubscriberStateMachine.Decision()
        var journal = FollowingJournal()
        defer { for line in journal.lines(now: 0, isEnd: true) { line.write(to: logger) } }
        while true {
            let isCaughtUp = link.drain { received in
                switch received {
                case .success(let event):
                    machine.handle(event, now: MonotonicClock.nanoseconds(), into: &decision)
                case .failure(let error):
                    machine.count(error)
                }
                return decision.takeRequests()
            } then: {
                tell(&decision, &journal)
            }
            let now = MonotonicClock.nanoseconds()
            machine.handle(.tick(isCaughtUp: isCaughtUp), now: now, into: &decision)
            link.perform(decision.takeRequests())
            tell(&decision, &journal)
            for line in journal.lines(now: now) { line.write(to: logger) }
            published.withLock { $0 = machine.statistics }
            let wait = isCaughtUp ? min(1_000_000_000, (machine.nextDeadline ?? .max) - now) : 0
            if link.wait(waker: waker, milliseconds: Int(max(0, wait) + 999_999) / 1_000_000) { return }
        }
    }

    private func tell(_ decision: inout SubscriberStateMachine.Decision, _ journal: inout FollowingJournal) {
        for notice in decision.notices { tell(notice, &journal) }
        decision.notices.removeAll(keepingCapacity: true)
    }

    private func tell(_ notice: SubscriberStateMachine.Notice, _ journal: inout FollowingJournal) {
        switch notice {
        case .replaceBucket(let resource, let bucket, let objects, let position, let past):
            consumer.willReplaceBucket(resource, bucket: bucket, position: position, past: past)
            consumer.replaceBucket(resource, bucket: bucket, objects: objects)
        case .apply(let delta): consumer.apply(delta)
        case .joined(let resource, let synced):
            journal.joined(resource, synced: synced, now: MonotonicClock.nanoseconds())
            consumer.joined(resource, synced: synced)
        case .stale(let resource, let since, let reason):
            journal.stale(resource, reason, now: MonotonicClock.nanoseconds())
            consumer.stale(resource, since: since)
        case .heartbeat(let heartbeat): consumer.heartbeat(heartbeat)
        }
    }
}

extension SubscriberStateMachine.Decision {
    fileprivate mutating func takeRequests() -> [SubscriberStateMachine.Request] {
        if requests.isEmpty { return [] }
        defer { requests = [] }
        return requests
    }
}
