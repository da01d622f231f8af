import KubernetesObjects
import Testing

@testable import DeltaStream

@Suite("StreamStore")
struct StreamStoreTests {
    private let bucket: UInt8 = 9

    @Test("the same state of an object is published once")
    func unchanged() throws {
        var store = StreamStore(streamID: 1)
        let first = try store.upsert(object("a"), commitTime: 5).required()
        #expect(first.change == .added && first.sequence == 1 && first.previous == 0 && first.commitTime == 5)
        #expect(store.upsert(object("a"), commitTime: 6) == nil)
        let second = try store.upsert(object("a", version: 2), commitTime: 7).required()
        #expect(second.change == .modified && second.sequence == 2 && second.previous == 1)
        #expect(store.count(.pods) == 1)
    }

    @Test("a delete carries the last state, and of an unknown object there is none")
    func deletion() throws {
        var store = StreamStore(streamID: 1)
        #expect(store.delete(object("a"), commitTime: 0) == nil)
        _ = store.upsert(object("a"), commitTime: 0)
        let gone = try store.delete(object("a", version: 2), commitTime: 0).required()
        #expect(gone.change == .deleted && gone.sequence == 2 && gone.resourceVersion == "2")
        #expect(store.count(.pods) == 0 && store.byteCount(.pods) == 0)
    }

    @Test("sequences count by bucket, and `previous` by namespace within it")
    func sequences() throws {
        var store = StreamStore(streamID: 1)
        func put(_ number: Int, _ namespace: String) throws -> Delta {
            let watched = object("n\(number)", namespace: namespace, uid: uid(in: bucket, number))
            return try store.upsert(watched, commitTime: 0).required()
        }
        let deltas = [try put(1, "a"), try put(2, "b"), try put(3, "a"), try put(4, "b")]
        #expect(deltas.map(\.sequence) == [1, 2, 3, 4])
        #expect(deltas.map(\.previous) == [0, 0, 1, 2])
        let other = try store.upsert(object("x", uid: uid(in: bucket + 1)), commitTime: 0).required()
        #expect(other.sequence == 1)
        let heartbeat = try #require(store.heartbeat(.pods, time: 3, intervalMilliseconds: 1000))
        #expect(heartbeat.sequences[Int(bucket)] == 4 && heartbeat.sequences[Int(bucket) + 1] == 1)
    }

    @Test("a relist deletes what it does not name and leaves alone what it names unchanged")
    func relist() {
        var store = StreamStore(streamID: 1)
        for name in ["a", "b", "c"] { _ = store.upsert(object(name), commitTime: 0) }
        store.beginReplace(.pods)
        #expect(store.upsert(object("a"), commitTime: 1) == nil)
        #expect(store.upsert(object("b", version: 2), commitTime: 1)?.change == .modified)
        #expect(store.upsert(object("d"), commitTime: 1)?.change == .added)
        let gone = store.endReplace(.pods, commitTime: 2)
        #expect(gone.map(\.name) == ["c"] && gone.map(\.change) == [.deleted])
        #expect(store.count(.pods) == 3)
        #expect(store.endReplace(.pods, commitTime: 3).isEmpty)
    }

    @Test("a list that broke off deletes nothing; the next one starts over")
    func brokenList() {
        var store = StreamStore(streamID: 1)
        for name in ["a", "b"] { _ = store.upsert(object(name), commitTime: 0) }
        store.beginReplace(.pods)
        _ = store.upsert(object("a"), commitTime: 1)
        store.beginReplace(.pods)
        _ = store.upsert(object("b"), commitTime: 1)
        #expect(store.endReplace(.pods, commitTime: 1).map(\.name) == ["a"])
    }

    @Test("a snapshot shares the objects' bytes and says up to which sequence it goes")
    func snapshot() throws {
        var store = StreamStore(streamID: 1)
        _ = store.upsert(object("a", uid: uid(in: bucket)), commitTime: 4)
        _ = store.upsert(object("b", uid: uid(in: bucket, 1)), commitTime: 5)
        _ = store.delete(object("a", uid: uid(in: bucket)), commitTime: 6)
        let snapshot = try #require(store.snapshot(.pods, bucket: bucket))
        #expect(snapshot.sequence == 3)
        #expect(snapshot.objects.map(\.name) == ["b"] && snapshot.objects.map(\.commitTime) == [5])
        #expect(store.snapshot(.nodes, bucket: 0) == nil)
    }

    @Test("tails name a changed namespace for five rounds")
    func tails() {
        var store = StreamStore(streamID: 1)
        _ = store.upsert(object("a", namespace: "x", uid: uid(in: bucket)), commitTime: 0)
        for _ in 0..<5 {
            #expect(store.nextTails(.pods).flatMap(\.entries) == [.init(bucket: bucket, sequence: 1)])
        }
        #expect(store.nextTails(.pods).isEmpty)
    }

    @Test("namespaces that are gone are forgotten, and `previous` is then too high rather than too low")
    func forgetting() throws {
        var store = StreamStore(streamID: 1)
        for number in 0..<2000 {
            let watched = object("n", namespace: "n\(number)", uid: uid(in: bucket, number))
            _ = store.upsert(watched, commitTime: 0)
            _ = store.delete(watched, commitTime: 0)
            _ = store.nextTails(.pods)
        }
        let again = try store.upsert(object("n", namespace: "n3", uid: uid(in: bucket, 3)), commitTime: 0).required()
        #expect(again.previous >= 8 && again.previous < again.sequence)
    }

    @Test("an object without a UID is not published")
    func withoutUID() {
        var store = StreamStore(streamID: 1)
        #expect(store.upsert(object("a", uid: ""), commitTime: 0) == nil)
    }
}
