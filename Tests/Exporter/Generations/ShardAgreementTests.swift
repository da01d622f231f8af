import DeltaStream
import Testing

@testable import Exporter

@Suite struct ShardAgreementTests {
    private typealias Seen = ShardAgreement.Observation
    private let begin = ContinuousClock.now

    /// One that serves its share of two.
    private func settled(_ ordinal: Int) -> ShardAgreement {
        var agreement = ShardAgreement(ordinal: ordinal)
        agreement.see(Seen(replicas: 2, ready: 2), at: begin)
        agreement.tookOver()
        return agreement
    }

    @Test("a shard of a whole set serves at once")
    func first() {
        var agreement = ShardAgreement(ordinal: 1)
        #expect(agreement.wanted == nil && !agreement.isDue(at: begin))
        agreement.see(Seen(replicas: 3, ready: 3), at: begin)
        #expect(agreement.wanted == Division(index: 1, total: 3))
        #expect(agreement.isDue(at: begin))
        agreement.tookOver()
        #expect(!agreement.isDue(at: begin + .seconds(1000)))
    }

    @Test("old and new shards change over with the status that says that all are ready, not before")
    func more() {
        var shards = [settled(0), settled(1), ShardAgreement(ordinal: 2)]
        for ready in [2, 2] {
            for index in shards.indices { shards[index].see(Seen(replicas: 3, ready: ready), at: begin + .seconds(1)) }
            #expect(shards.allSatisfy { $0.wanted?.total == 3 && !$0.isDue(at: begin + .seconds(12)) })
        }
        for index in shards.indices { shards[index].see(Seen(replicas: 3, ready: 3), at: begin + .seconds(12)) }
        #expect(shards.allSatisfy { $0.isDue(at: begin + .seconds(12)) })
    }

    @Test("where a pod of the set stays away, a new one waits 15 s and an old one five minutes")
    func incomplete() {
        var (old, new) = (settled(0), ShardAgreement(ordinal: 2))
        old.see(Seen(replicas: 3, ready: 2), at: begin)
        new.see(Seen(replicas: 3, ready: 2), at: begin)
        #expect(!new.isDue(at: begin + .seconds(14)) && new.isDue(at: begin + .seconds(15)))
        #expect(!old.isDue(at: begin + .seconds(299)) && old.isDue(at: begin + .seconds(300)))
    }

    @Test("with fewer shards all that stay change over five seconds later, and who is too many serves nothing")
    func fewer() {
        var shards = [settled(0), settled(1)]
        for index in shards.indices { shards[index].see(Seen(replicas: 1, ready: 2), at: begin) }
        #expect(shards.allSatisfy { !$0.isDue(at: begin + .seconds(4)) && $0.isDue(at: begin + .seconds(5)) })
        #expect(shards[0].wanted?.buckets == .all)
        #expect(shards[1].wanted?.isShare == false && shards[1].wanted?.buckets.isEmpty == true)
    }

    @Test("a number that is taken back leaves things as they are")
    func takenBack() {
        var shard = settled(0)
        shard.see(Seen(replicas: 3, ready: 2), at: begin)
        shard.see(Seen(replicas: 2, ready: 2), at: begin + .seconds(1))
        #expect(shard.wanted == shard.current)
        #expect(!shard.isDue(at: begin + .seconds(1000)))
    }

    @Test("pods are counted from the first number of the set")
    func start() {
        var shard = ShardAgreement(ordinal: 5)
        shard.see(Seen(replicas: 3, start: 4, ready: 3), at: begin)
        #expect(shard.wanted == Division(index: 1, total: 3))
    }

    @Test("shares of any number of shards are whole and do not overlap", arguments: [1, 2, 3, 7, 255, 256, 300])
    func shares(total: Int) {
        let shares = (0..<total).map { Division(index: $0, total: total).buckets }
        #expect(shares.reduce(0) { $0 + $1.count } == 256)
        #expect(shares.reduce(BucketSet()) { $0.union($1) } == .all)
    }

    @Test("a pod's name is taken apart, one that no StatefulSet gives is refused")
    func names() {
        #expect(StatefulPodName("shop-metrics-12")?.statefulSet == "shop-metrics")
        #expect(StatefulPodName("shop-metrics-12")?.ordinal == 12)
        for name in ["shop", "shop-", "-1", "shop-x", "shop-7d9f8b6c5-xyz12", "shop-99999999999", "", "shop-+1"] {
            #expect(StatefulPodName(name) == nil, "\(name)")
        }
    }
}
