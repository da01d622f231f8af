import Foundation
import KubernetesObjects
import MizzenSystem
import TestSupport
import Testing

@testable import DeltaStream

/// A publisher that is killed and started again at any moment, beside a cluster that changes all the while and subscribers that
/// lose deltas: one of everything, one of a namespace.
@Suite("The stream's history, through random lives and deaths")
struct StreamHistoryRandomTests {
    private static let uids = (0..<3).flatMap { bucket in (0..<4).map { uid(in: UInt8(40 + bucket), $0) } }

    private struct World {
        let path: String
        var random: SeededRandom
        /// What the API server has, by UID.
        var server: [String: WatchedObject] = [:]
        var version = 0
        var store = StreamStore(streamID: 0)
        var history: StreamHistory?
        /// What was sent under each sequence, of which there must be one only.
        var sent: [String: String] = [:]
        var all = Follower(namespace: nil)
        var one = Follower(namespace: "n1")
        var resumed = 0

        init(path: String, seed: UInt64) {
            self.path = path
            random = SeededRandom(seed: seed)
        }
    }

    /// What docs/delta-stream.md asks of a subscriber, in a few lines.
    private struct Follower {
        let namespace: String?
        var streamID: UInt64 = 0
        var objects: [UInt8: [String: String]] = [:]
        /// Last sequences: of the bucket, or of the namespace in it.
        var held: [UInt8: UInt64] = [:]
        var fetches = 0

        init(namespace: String?) { self.namespace = namespace }

        func wants(_ delta: Delta) -> Bool { namespace == nil || delta.namespace == namespace }

        mutating func take(_ delta: Delta) {
            guard wants(delta), delta.streamID == streamID, let last = held[delta.bucket], delta.sequence > last else { return }
            guard namespace == nil ? delta.sequence == last + 1 : delta.previous <= last else {
                held[delta.bucket] = nil
                return
            }
            held[delta.bucket] = delta.sequence
            objects[delta.bucket, default: [:]][delta.uid] = delta.change == .deleted ? nil : fingerprint(delta)
        }

        mutating func fetch(_ bucket: UInt8, from store: StreamStore) throws {
            let (sequence, deltas) = try #require(store.snapshot(.pods, bucket: bucket))
            objects[bucket] = Dictionary(uniqueKeysWithValues: deltas.filter(wants).map { ($0.uid, fingerprint($0)) })
            held[bucket] = sequence
            fetches += 1
        }
    }

    @Test("every subscriber ends with the server's state, and no sequence is used twice", arguments: UInt64(0)..<60)
    func lives(seed: UInt64) throws {
        let folder = try TemporaryFolder()
        var world = World(path: folder.path("history"), seed: seed)
        try start(&world)
        for _ in 0..<600 {
            switch Int.random(in: 0..<100, using: &world.random) {
            case 0...2: try restart(&world)
            case 3...12: try hear(&world)
            case 13...40: _ = world.history?.renewStep(world.store)
            default: try change(&world)
            }
        }
        #expect(world.resumed > 5)
        try hear(&world)
        try expectEqual(world)
    }

    /// The server changes one object. The publisher hears of it, and the followers mostly.
    private func change(_ world: inout World) throws {
        serve(&world)
        try reconcile(&world, isLost: Int.random(in: 0..<5, using: &world.random) == 0)
    }

    private func serve(_ world: inout World) {
        world.version += 1
        let uid = Self.uids.randomElement(using: &world.random) ?? ""
        if world.server[uid] != nil && Int.random(in: 0..<3, using: &world.random) == 0 {
            world.server[uid] = nil
        } else {
            world.server[uid] = object("p", namespace: namespace(of: uid), version: world.version, uid: uid)
        }
    }

    private func namespace(of uid: String) -> String { (Self.uids.firstIndex(of: uid) ?? 0) % 2 == 0 ? "n1" : "n2" }

    /// What a list brings; a watch's event is the same for one object.
    private func reconcile(_ world: inout World, isLost: Bool) throws {
        for object in world.server.values.sorted(by: { $0.identity.uid < $1.identity.uid }) {
            if let delta = world.store.upsert(object, commitTime: 1) { try send(delta, &world, isLost: isLost) }
        }
        for uid in Self.uids where world.server[uid] == nil {
            if let delta = world.store.delete(object("p", namespace: namespace(of: uid), uid: uid), commitTime: 1) {
                try send(delta, &world, isLost: isLost)
            }
        }
    }

    private func send(_ delta: Delta, _ world: inout World, isLost: Bool) throws {
        world.history?.append([delta])
        let place = "\(delta.streamID) \(delta.bucket) \(delta.sequence)"
        let content = "\(delta.change) \(delta.uid) \(delta.resourceVersion)"
        #expect(world.sent[place] == nil, "\(place) was \(world.sent[place] ?? "") and is \(content)")
        world.sent[place] = content
        guard !isLost else { return }
        world.all.take(delta)
        world.one.take(delta)
    }

    private func start(_ world: inout World) throws {
        let opened = StreamHistory.open(
            path: world.path, boot: .init(high: 1, low: 1), resources: [.pods], newID: UInt64(world.sent.count + 1),
            means: .init(slack: 2_000), logger: quietLogger)
        if case .resumed = opened.beginning { world.resumed += 1 }
        (world.store, world.history) = (opened.store, opened.history)
        world.store.announce(.pods)
        world.store.beginReplace(.pods)
        for object in world.server.values {
            if let delta = world.store.upsert(object, commitTime: 1) { try send(delta, &world, isLost: Bool.random(using: &world.random)) }
        }
        for delta in world.store.endReplace(.pods, commitTime: 1) { try send(delta, &world, isLost: Bool.random(using: &world.random)) }
        world.store.markSynced(.pods, resourceVersion: "\(world.version)")
    }

    /// Killed: before a delta is written, inside its record, or between that and sending it. Then the server goes on alone.
    private func restart(_ world: inout World) throws {
        serve(&world)
        let before = try size(world.path)
        if Bool.random(using: &world.random), let object = world.server.values.randomElement(using: &world.random),
            let delta = world.store.upsert(object, commitTime: 1)
        {
            world.history?.append([delta])
            let after = try size(world.path)
            let end = Bool.random(using: &world.random) ? after : Int.random(in: before...after, using: &world.random)
            // Safe: truncate reads the terminated path.
            #expect(unsafe truncate(world.path, end) == 0)
        }
        world.history = nil
        for _ in 0..<Int.random(in: 0..<6, using: &world.random) { serve(&world) }
        try start(&world)
    }

    private func size(_ path: String) throws -> Int {
        (try FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.intValue ?? 0
    }

    /// A heartbeat with its tails: who is behind fetches.
    private func hear(_ world: inout World) throws {
        let tails = world.store.nextTails(.pods)
        let heartbeat = try #require(world.store.heartbeat(.pods, time: 1, intervalMilliseconds: 1))
        if world.all.streamID != heartbeat.streamID {
            (world.all.streamID, world.one.streamID) = (heartbeat.streamID, heartbeat.streamID)
            (world.all.held, world.one.held) = ([:], [:])
        }
        for bucket in UInt8(40)...42 {
            if world.all.held[bucket].map({ $0 < heartbeat.sequences[Int(bucket)] }) != false {
                try world.all.fetch(bucket, from: world.store)
            }
            let tail = tails.first { $0.namespace == "n1" }?.entries.first { $0.bucket == bucket }?.sequence ?? 0
            if world.one.held[bucket].map({ $0 < tail }) != false { try world.one.fetch(bucket, from: world.store) }
        }
    }

    private func expectEqual(_ world: World) throws {
        for bucket in UInt8(40)...42 {
            let objects = try #require(world.store.snapshot(.pods, bucket: bucket)).objects
            let served = world.server.values.filter { Topic.bucket(ofUID: $0.identity.uid) == bucket }
            #expect(Set(objects.map(\.uid)) == Set(served.map(\.identity.uid)))
            #expect(Set(objects.map(\.resourceVersion)) == Set(served.map(\.identity.resourceVersion)))
            #expect(Set(objects.map(fingerprint)) == Set(world.all.objects[bucket, default: [:]].values))
            #expect(Set(objects.filter(world.one.wants).map(fingerprint)) == Set(world.one.objects[bucket, default: [:]].values))
        }
    }
}
