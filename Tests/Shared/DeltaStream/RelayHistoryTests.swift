import KubernetesObjects
import MizzenSystem
import TestSupport
import Testing

@testable import DeltaStream

/// A relay's store below an upstream's, through random histories: deltas arrive or are lost, buckets are fetched again, the upstream
/// begins a new stream, the relay begins anew. The upstream's own store is what it is compared with.
@Suite("A relay's store, through random histories")
struct RelayHistoryTests {
    private static let buckets: [UInt8] = [3, 7, 200]

    /// Both ends, and what was lost on the way between them.
    private struct Ends {
        var upstream = StreamStore(streamID: 1)
        var relay = StreamStore(streamID: 99)
        /// Buckets of which the relay has missed a delta.
        var behind: Set<UInt8> = []
        var version = 0
        var random: SeededRandom

        init(seed: UInt64) {
            random = SeededRandom(seed: seed)
            upstream.announce(.pods)
            relay.relay(announcing: .pods)
        }

        func isIn(_ relay: StreamStore, _ bucket: UInt8) -> [String] {
            (relay.snapshot(.pods, bucket: bucket)?.objects ?? []).map(fingerprint).sorted()
        }

        /// The upstream changes one object; the relay hears of it unless it is lost. As in RelayFeed after SubscriberStateMachine: a
        /// delta is passed on only for a bucket in which nothing was lost.
        mutating func change() {
            version += 1
            let bucket = buckets.randomElement(using: &random) ?? 3
            let watched = object(
                "p\(version)", namespace: "n\(version % 3)", version: version, uid: uid(in: bucket, Int.random(in: 0..<4, using: &random)))
            let delta =
                Bool.random(using: &random)
                ? upstream.upsert(watched, commitTime: 1) : upstream.delete(watched, commitTime: 1)
            guard let delta else { return }
            if Int.random(in: 0..<4, using: &random) == 0 { behind.insert(bucket) }
            if !behind.contains(bucket) { _ = relay.relay(delta) }
        }

        /// The relay fetches a bucket.
        mutating func fetch(_ bucket: UInt8) throws {
            let (sequence, objects) = try #require(upstream.snapshot(.pods, bucket: bucket))
            let before = Set((relay.snapshot(.pods, bucket: bucket)?.objects ?? []).map(\.uid))
            let isShown = relay.isShown(.pods, streamID: upstream.streamID)
            let position = StreamPosition(streamID: upstream.streamID, sequence: sequence)
            let gone = relay.relay(.pods, bucket: bucket, objects: objects, position: position)
            // What is named as gone is just what was shown before and is not now.
            #expect(Set(gone.map(\.identity.uid)) == (isShown ? before.subtracting(objects.map(\.uid)) : []))
            behind.remove(bucket)
        }

        mutating func joinAll() throws {
            for bucket in (UInt8.min...UInt8.max).shuffled(using: &random) { try fetch(bucket) }
        }

        /// As at a heartbeat after the join.
        mutating func show() {
            guard let (objects, gone) = relay.whole(.pods, streamID: upstream.streamID) else { return }
            let wanted = Set(upstream.objectsOfAll.map(\.uid))
            // What becomes visible is whole, and what is gone is what no longer exists.
            #expect(Set(objects.map(\.identity.uid)) == wanted || !behind.isEmpty)
            #expect(wanted.isDisjoint(with: gone.map(\.identity.uid)) || !behind.isEmpty)
            relay.show(.pods)
        }

        var buckets: [UInt8] { RelayHistoryTests.buckets }

        /// Buckets in which nothing is missing, lost or not.
        var level: Set<UInt8> {
            Set(buckets.filter { relay.snapshot(.pods, bucket: $0)?.sequence == upstream.snapshot(.pods, bucket: $0)?.sequence })
        }
    }

    @Test("whatever was lost, fetched again or begun anew, the relay ends with its upstream's stream", arguments: UInt64(0)..<40)
    func histories(seed: UInt64) throws {
        var ends = Ends(seed: seed)
        try ends.joinAll()
        ends.show()
        for _ in 0..<400 {
            switch Int.random(in: 0..<40, using: &ends.random) {
            case 0: try ends.fetch(ends.buckets.randomElement(using: &ends.random) ?? 3)
            case 1: try newStream(&ends)
            case 2: try relayAnew(&ends)
            default: ends.change()
            }
            try neverAPart(ends)
        }
        for bucket in ends.buckets { try ends.fetch(bucket) }
        ends.show()
        try expectEqual(ends)
    }

    /// The upstream restarts: another stream id, every sequence from 1. Until the relay holds all of it, it shows the old state under
    /// the old id, or nothing.
    private func newStream(_ ends: inout Ends) throws {
        let held = ends.upstream.objectsOfAll
        let shown = RelayHistoryTests.buckets.map { ends.isIn(ends.relay, $0) }
        ends.upstream = StreamStore(streamID: ends.upstream.streamID + 1)
        ends.upstream.announce(.pods)
        for delta in held {
            _ = ends.upstream.upsert(WatchedObject(resource: .pods, identity: delta.identity, object: delta.object), commitTime: 1)
        }
        ends.behind = Set(ends.buckets)
        ends.change()
        try ends.fetch(3)
        #expect(RelayHistoryTests.buckets.map { ends.isIn(ends.relay, $0) } == shown)
        #expect(ends.relay.whole(.pods, streamID: ends.upstream.streamID) == nil)
        try ends.joinAll()
        ends.show()
    }

    /// The relay restarts with nothing.
    private func relayAnew(_ ends: inout Ends) throws {
        ends.relay = StreamStore(streamID: UInt64.random(in: 1 << 32...UInt64.max, using: &ends.random))
        ends.relay.relay(announcing: .pods)
        #expect(ends.relay.heartbeat(.pods, time: 1, intervalMilliseconds: 1000) == nil)
        #expect(ends.relay.snapshot(.pods, bucket: 3) == nil)
        ends.behind = Set(ends.buckets)
        for _ in 0..<5 { ends.change() }
        try ends.joinAll()
        ends.show()
    }

    /// Each bucket that is shown under the upstream's stream id is just as the upstream had it at that sequence: where the sequences
    /// are equal, the objects are.
    private func neverAPart(_ ends: Ends) throws {
        guard ends.relay.isShown(.pods, streamID: ends.upstream.streamID) else { return }
        for bucket in ends.buckets {
            let here = try #require(ends.relay.snapshot(.pods, bucket: bucket))
            let there = try #require(ends.upstream.snapshot(.pods, bucket: bucket))
            #expect(here.sequence <= there.sequence)
            if here.sequence == there.sequence { #expect(ends.isIn(ends.relay, bucket) == ends.isIn(ends.upstream, bucket)) }
        }
        let heartbeat = try #require(ends.upstream.heartbeat(.pods, time: 1, intervalMilliseconds: 1000))
        #expect(ends.relay.holds(heartbeat) == ends.behind.isSubset(of: ends.level))
    }

    private func expectEqual(_ ends: Ends) throws {
        #expect(ends.relay.streamID == ends.upstream.streamID)
        for bucket in UInt8.min...UInt8.max {
            let here = try #require(ends.relay.snapshot(.pods, bucket: bucket))
            let there = try #require(ends.upstream.snapshot(.pods, bucket: bucket))
            #expect(here.sequence == there.sequence)
            #expect(ends.isIn(ends.relay, bucket) == ends.isIn(ends.upstream, bucket))
        }
        #expect(ends.relay.count(.pods) == ends.upstream.count(.pods))
        #expect(ends.relay.byteCount(.pods) == ends.upstream.byteCount(.pods))
    }
}

extension StreamStore {
    fileprivate var objectsOfAll: [Delta] {
        (UInt8.min...UInt8.max).flatMap { snapshot(.pods, bucket: $0)?.objects ?? [] }
    }
}
