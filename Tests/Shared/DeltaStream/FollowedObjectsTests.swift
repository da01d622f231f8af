import MizzenSystem
import TestSupport
import Testing

@testable import DeltaStream

/// What ``FollowedObjects`` should say, by the shortest means.
private struct Model {
    struct Object: Hashable {
        var name: Int
        var kept: Int
    }

    static let buckets = 4
    var objects: [Int: Object] = [:]
    /// The UIDs of those that bear a name, the last to be put at the end.
    var bearers: [Int: [Int]] = [:]

    static func bucket(_ uid: Int) -> UInt8 { UInt8(uid % buckets) }

    mutating func put(_ uid: Int, _ object: Object) {
        remove(uid)
        objects[uid] = object
        bearers[object.name, default: []].append(uid)
    }

    mutating func remove(_ uid: Int) {
        guard let old = objects.removeValue(forKey: uid) else { return }
        bearers[old.name]?.removeAll { $0 == uid }
    }

    func uids(in bucket: UInt8) -> [Int] { objects.keys.filter { Self.bucket($0) == bucket } }
}

@Suite("What followers keep of objects")
struct FollowedObjectsTests {
    private typealias Objects = FollowedObjects<Int>

    private static let uids = 0..<24
    private static let names = 0..<8

    private func key(uid: Int) -> ObjectKey { ObjectKey(uid: "uid-\(uid)") }
    private func key(name: Int) -> ObjectKey { ObjectKey(namespace: "ns-\(name % 2)", name: "name-\(name)") }

    private func entry(_ uid: Int, _ object: Model.Object) -> Objects.Entry {
        Objects.Entry(uid: key(uid: uid), name: key(name: object.name), kept: object.kept)
    }

    private func expectEqual(_ objects: Objects, _ model: Model, _ what: String) {
        #expect(objects.count == model.objects.count, "\(what)")
        for bucket in 0..<UInt8(Model.buckets) {
            let held = objects.buckets[Int(bucket)].map { "\($0.uid)\($0.name)\($0.kept)" }.sorted()
            let expected = model.uids(in: bucket).compactMap { uid in model.objects[uid].map { entry(uid, $0) } }
                .map { "\($0.uid)\($0.name)\($0.kept)" }.sorted()
            #expect(held == expected, "\(what)")
        }
        var named: Set<Int> = []
        for name in Self.names {
            let holder = model.bearers[name]?.last.flatMap { model.objects[$0] }?.kept
            #expect(objects.entry(named: key(name: name))?.entry.kept == holder, "\(what)")
            if let holder { named.insert(holder) }
        }
        var seen: [Int] = []
        objects.forEachNamed { seen.append($0) }
        #expect(seen.count == named.count && Set(seen) == named, "\(what)")
    }

    @Test("random deltas and snapshots leave what a simple model holds", arguments: 0..<40 as Range<UInt64>)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var objects = Objects(isNamed: true)
        var model = Model()
        for step in 0..<400 {
            let uid = Int.random(in: Self.uids, using: &random)
            let object = { (random: inout SeededRandom) in Model.Object(name: Int.random(in: Self.names, using: &random), kept: step * 100)
            }
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let new = object(&random)
                let old = objects.upsert(entry(uid, new), bucket: Model.bucket(uid))
                #expect(old?.kept == model.objects[uid]?.kept)
                model.put(uid, new)
            case 6..<8:
                let old = objects.remove(uid: key(uid: uid), bucket: Model.bucket(uid))
                #expect(old?.kept == model.objects[uid]?.kept)
                model.remove(uid)
            default:
                let bucket = Model.bucket(uid)
                // A publisher may be broken: a UID may come twice.
                let candidates = Self.uids.filter { Model.bucket($0) == bucket }
                let chosen = (0..<Int.random(in: 0..<8, using: &random)).map { _ in candidates.randomElement(using: &random) ?? uid }
                let new = chosen.enumerated().map { index, uid in
                    var new = object(&random)
                    new.kept += index
                    return (uid, new)
                }
                let gone = Set(model.uids(in: bucket)).subtracting(chosen)
                let expected = Set(gone.compactMap { model.objects[$0]?.kept })
                #expect(Set(objects.replace(bucket: bucket, with: new.map { entry($0.0, $0.1) }).map(\.kept)) == expected)
                for uid in gone { model.remove(uid) }
                for (uid, object) in new { model.put(uid, object) }
            }
            expectEqual(objects, model, "seed \(seed), step \(step)")
        }
    }

    @Test("a name falls to the older object that bears it when the newer goes")
    func namesakes() {
        var objects = Objects(isNamed: true)
        for uid in [1, 2, 3] { objects.upsert(entry(uid, .init(name: 5, kept: uid)), bucket: Model.bucket(uid)) }
        objects.remove(uid: key(uid: 3), bucket: Model.bucket(3))
        #expect(objects.entry(named: key(name: 5))?.entry.kept == 2)
        objects.replace(bucket: Model.bucket(2), with: [])
        #expect(objects.entry(named: key(name: 5))?.entry.kept == 1)
        #expect(objects.entry(named: key(name: 5))?.bucket == Model.bucket(1))
    }

    @Test("a copy of the buckets does not change with what they are copied from")
    func snapshot() {
        var objects = Objects(isNamed: false)
        objects.upsert(entry(1, .init(name: 1, kept: 10)), bucket: Model.bucket(1))
        let before = objects.buckets
        objects.upsert(entry(1, .init(name: 1, kept: 11)), bucket: Model.bucket(1))
        objects.remove(uid: key(uid: 1), bucket: Model.bucket(1))
        #expect(before.flatMap { $0 }.map(\.kept) == [10])
        #expect(objects.entry(named: key(name: 1)) == nil, "names are not kept")
    }
}
