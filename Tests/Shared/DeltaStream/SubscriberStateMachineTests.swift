import KubernetesObjects
import MizzenSystem
import Testing

@testable import DeltaStream

private typealias Machine = SubscriberStateMachine

/// A publisher's side without sockets: a store, and a clock that the test moves.
private struct Bench {
    var store = StreamStore(streamID: 1)
    var machine: Machine
    var now: Int64 = 0

    static let interval: Int64 = 1_000_000_000

    init(_ filters: [TopicFilter] = [TopicFilter(.pods)], configuration: Machine.Configuration = .init()) {
        machine = Machine(interests: ResourceInterest.merged(filters), configuration: configuration, seed: 42)
        for filter in filters { store.announce(filter.resource) }
    }

    mutating func give(_ event: Machine.Event) -> Machine.Decision {
        var decision = Machine.Decision()
        machine.handle(event, now: now, into: &decision)
        decision.notices.removeAll { if case .heartbeat = $0 { true } else { false } }
        return decision
    }

    mutating func tick() -> Machine.Decision { give(.tick(isCaughtUp: true)) }

    mutating func beat(_ resource: Resource = .pods) -> Machine.Decision {
        give(.heartbeat(store.heartbeat(resource, time: now, intervalMilliseconds: 1000)!))
    }

    mutating func put(_ name: String, _ namespace: String = "default", version: Int = 1, in bucket: UInt8 = 1) -> Delta {
        let number = Int(name.utf8.reduce(0) { $0 &* 31 &+ UInt32($1) } % 1000)
        return store.upsert(
            object(name, namespace: namespace, version: version, uid: uid(in: bucket, number)), commitTime: now)!
    }

    func answer(_ request: SnapshotRequest?, first count: Int = 256) -> Machine.Event {
        guard case .buckets(let resource, let buckets, let namespaces) = request?.subject else {
            Issue.record("no request")
            return .tick(isCaughtUp: true)
        }
        var answer = SnapshotAnswer(requestID: request!.id, streamID: store.streamID)
        for bucket in buckets.prefix(count) {
            let held = store.snapshot(resource, bucket: bucket)!
            let objects = held.objects.filter { namespaces?.contains($0.namespace) != false }
            answer.buckets.append(.init(bucket: bucket, sequence: held.sequence, objects: objects))
        }
        return .answer(answer)
    }

    /// Heartbeat, request, answer.
    mutating func join(_ resource: Resource = .pods) {
        let request = beat(resource).request
        _ = give(answer(request))
    }
}

extension SubscriberStateMachine.Decision {
    fileprivate var request: SnapshotRequest? {
        for case .ask(let request) in requests { return request }
        return nil
    }
    fileprivate var requested: [UInt8] {
        if case .buckets(_, let buckets, _) = request?.subject { return buckets }
        return []
    }
    fileprivate var applied: [String] { notices.compactMap { if case .apply(let delta) = $0 { delta.name } else { nil } } }
    fileprivate var replaced: [UInt8] {
        notices.compactMap { if case .replaceBucket(_, let bucket, _, _, _) = $0 { bucket } else { nil } }
    }
    fileprivate var isStale: Bool { notices.contains { if case .stale = $0 { true } else { false } } }
    fileprivate var joined: Bool? {
        for case .joined(_, let synced) in notices { return synced }
        return nil
    }
    fileprivate var isEmpty: Bool { requests.isEmpty && notices.isEmpty }
}

@Suite("SubscriberStateMachine")
struct SubscriberStateMachineTests {
    @Test("nothing is asked before a heartbeat shows that the subscription is in force")
    func waiting() {
        var bench = Bench()
        #expect(bench.tick().isEmpty)
        #expect(bench.give(.delta(bench.put("a"))).isEmpty)
        #expect(bench.beat().requested.count == 256)
    }

    @Test("a join holds the snapshot and then applies what is newer")
    func joining() {
        var bench = Bench()
        _ = bench.put("a")
        let request = bench.beat().request
        let included = bench.put("b")
        let answer = bench.answer(request)
        let newer = bench.put("c")
        #expect(bench.give(.delta(included)).isEmpty)
        #expect(bench.give(.delta(newer)).isEmpty)
        let decision = bench.give(answer)
        #expect(decision.replaced.count == 256)
        #expect(decision.applied == ["c"])
        #expect(decision.joined == false)
        #expect(bench.give(.delta(bench.put("d"))).applied == ["d"])
    }

    @Test("joined is told again when the watcher becomes synced")
    func synced() {
        var bench = Bench()
        bench.join()
        #expect(bench.beat().joined == nil)
        bench.store.markSynced(.pods, resourceVersion: "7")
        #expect(bench.beat().joined == true)
        #expect(bench.beat().joined == nil)
    }

    @Test("a snapshot comes in parts, and a delta for a part that is not here yet is in a later one")
    func parts() {
        var bench = Bench()
        let request = bench.beat().request
        let early = bench.give(.delta(bench.put("late-bucket", in: 200)))
        #expect(early.isEmpty)
        let second = bench.give(bench.answer(request, first: 100))
        #expect(second.replaced.count == 100 && second.joined == nil)
        #expect(second.requested.first == 100 && second.requested.count == 156)
        let last = bench.give(bench.answer(second.request))
        #expect(last.joined == false && last.applied.isEmpty)
        #expect(bench.give(.delta(bench.put("late-bucket", version: 2, in: 200))).applied == ["late-bucket"])
    }

    @Test("a gap makes the resource stale and fetches that bucket alone")
    func gap() {
        var bench = Bench()
        bench.join()
        _ = bench.put("lost", in: 5)
        let decision = bench.give(.delta(bench.put("seen", in: 5)))
        #expect(decision.isStale && decision.applied.isEmpty && decision.requested == [5])
        #expect(bench.give(.delta(bench.put("other", in: 6))).applied == ["other"])
        let healed = bench.give(bench.answer(decision.request))
        #expect(healed.replaced == [5] && healed.joined == false)
    }

    @Test("duplicates and deltas out of order change nothing")
    func duplicates() {
        var bench = Bench()
        bench.join()
        let first = bench.put("a")
        let second = bench.put("b")
        #expect(bench.give(.delta(first)).applied == ["a"])
        #expect(bench.give(.delta(second)).applied == ["b"])
        #expect(bench.give(.delta(first)).isEmpty)
        #expect(bench.give(.delta(second)).isEmpty)
        #expect(bench.machine.statistics.duplicates == 2)
    }

    @Test("deltas in the wrong order are a gap, healed by a snapshot")
    func reorder() {
        var bench = Bench()
        bench.join()
        let first = bench.put("a")
        let second = bench.put("b")
        let gap = bench.give(.delta(second))
        #expect(gap.requested == [1])
        #expect(bench.give(.delta(first)).isEmpty)
        #expect(bench.give(bench.answer(gap.request)).applied.isEmpty)
        #expect(bench.give(.delta(bench.put("c"))).applied == ["c"])
    }

    @Test("a loss at the end is noticed by the heartbeat")
    func lostTail() {
        var bench = Bench()
        bench.join()
        _ = bench.put("lost", in: 77)
        let decision = bench.beat()
        #expect(decision.isStale && decision.requested == [77])
    }

    @Test("a heartbeat older than the snapshot is no gap")
    func oldHeartbeat() {
        var bench = Bench()
        let request = bench.beat().request
        let old = bench.store.heartbeat(.pods, time: 0, intervalMilliseconds: 1000)!
        let delta = bench.put("a")
        _ = bench.give(bench.answer(request))
        #expect(bench.give(.heartbeat(old)).isEmpty)
        #expect(bench.give(.delta(delta)).isEmpty)
    }

    @Test("a new stream makes everything stale, and each resource waits for its heartbeat")
    func newStream() {
        var bench = Bench([TopicFilter(.pods), TopicFilter(.nodes)])
        bench.join(.pods)
        bench.join(.nodes)
        bench.store = StreamStore(streamID: 2)
        bench.store.announce(.pods)
        bench.store.announce(.nodes)
        let delta = bench.give(.delta(bench.put("a")))
        #expect(delta.isStale && delta.request == nil && delta.notices.count == 2)
        let pods = bench.beat(.pods)
        #expect(pods.requested.count == 256)
        #expect(bench.give(bench.answer(pods.request)).joined == false)
        #expect(bench.beat(.nodes).requested.count == 256)
    }

    @Test("an answer from another stream than the deltas is refused")
    func foreignAnswer() {
        var bench = Bench()
        let request = bench.beat().request
        bench.store = StreamStore(streamID: 9)
        bench.store.announce(.pods)
        #expect(bench.give(bench.answer(request)).isEmpty)
        #expect(bench.machine.statistics.refusals == 1)
    }

    @Test("three missed heartbeats make a resource stale; when they come back only what differs is fetched")
    func silence() {
        var bench = Bench()
        bench.join()
        bench.now = 2 * Bench.interval
        #expect(bench.tick().isEmpty)
        bench.now = 3 * Bench.interval
        #expect(bench.give(.tick(isCaughtUp: false)).isEmpty)
        let decision = bench.tick()
        #expect(decision.notices == [.stale(.pods, since: 0, .silence)] && decision.requests.isEmpty)
        #expect(bench.tick().isEmpty)
        _ = bench.put("lost", in: 30)
        bench.now += Bench.interval
        let back = bench.beat()
        #expect(back.requested == [30] && back.joined == nil)
        #expect(bench.give(bench.answer(back.request)).joined == false)
    }

    @Test("after a silence without a loss the resource is current at once")
    func harmlessSilence() {
        var bench = Bench()
        bench.join()
        bench.now = 3 * Bench.interval
        #expect(bench.tick().isStale)
        let back = bench.beat()
        #expect(back.joined == false && back.request == nil)
    }

    @Test("a subscriber of some buckets sees no gap in others")
    func bucketFilter() {
        var bench = Bench([TopicFilter(.pods, buckets: BucketSet([3, 4]))])
        let request = bench.beat()
        #expect(request.requested == [3, 4])
        #expect(bench.give(bench.answer(request.request)).joined == false)
        _ = bench.put("elsewhere", in: 9)
        #expect(bench.beat().isEmpty)
        #expect(bench.give(.delta(bench.put("not mine", in: 9))).isEmpty)
        #expect(bench.give(.delta(bench.put("mine", in: 3))).applied == ["mine"])
    }

    @Test("a subscriber of one namespace takes the holes that others leave, and no others")
    func namespaceFilter() {
        var bench = Bench([TopicFilter(.pods, namespace: "mine")])
        bench.join()
        #expect(bench.give(.delta(bench.put("a", "mine"))).applied == ["a"])
        _ = bench.put("b", "other")
        #expect(bench.give(.delta(bench.put("c", "mine"))).applied == ["c"])
        #expect(bench.beat().isEmpty)
        _ = bench.put("lost", "mine")
        _ = bench.put("d", "other")
        #expect(bench.give(.delta(bench.put("e", "mine"))).requested == [1])
    }

    @Test("a subscriber of one namespace notices by its tail that the last delta was lost")
    func namespaceTail() {
        var bench = Bench([TopicFilter(.pods, namespace: "mine")])
        bench.join()
        _ = bench.put("x", "other")
        var requested: [UInt8] = []
        for tail in bench.store.nextTails(.pods) { requested += bench.give(.tail(tail)).requested }
        #expect(requested.isEmpty)
        _ = bench.put("lost", "mine", in: 8)
        for tail in bench.store.nextTails(.pods) { requested += bench.give(.tail(tail)).requested }
        #expect(requested == [8])
    }

    @Test("too many deltas during a join start it again with fewer buckets, after a wait")
    func overflow() {
        var configuration = Machine.Configuration()
        configuration.bufferedDeltas = 3
        var bench = Bench(configuration: configuration)
        let first = bench.beat()
        for version in 1...4 { _ = bench.give(.delta(bench.put("a", version: version))) }
        #expect(bench.machine.statistics.overflows == 1)
        #expect(bench.give(bench.answer(first.request)).isEmpty)
        #expect(bench.tick().isEmpty)
        bench.now = bench.machine.nextDeadline!
        let second = bench.tick()
        #expect(second.requested.count == 128)
    }

    @Test("a request that stays unanswered is repeated, each time after a longer wait")
    func timeout() {
        var bench = Bench()
        var request = bench.beat().request
        var waits: [Int64] = []
        for _ in 0..<4 {
            bench.now = bench.machine.join!.deadline
            _ = bench.beat()
            #expect(bench.tick() == Machine.Decision(requests: [.reconnect]))
            let given = bench.now
            while bench.machine.join == nil {
                bench.now = bench.machine.nextDeadline!
                if bench.tick().isStale { _ = bench.beat() }
            }
            waits.append(bench.now - given)
            #expect(bench.machine.join?.id != request?.id)
            request = SnapshotRequest(id: bench.machine.join!.id, subject: request!.subject)
        }
        #expect(waits[0] >= 50_000_000 && waits[3] >= 400_000_000 && waits[3] <= 800_000_000)
        #expect(bench.give(bench.answer(request)).joined == false)
    }

    @Test("a gap among the deltas that waited for the snapshot fetches the bucket again")
    func gapWhileJoining() {
        var bench = Bench()
        let request = bench.beat().request
        let answer = bench.answer(request)
        _ = bench.put("lost")
        _ = bench.give(.delta(bench.put("seen")))
        let decision = bench.give(answer)
        #expect(decision.applied.isEmpty && decision.requested == [1] && decision.joined == nil)
    }

    // MARK: Asking at once

    private func atOnce(_ filters: [TopicFilter] = [TopicFilter(.pods)]) -> Bench {
        var configuration = Machine.Configuration()
        configuration.asksAtOnce = true
        return Bench(filters, configuration: configuration)
    }

    @Test("who asks at once is complete before the first heartbeat, with the deltas that came before the answer")
    func earlyJoin() {
        var bench = atOnce()
        _ = bench.put("a")
        let request = bench.tick().request
        let answer = bench.answer(request)
        #expect(bench.give(.delta(bench.put("b"))).isEmpty)
        let decision = bench.give(answer)
        #expect(decision.replaced.count == 256 && decision.applied == ["b"] && decision.joined == false)
        #expect(bench.give(.delta(bench.put("c"))).applied == ["c"])
        bench.store.markSynced(.pods, resourceVersion: "7")
        #expect(bench.beat().joined == true)
    }

    @Test(
        "what was lost before the subscription was in force is found by the first heartbeat, also in one namespace",
        arguments: [nil, "mine"])
    func earlyLoss(namespace: String?) {
        var bench = atOnce([TopicFilter(.pods, namespace: namespace)])
        let answer = bench.answer(bench.tick().request)
        #expect(bench.give(answer).joined == false)
        _ = bench.put("lost", "mine", in: 9)
        let decision = bench.beat()
        #expect(decision.requested == [9])
        #expect(bench.give(bench.answer(decision.request)).replaced == [9])
        #expect(bench.beat().requested == [])
    }

    @Test("a request that is refused or stays unanswered is not repeated before a heartbeat")
    func earlyFailure() {
        var bench = atOnce()
        let request = bench.tick().request
        // A watcher that goes on with its stream answers without buckets until its first list is whole.
        #expect(bench.give(bench.answer(request, first: 0)).isEmpty)
        bench.now += 60_000_000_000
        #expect(bench.tick().isEmpty)
        #expect(bench.beat().requested.count == 256)

        var other = atOnce()
        _ = other.tick()
        other.now = other.machine.join!.deadline
        #expect(other.tick() == Machine.Decision(requests: [.reconnect]))
        other.now += 60_000_000_000
        #expect(other.tick().isEmpty)
        #expect(other.beat().requested.count == 256)
    }

    @Test("an answer from another stream than the first heartbeat's is refused, and so are deltas of another stream than the answer's")
    func earlyOtherStream() {
        var bench = atOnce()
        let request = bench.tick().request
        let old = bench.answer(request)
        let stray = bench.put("stray")
        bench.store = StreamStore(streamID: 2)
        bench.store.announce(.pods)
        _ = bench.beat()
        #expect(bench.give(old).isEmpty)
        #expect(bench.machine.statistics.refusals == 1)

        var other = atOnce()
        let asked = other.tick().request
        #expect(other.give(.delta(stray)).isEmpty)
        other.store = StreamStore(streamID: 3)
        other.store.announce(.pods)
        let decision = other.give(other.answer(asked))
        #expect(decision.joined == false && decision.applied.isEmpty)
    }

    @Test("a publisher that is silent after its answer makes what is held stale, as of its newest object")
    func earlySilence() {
        var bench = atOnce()
        bench.now = 77
        _ = bench.put("a")
        #expect(bench.give(bench.answer(bench.tick().request)).joined == false)
        bench.now = bench.machine.nextDeadline!
        #expect(bench.tick().notices == [.stale(.pods, since: 77, .silence)])
    }

    @Test(
        "random losses, duplicates and cut answers end with the publisher's state, whether the first request waits or not",
        arguments: 0..<40)
    func randomFaults(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let filters = [TopicFilter(.pods, buckets: BucketSet([0, 1, 2, 3]), namespace: seed % 2 == 0 ? nil : "n1")]
        var bench = seed < 20 ? Bench(filters) : atOnce(filters)
        var held: [String: Delta] = [:]
        var pending: SnapshotRequest?
        func perform(_ decision: Machine.Decision) {
            for notice in decision.notices {
                switch notice {
                case .replaceBucket(_, let bucket, let objects, _, _):
                    held = held.filter { $0.value.bucket != bucket }
                    for object in objects { held[object.uid] = object }
                case .apply(let delta): held[delta.uid] = delta.change == .deleted ? nil : delta
                case .joined, .stale, .heartbeat: break
                }
            }
            for request in decision.requests {
                switch request {
                case .ask(let question): pending = question
                case .reconnect: pending = nil
                }
            }
        }
        func settle() {
            bench.now += 20_000_000_000
            perform(bench.beat())
            for tail in bench.store.nextTails(.pods) { perform(bench.give(.tail(tail))) }
            perform(bench.tick())
            if let request = pending {
                pending = nil
                perform(bench.give(bench.answer(request, first: 1 + Int(random.next() % 4))))
            }
        }
        if seed >= 20 { perform(bench.tick()) }
        for step in 1...2000 {
            // Before the first heartbeat.
            if step == seed, let request = pending {
                pending = nil
                perform(bench.give(bench.answer(request)))
            }
            let number = Int(random.next() % 40)
            let watched = object(
                "p\(number)", namespace: "n\(number % 3)", version: step, uid: uid(in: UInt8(number % 4), number))
            let delta =
                random.next() % 3 == 0
                ? bench.store.delete(watched, commitTime: 0) : bench.store.upsert(watched, commitTime: 0)
            if let delta, random.next() % 10 != 0 {
                perform(bench.give(.delta(delta)))
                if random.next() % 10 == 0 { perform(bench.give(.delta(delta))) }
            }
            if step % 50 == 0 { settle() }
        }
        for _ in 0..<20 { settle() }
        let wanted = (UInt8(0)...3).flatMap { bench.store.snapshot(.pods, bucket: $0)!.objects }
            .filter { seed % 2 == 0 || $0.namespace == "n1" }
        #expect(Set(held.values.map(fingerprint)) == Set(wanted.map(fingerprint)))
    }
}
