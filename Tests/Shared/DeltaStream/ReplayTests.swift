import KubernetesObjects
import MizzenSystem
import Synchronization
import Testing

@testable import DeltaStream

private typealias Machine = SubscriberStateMachine

@Suite("Past deltas for subscribers that were away")
struct ReplayTests {
    @Test("what is kept of each bucket goes back without a hole from its last delta, within the limit", arguments: 0..<20)
    func backlog(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var backlog = DeltaBacklog()
        backlog.limit = 20 * (DeltaBacklog.overhead + 100)
        let buckets: [UInt8] = [0, 7, 255]
        var last: [UInt8: UInt64] = [:]
        var forgotten: [UInt8: UInt64] = [:]
        for _ in 0..<300 {
            let bucket = buckets[Int(random.next() % 3)]
            if random.next() % 20 == 0 {
                // The bucket is put in place as a whole: what comes then may be any number further.
                let further = random.next() % 5
                last[bucket, default: 0] += further
                forgotten[bucket] = last[bucket]
                // A hole is noticed also where nobody has said so.
                if further == 0 || random.next() % 2 == 0 { backlog.forget(bucket) }
            } else {
                last[bucket, default: 0] += 1
                backlog.append(delta(bucket, last[bucket, default: 0], bytes: Int(random.next() % 200)))
            }
            #expect(backlog.byteCount <= backlog.limit)
            for bucket in buckets {
                let newest = last[bucket] ?? 0
                var isReached = true
                for known in stride(from: Int(newest), through: max(0, Int(newest) - 40), by: -1) {
                    let found = backlog.deltas(bucket, after: UInt64(known), upTo: newest)
                    let isWhole = found.map { $0.map(\.sequence) == Array(UInt64(known) + 1..<newest + 1) } ?? true
                    // Who knows more is answered where who knows less is.
                    let isOrdered = isReached || found == nil
                    if !isWhole || !isOrdered || found != nil && known < forgotten[bucket] ?? 0 {
                        Issue.record("after \(known) of \(newest) in bucket \(bucket): \(found?.map(\.sequence) ?? [])")
                    }
                    isReached = found != nil
                }
            }
        }
        #expect(backlog.deltas(0, after: 10_000, upTo: last[0] ?? 0) == nil)
        #expect(backlog.byteCount > 0)
    }

    @Test("of a resource without a limit nothing is kept, and who has everything is told that nothing was missed")
    func unlimited() {
        var store = StreamStore(streamID: 1)
        _ = store.upsert(object("a", uid: uid(in: 3)), commitTime: 0)
        #expect(store.part(.pods, bucket: 3, after: 0)?.isDeltas == false)
        #expect(store.part(.pods, bucket: 3, after: 1)?.isDeltas == true)
        #expect(store.part(.pods, bucket: 3, after: 1)?.objects.isEmpty == true)
        #expect(store.part(.pods, bucket: 3, after: nil)?.isDeltas == false)
    }

    @Test("a bucket that a relay has put in place as a whole is not told of in deltas from before")
    func relayed() throws {
        var source = StreamStore(streamID: 5)
        source.keepDeltas([.pods: 1 << 20])
        var relay = StreamStore(streamID: 1)
        relay.keepDeltas([.pods: 1 << 20])
        relay.relay(announcing: .pods)
        for bucket in UInt8.min...UInt8.max {
            _ = relay.relay(.pods, bucket: bucket, objects: [], position: StreamPosition(streamID: 5, sequence: 0))
        }
        _ = relay.whole(.pods, streamID: 5)
        relay.show(.pods)
        let (bucket, id) = (UInt8(9), uid(in: 9))
        for version in 1...4 {
            let delta = try source.upsert(object("a", version: version, uid: id), commitTime: 0).required()
            if version != 3 {
                #expect(relay.relay(delta) == true)
            } else {
                let part = try #require(source.snapshot(.pods, bucket: bucket))
                _ = relay.relay(
                    .pods, bucket: bucket, objects: part.objects, position: StreamPosition(streamID: 5, sequence: part.sequence))
            }
        }
        #expect(source.part(.pods, bucket: bucket, after: 1)?.objects.map(\.sequence) == [2, 3, 4])
        #expect(relay.part(.pods, bucket: bucket, after: 3)?.objects.map(\.sequence) == [4])
        #expect(relay.part(.pods, bucket: bucket, after: 2)?.isDeltas == false)
        #expect(relay.part(.pods, bucket: bucket, after: 2)?.objects.map(\.sequence) == [4])
    }

    @Test("a relay that gathers a resource has its upstream's past too, as much of it as it may keep, the newest")
    func past() throws {
        var source = StreamStore(streamID: 5)
        source.keepDeltas([.pods: 1 << 20])
        let size = try source.upsert(object("p0", version: 0), commitTime: 0).required().object.bytes.count + DeltaBacklog.overhead
        for change in 1..<100 { _ = source.upsert(object("p\(change % 7)", version: change), commitTime: Int64(change)) }
        func relay(keeping limit: Int) -> StreamStore {
            var relay = StreamStore(streamID: 1)
            relay.keepDeltas([.pods: limit])
            relay.relay(announcing: .pods)
            for bucket in UInt8.min...UInt8.max {
                guard let part = source.part(.pods, bucket: bucket, after: nil, past: true) else { continue }
                _ = relay.relay(
                    .pods, bucket: bucket, objects: part.objects, past: part.past,
                    position: StreamPosition(streamID: 5, sequence: part.sequence))
            }
            relay.show(.pods)
            return relay
        }
        func times(_ store: StreamStore) -> [Int64] {
            (UInt8.min...UInt8.max).flatMap { bucket in
                store.part(.pods, bucket: bucket, after: nil, past: true)?.past.map(\.commitTime) ?? []
            }.sorted()
        }
        #expect(times(source) == Array(0..<100))
        #expect(times(relay(keeping: 1 << 20)) == Array(0..<100))
        // Versions of one digit make objects that are smaller by a byte.
        let few = times(relay(keeping: 10 * size + 10))
        #expect((8...11).contains(few.count) && few == Array((100 - Int64(few.count))..<100), "\(few)")
        #expect(times(relay(keeping: 0)).isEmpty)
        // Nobody who does not ask for it is sent any.
        #expect(source.part(.pods, bucket: Topic.bucket(ofUID: object("p1").identity.uid), after: nil)?.past.isEmpty == true)
    }

    // MARK: The subscriber's side

    @Test("of a bucket that comes as objects a relay takes the past only if it leads there without a hole")
    func wholePast() throws {
        var bench = ReplayBench()
        let deltas = try (0..<4).map { _ in try bench.put(in: 3) }
        bench.begin([:], wantsPast: true)
        let request = try bench.beat().request.required()
        #expect(request.wantsPast)
        func taken(_ past: [Delta]) -> [UInt64]? {
            var bench = bench
            guard case .answer(var answer) = bench.answer(request), let at = answer.buckets.firstIndex(where: { $0.bucket == 3 }) else {
                return nil
            }
            answer.buckets[at].past = past
            for case .replaceBucket(_, 3, _, _, let past) in bench.give(.answer(answer)).notices { return past.map(\.sequence) }
            return nil
        }
        #expect(taken(deltas) == [1, 2, 3, 4])
        #expect(taken(Array(deltas[2...])) == [3, 4])
        #expect(taken(Array(deltas[..<3])) == [])
        #expect(taken([deltas[0], deltas[3]]) == [])
        #expect(taken([]) == [])
    }

    @Test("positions of the same stream are asked for as what came after them; of others, or of none, everything comes")
    func resumed() throws {
        var bench = ReplayBench()
        let first = try bench.put(in: 1)
        for bucket in [UInt8(1), 2] { _ = try bench.put(in: bucket) }
        bench.begin([1: StreamPosition(streamID: 1, sequence: first.sequence), 2: StreamPosition(streamID: 9, sequence: 1)])
        let request = try bench.beat().request.required()
        #expect(request.known == .init(streamID: 1, sequences: [1: 1]))
        let decision = bench.give(bench.answer(request))
        #expect(decision.applied == [2])
        #expect(decision.replaced.count == 255 && !decision.replaced.contains(1))
        #expect(bench.machine.statistics.replays == 1)
        #expect(bench.give(.delta(try bench.put(in: 1))).applied == [3])
    }

    @Test("a loss while joined is made good by the deltas that were lost, and what came meanwhile is applied once")
    func lost() throws {
        var bench = ReplayBench()
        bench.begin([:])
        bench.join()
        _ = try bench.put(in: 4)
        let third = try (bench.put(in: 4), bench.put(in: 4)).1
        let request = try bench.give(.delta(third)).request.required()
        #expect(request.known == .init(streamID: 1, sequences: [4: 0]))
        let answer = bench.answer(request)
        let fourth = try bench.put(in: 4)
        #expect(bench.give(.delta(third)).applied.isEmpty)
        #expect(bench.give(.delta(fourth)).applied.isEmpty)
        let decision = bench.give(answer)
        #expect(decision.applied == [1, 2, 3, 4])
        #expect(decision.replaced.isEmpty)
    }

    @Test("who does not ask for replays, or follows a namespace, mentions no position")
    func unasked() throws {
        for filter in [TopicFilter(.pods), TopicFilter(.pods, namespace: "default")] {
            var bench = ReplayBench()
            bench.begin(filter.namespace == nil ? nil : [:], filter)
            bench.join()
            _ = try bench.put(in: 4)
            let request = bench.give(.delta(try bench.put(in: 4))).request
            #expect(request != nil && request?.known == nil)
        }
    }

    enum Mistake: CaseIterable { case hole, beginning, end, unasked, other }

    @Test("deltas that do not join on to what is held are refused, and objects asked for", arguments: Mistake.allCases)
    func refused(mistake: Mistake) throws {
        var bench = ReplayBench()
        bench.begin([:])
        bench.join()
        for _ in 0..<4 { _ = try bench.put(in: 4) }
        let request = try bench.beat().request.required()
        guard case .answer(var answer) = bench.answer(request) else { return }
        switch mistake {
        case .hole: answer.buckets[0].objects.remove(at: 1)
        case .beginning: answer.buckets[0].objects.removeFirst()
        case .end: answer.buckets[0].sequence += 1
        case .unasked:
            bench.begin(nil)
            bench.join()
            _ = bench.give(.delta(try bench.put(in: 4)))
            _ = try bench.put(in: 4)
            answer.requestID = try bench.give(.delta(try bench.put(in: 4))).request.required().id
        case .other: answer.buckets[0].objects[2].resource = .nodes
        }
        #expect(bench.give(.answer(answer)).notices.isEmpty)
        #expect(bench.machine.statistics.refusals == 1)
        bench.now += 60_000_000_000
        let again = try bench.beat().request.required()
        #expect(again.known == nil)
        #expect(bench.give(bench.answer(again)).replaced == [4])
    }

    @Test("an answer from before the end of a list is refused behind the heartbeat that tells of the end")
    func untimely() throws {
        for positions in [[:], nil] as [[UInt8: StreamPosition]?] {
            var bench = ReplayBench(synced: false)
            bench.begin(positions)
            let early = bench.answer(try bench.beat().request.required())
            bench.store.markSynced(.pods, resourceVersion: "2")
            _ = bench.beat()
            #expect(bench.give(early).replaced.isEmpty == (positions != nil))
            guard positions != nil else { continue }
            bench.now += 60_000_000_000
            let again = try bench.beat().request.required()
            #expect(bench.give(bench.answer(again)).replaced.count == 256)
        }
    }

    @Test("random losses, cut answers and new subscribers: each delta is told once and in order", arguments: 0..<30)
    func randomly(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var bench = ReplayBench()
        bench.begin([:])
        bench.join()
        var told: [UInt8: UInt64] = [:]
        var waiting: Machine.Event?
        /// Keeps what the consumer is told, and the request that follows.
        func take(_ decision: Machine.Decision) {
            for case .apply(let delta) in decision.notices {
                #expect(delta.sequence == told[delta.bucket, default: 0] + 1)
                told[delta.bucket] = delta.sequence
            }
            #expect(decision.replaced.isEmpty)
            if let request = decision.request {
                waiting = random.next() % 8 == 0 ? nil : bench.answer(request, first: 1 + Int(random.next() % 3))
            }
        }
        for _ in 0..<2_000 {
            bench.now += 50_000_000
            switch random.next() % 10 {
            case 0: take(bench.beat())
            case 1, 2:
                if let event = waiting {
                    waiting = nil
                    take(bench.give(event))
                }
            case 3: take(bench.give(.tick(isCaughtUp: true)))
            case 4 where random.next() % 20 == 0:
                // Another subscriber goes on from what this one was told.
                var positions: [UInt8: StreamPosition] = [:]
                for bucket in UInt8.min...UInt8.max {
                    positions[bucket] = StreamPosition(streamID: 1, sequence: told[bucket] ?? 0)
                }
                bench.begin(positions)
                waiting = nil
            default:
                let delta = try bench.put(in: UInt8(random.next() % 4))
                if random.next() % 10 != 0 { take(bench.give(.delta(delta))) }
            }
        }
        for _ in 0..<200 {
            bench.now += 2_000_000_000
            take(bench.beat())
            if let event = waiting { take(bench.give(event)) }
            waiting = nil
            // An answer that never comes is given up.
            take(bench.give(.tick(isCaughtUp: true)))
        }
        for bucket in UInt8(0)..<4 { #expect(told[bucket] == bench.last[bucket]) }
    }

    @Test("over real sockets: a subscriber that goes on for another, and one that is too slow, are told every delta")
    func sockets() async throws {
        let folder = SocketFolder()
        var options = quickPublisher(highWaterMark: 200)
        options.backlogs = [.pods: 64 << 20]
        let publisher = try Publisher(
            deltas: folder.deltas, snapshots: folder.snapshots, store: StreamStore(streamID: 77), options: options, logger: quietLogger)
        publisher.announce([.pods])
        publisher.markSynced(.pods, resourceVersion: "1")
        let log = ToldDeltas()
        func follower() throws -> Subscriber {
            var options = quickSubscriber()
            options.replays = [.pods: log.positions]
            return try Subscriber(
                deltas: folder.deltas, snapshots: folder.snapshots, filter: [TopicFilter(.pods)], consumer: log, options: options,
                logger: quietLogger)
        }
        func change(_ count: Int) {
            for _ in 0..<count { log.change(publisher) }
        }
        try await with(running: publisher.run) {
            var subscriber = try follower()
            try await with(running: subscriber.run) {
                try await eventually("joined") { log.isJoined }
                change(500)
                try await eventually("all") { log.holds(publisher) }
                // While it stands still its queues run over many times.
                log.gate.withLock { _ in change(20_000) }
                try await eventually("all, the lost ones too") { log.holds(publisher) }
                #expect(subscriber.statistics.gaps > 0 && subscriber.statistics.replays > 0)
            }
            change(3_000)
            subscriber = try follower()
            try await with(running: subscriber.run) {
                change(1_000)
                try await eventually("all, those from in between too") { log.holds(publisher) }
            }
        }
        #expect(log.replacedBuckets == 256)
        #expect(publisher.statistics.replayedDeltas >= 3_000)
    }
}

private func delta(_ bucket: UInt8, _ sequence: UInt64, bytes: Int) -> Delta {
    Delta(
        streamID: 1, sequence: sequence, change: .modified, resource: .pods,
        identity: ObjectIdentity(namespace: "default", name: "a", uid: uid(in: bucket), resourceVersion: "1"), commitTime: 0,
        object: EncodedObject(encoding: .json, bytes: [UInt8](repeating: 0, count: bytes)))
}

/// A publisher with past deltas, and a subscriber, both without sockets.
private struct ReplayBench {
    var store = StreamStore(streamID: 1)
    var machine = Machine(interests: [], seed: 1)
    var now: Int64 = 0
    var last: [UInt8: UInt64] = [:]

    init(synced: Bool = true) {
        store.keepDeltas([.pods: 64 << 20])
        store.announce(.pods)
        if synced { store.markSynced(.pods, resourceVersion: "1") }
    }

    mutating func begin(_ positions: [UInt8: StreamPosition]?, _ filter: TopicFilter = TopicFilter(.pods), wantsPast: Bool = false) {
        var configuration = Machine.Configuration()
        configuration.wantsPast = wantsPast
        machine = Machine(
            interests: ResourceInterest.merged([filter]), replays: positions.map { [.pods: $0] } ?? [:], configuration: configuration,
            seed: UInt64(now) + 42)
    }

    mutating func put(in bucket: UInt8) throws -> Delta {
        last[bucket, default: 0] += 1
        let delta = store.upsert(object("a", version: Int(last[bucket] ?? 0), uid: uid(in: bucket)), commitTime: now)
        return try delta.required()
    }

    mutating func give(_ event: Machine.Event) -> Machine.Decision {
        var decision = Machine.Decision()
        machine.handle(event, now: now, into: &decision)
        return decision
    }

    mutating func beat() -> Machine.Decision {
        store.heartbeat(.pods, time: now, intervalMilliseconds: 1000).map { give(.heartbeat($0)) } ?? Machine.Decision()
    }

    func answer(_ request: SnapshotRequest, first count: Int = 256) -> Machine.Event {
        var answer = SnapshotAnswer(requestID: request.id, streamID: store.streamID, synced: store.isSynced(.pods))
        if case .buckets(let resource, let buckets, _) = request.subject {
            answer.buckets = buckets.prefix(count).compactMap {
                store.part(resource, bucket: $0, after: request.known?.sequences[$0])
            }
        }
        return .answer(answer)
    }

    mutating func join() {
        if let request = beat().request { _ = give(answer(request)) }
    }
}

extension SubscriberStateMachine.Decision {
    fileprivate var request: SnapshotRequest? {
        for case .ask(let request) in requests { return request }
        return nil
    }
    fileprivate var applied: [UInt64] { notices.compactMap { if case .apply(let delta) = $0 { delta.sequence } else { nil } } }
    fileprivate var replaced: [UInt8] {
        notices.compactMap { if case .replaceBucket(_, let bucket, _, _, _) = $0 { bucket } else { nil } }
    }
}

/// Notes every delta that it is told, and fails where one comes twice or not in its turn.
private final class ToldDeltas: DeltaConsumer {
    private struct State {
        var positions: [UInt8: StreamPosition] = [:]
        var versions = 0
        var replaced = 0
        var isJoined = false
    }

    private let state = Mutex(State())
    /// While held the subscriber's thread stands still inside `apply`.
    let gate = Mutex(())

    var positions: [UInt8: StreamPosition] { state.withLock { $0.positions } }
    var isJoined: Bool { state.withLock { $0.isJoined } }
    var replacedBuckets: Int { state.withLock { $0.replaced } }

    func change(_ publisher: Publisher) {
        let version = state.withLock { state in
            state.versions += 1
            return state.versions
        }
        publisher.upsert(object("p\(version % 300)", version: version))
    }

    func holds(_ publisher: Publisher) -> Bool {
        let sequences = publisher.withStore { $0.heartbeat(.pods, time: 0, intervalMilliseconds: 1)?.sequences ?? [] }
        return state.withLock { state in
            sequences.indices.allSatisfy { sequences[$0] == state.positions[UInt8($0)]?.sequence ?? 0 }
        }
    }

    func willReplaceBucket(_ resource: Resource, bucket: UInt8, position: StreamPosition, past: [Delta]) {
        state.withLock { $0.positions[bucket] = position }
    }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) { state.withLock { $0.replaced += 1 } }

    func apply(_ delta: Delta) {
        gate.withLock { _ in }
        state.withLock { state in
            #expect(delta.sequence == (state.positions[delta.bucket]?.sequence ?? 0) + 1)
            state.positions[delta.bucket] = StreamPosition(streamID: delta.streamID, sequence: delta.sequence)
        }
    }

    func joined(_ resource: Resource, synced: Bool) { state.withLock { $0.isJoined = true } }
    func stale(_ resource: Resource, since: Int64) {}
}
