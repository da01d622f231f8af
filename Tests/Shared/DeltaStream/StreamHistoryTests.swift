import Foundation
import KubernetesObjects
import Synchronization
import TestSupport
import Testing

@testable import DeltaStream

private let thisBoot = StreamHistory.Boot(high: 7, low: 8)

private func open(
    _ path: String, boot: StreamHistory.Boot = thisBoot, resources: [Resource] = [.pods, .nodes], newID: UInt64 = 1,
    means: StreamHistory.Means = .init()
) -> StreamHistory.Opened {
    StreamHistory.open(path: path, boot: boot, resources: resources, newID: newID, means: means, logger: quietLogger)
}

/// A publisher without sockets: what `Publisher` does with store and history under its lock.
private struct Outlet {
    var store: StreamStore
    let history: StreamHistory?
    let beginning: StreamHistory.Beginning

    init(_ opened: StreamHistory.Opened) {
        (store, history, beginning) = (opened.store, opened.history, opened.beginning)
    }

    mutating func upsert(_ object: WatchedObject) -> Delta? {
        let delta = store.upsert(object, commitTime: 5)
        if let delta { history?.append([delta]) }
        return delta
    }

    mutating func delete(_ object: WatchedObject) -> Delta? {
        let delta = store.delete(object, commitTime: 5)
        if let delta { history?.append([delta]) }
        return delta
    }

    /// The first list.
    mutating func list(_ objects: [WatchedObject], of resource: Resource = .pods) -> [Delta] {
        store.beginReplace(resource)
        var deltas = objects.compactMap { store.upsert($0, commitTime: 5) }
        history?.append(deltas)
        let gone = store.endReplace(resource, commitTime: 5)
        history?.append(gone)
        deltas += gone
        store.markSynced(resource, resourceVersion: "1")
        return deltas
    }
}

@Suite("The stream's history across restarts")
struct StreamHistoryTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path("table.history")
    }

    @Test("the objects of a list are one write")
    func oneWrite() throws {
        let writes = Atomic<Int>(0)
        let means = StreamHistory.Means(write: { descriptor, bytes in
            writes.add(1, ordering: .relaxed)
            return HistoryFile.systemWrite(descriptor, bytes)
        })
        var outlet = Outlet(open(path, means: means))
        let before = writes.load(ordering: .relaxed)
        _ = outlet.list((0..<100).map { object("pod-\($0)") })
        #expect(writes.load(ordering: .relaxed) == before + 1)
        #expect(Outlet(open(path)).beginning == .resumed(objects: 100))
    }

    @Test("a restart goes on with id and sequences, and what is as it was published is not published again")
    func resumes() throws {
        var first = Outlet(open(path, newID: 42))
        #expect(first.beginning == .new(reason: "there is no history of one"))
        _ = first.list([object("a"), object("b", namespace: "team")])
        _ = first.upsert(object("a", version: 2))
        let before = try #require(first.store.heartbeat(.pods, time: 1, intervalMilliseconds: 1000))

        var second = Outlet(open(path))
        #expect(second.beginning == .resumed(objects: 2))
        #expect(second.store.streamID == 42)
        let deltas = second.list([object("a", version: 2), object("b", namespace: "team", version: 3)])
        #expect(deltas.map(\.name) == ["b"] && deltas.map(\.change) == [.modified])
        let after = try #require(second.store.heartbeat(.pods, time: 1, intervalMilliseconds: 1000))
        let bucket = Int(deltas[0].bucket)
        #expect(after.sequences[bucket] == before.sequences[bucket] + 1)
        #expect(zip(before.sequences, after.sequences).filter { $0 != $1 }.count == 1)
        #expect(deltas[0].previous == before.sequences[bucket])
    }

    @Test("until its first list a resource has neither heartbeat nor snapshot nor tails, and requests get no buckets")
    func hidden() throws {
        var first = Outlet(open(path))
        _ = first.list([object("a")])
        var second = Outlet(open(path))
        second.store.announce(.nodes)
        #expect(second.store.heartbeat(.pods, time: 1, intervalMilliseconds: 1) == nil)
        #expect(second.store.snapshot(.pods, bucket: Topic.bucket(ofUID: object("a").identity.uid)) == nil)
        #expect(second.store.nextTails(.pods).isEmpty)
        #expect(!second.store.isSynced(.pods))
        // What had never been published need not hide.
        #expect(second.store.heartbeat(.nodes, time: 1, intervalMilliseconds: 1) != nil)
        _ = second.list([object("a")])
        #expect(second.store.heartbeat(.pods, time: 1, intervalMilliseconds: 1)?.synced == true)
        #expect(second.store.count(.pods) == 1)
        // Whoever follows one namespace is told where it ends.
        #expect(second.store.nextTails(.pods).map(\.namespace) == ["default"])
    }

    @Test("what went while nobody published is deleted by the first list, without an object")
    func deletion() throws {
        var first = Outlet(open(path))
        _ = first.list([object("a"), object("b")])
        var second = Outlet(open(path))
        let deltas = second.list([object("a")])
        #expect(deltas.map(\.change) == [.deleted] && deltas.map(\.name) == ["b"] && deltas[0].object.bytes.isEmpty)
        #expect(deltas[0].resourceVersion == "1")
        #expect(open(path).beginning == .resumed(objects: 1))
        let line = String(decoding: DeltaJSON.line(deltas[0]), as: UTF8.self)
        #expect(line.contains(#""object":null"#) && !line.contains("objectError"))
    }

    @Test("an object that went and came back under its name is another one")
    func replaced() {
        var first = Outlet(open(path))
        _ = first.list([object("a", uid: "u1")])
        var second = Outlet(open(path))
        let deltas = second.list([object("a", uid: "u2")])
        #expect(Set(deltas.map { "\($0.change) \($0.uid)" }) == ["added u2", "deleted u1"])
    }

    @Test("other bytes under the same resourceVersion are a change, as after a restore of etcd")
    func restored() {
        var first = Outlet(open(path))
        _ = first.list([object("a", padding: 3)])
        var second = Outlet(open(path))
        #expect(second.list([object("a", padding: 4)]).map(\.change) == [.modified])
    }

    @Test("a list that breaks off and begins again names what the first try had not")
    func secondTry() {
        var first = Outlet(open(path))
        _ = first.list([object("a"), object("b"), object("c")])
        var second = Outlet(open(path))
        second.store.beginReplace(.pods)
        #expect(second.upsert(object("a")) == nil)
        let deltas = second.list([object("b"), object("c", version: 2)])
        #expect(Set(deltas.map { "\($0.change) \($0.name)" }) == ["modified c", "deleted a"])
    }

    // MARK: When a new stream begins

    @Test(
        "another boot, an unknown boot, a resource that is not watched any more, another file, another version: a new stream",
        arguments: ["boot", "unknown boot", "resource", "foreign", "version", "empty"])
    func broken(how: String) throws {
        var first = Outlet(open(path, newID: 42))
        _ = first.list([object("a")])
        var boot = thisBoot
        var resources: [Resource] = [.pods, .nodes]
        let reason: String
        switch how {
        case "boot": (boot, reason) = (.init(high: 7, low: 9), "earlier boot")
        case "unknown boot": (boot, reason) = (.init(high: 0, low: 0), "earlier boot")
        case "resource": (resources, reason) = ([.nodes], "pods, which it had, are not watched any more")
        case "foreign":
            try folder.write(Array("MIZZENTB".utf8) + [UInt8](repeating: 0, count: 100), to: "table.history")
            reason = "is not a stream's history"
        case "version":
            var bytes = try folder.read("table.history")
            bytes[8] = 9
            try folder.write(bytes, to: "table.history")
            reason = "another release's (version 9"
        default:
            try folder.write([], to: "table.history")
            reason = "is not a stream's history"
        }
        let second = Outlet(open(path, boot: boot, resources: resources, newID: 43))
        guard case .new(let said) = second.beginning else {
            Issue.record("\(second.beginning)")
            return
        }
        #expect(said.contains(reason), "\(said)")
        #expect(second.store.streamID == 43)
        #expect(second.store.heartbeat(.pods, time: 1, intervalMilliseconds: 1) == nil)
    }

    @Test("whichever byte is damaged, the stream is not gone on with under its id")
    func damaged() throws {
        var first = Outlet(open(path, newID: 42))
        _ = first.list([object("a"), object("b", namespace: "team"), object("c")])
        _ = first.delete(object("b", namespace: "team"))
        let whole = try folder.read("table.history")
        #expect(open(path).store.streamID == 42)
        for at in whole.indices {
            var bytes = whole
            bytes[at] ^= 0x10
            try folder.write(bytes, to: "table.history")
            #expect(open(path, newID: 43).store.streamID != 42, "byte \(at)")
        }
    }

    @Test("a file that ends inside its last record goes on without that record, wherever it ends")
    func cutShort() throws {
        var first = Outlet(open(path, newID: 42))
        _ = first.list([object("a")])
        let before = try folder.read("table.history").count
        _ = first.upsert(object("a", version: 2))
        let whole = try folder.read("table.history")
        for size in before..<whole.count {
            try folder.write(Array(whole.prefix(size)), to: "table.history")
            var second = Outlet(open(path, newID: 43))
            #expect(second.store.streamID == 42)
            #expect(second.list([object("a", version: 2)]).map(\.sequence) == [2], "\(size)")
            #expect(open(path).beginning == .resumed(objects: 1))
        }
    }

    // MARK: Faults of the file system

    @Test("a write that fails gives the history up, removes it and lets the stream go on")
    func fullFileSystem() throws {
        let means = StreamHistory.Means(write: { descriptor, bytes in
            // The header and a few records in short writes, then no room.
            guard lseek(descriptor, 0, SEEK_END) < 300 else {
                errno = ENOSPC
                return -1
            }
            return HistoryFile.systemWrite(descriptor, bytes.prefix(7))
        })
        var first = Outlet(open(path, means: means))
        let history = try #require(first.history)
        var deltas = 0
        for number in 0..<20 where first.upsert(object("n\(number)")) != nil { deltas += 1 }
        #expect(deltas == 20)
        #expect(!history.isKept)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(open(path).beginning == .new(reason: "there is no history of one"))
    }

    @Test("a file that cannot be made is no reason not to publish")
    func unwritable() {
        let first = Outlet(open("/proc/nowhere/history", newID: 9))
        #expect(first.history == nil && first.store.streamID == 9)
    }

    @Test("the file is its owner's alone")
    func permissions() throws {
        _ = open(path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }

    @Test("a history that leaves no numbers to count on with is not taken")
    func lastSequence() {
        for (sequence, isTaken) in [(UInt64.max, false), (.max - 1, false), (.max / 2 + 1, false), (.max / 2, true)] {
            var stored = StoredResource(resource: .pods)
            let isRecalled = stored.recall(3, BucketImage(sequence: sequence, forgotten: 0, tails: [:], objects: []))
            #expect(isRecalled == isTaken)
        }
    }

    @Test("more resources than a history has numbers for end the history, and nothing else")
    func tooManyResources() throws {
        let invented = (0...StreamHistory.mostResources).map {
            Resource(group: "g", version: "v1", plural: "r\($0)", kind: "R", isNamespaced: true)
        }
        var encoder = HistoryEncoder()
        for resource in invented { encoder.resource(resource) }
        #expect(open(path).history?.isKept == true)
        try folder.write(try folder.read("table.history") + encoder.bytes, to: "table.history")
        let opened = open(path)
        guard case .new(let reason) = opened.beginning else {
            Issue.record("\(opened.beginning)")
            return
        }
        #expect(reason.contains("more resources"))
        let history = try #require(opened.history)
        for (number, resource) in invented.enumerated() {
            let delta = Delta(
                streamID: 1, sequence: 1, previous: 0, change: .added, resource: resource,
                identity: ObjectIdentity(namespace: "", name: "", uid: "u\(number)", resourceVersion: "1"), commitTime: 0,
                object: EncodedObject(encoding: .json, bytes: []))
            history.append([delta])
        }
        #expect(!history.isKept)
    }

    @Test("lists and rounds that come round keep what was listed, and drop what was not")
    func countersAtTheEdge() throws {
        var stored = StoredResource(resource: .pods, list: .max - 2, round: .max - 2)
        for turn in 0..<6 {
            stored.beginReplace()
            _ = stored.upsert(object("kept"), streamID: 1, commitTime: 0)
            _ = stored.upsert(object("only-\(turn)"), streamID: 1, commitTime: 0)
            let gone = stored.endReplace(streamID: 1, commitTime: 0)
            #expect(gone.map(\.name) == (turn == 0 ? [] : ["only-\(turn - 1)"]), "turn \(turn)")
            let tails = stored.nextTails(streamID: 1)
            #expect(tails.map(\.namespace) == ["default"], "turn \(turn)")
        }
        #expect(stored.count == 2)
    }

    @Test("records are read as they were written")
    func records() throws {
        let remembered = RememberedObject(
            identity: ObjectIdentity(namespace: "ns", name: "näme", uid: "u", resourceVersion: "9"), encoding: .protobuf,
            digest: .max, sequence: 3, commitTime: -1)
        let image = BucketImage(sequence: 9, forgotten: 2, tails: ["ns": 3, "": 1], objects: [remembered, remembered])
        var encoder = HistoryEncoder()
        encoder.resource(.deployments)
        encoder.change(resource: 300, .deleted, remembered)
        encoder.bucket(resource: 1, bucket: 255, image)
        var decoder = HistoryDecoder(encoder.bytes)
        #expect(try decoder.next() == .resource(.deployments))
        #expect(try decoder.next() == .change(resource: 300, .deleted, remembered))
        #expect(try decoder.next() == .bucket(resource: 1, bucket: 255, image))
        #expect(try decoder.next() == nil)
    }
}
