import MizzenSystem
import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import Synchronization

/// Objects of one size.
struct Payload {
    let objects: Int
    let bytes: Int

    func object(_ index: Int, version: Int) -> WatchedObject {
        WatchedObject(
            resource: .pods,
            identity: ObjectIdentity(
                namespace: "team-\(index % 50)", name: "workload-7d4b9c6f8-\(index)",
                uid: "0f1e2d3c-4b5a-6978-8796-\(String(index + 1_000_000_000_000))", resourceVersion: "\(version)"),
            object: EncodedObject(encoding: .protobuf, bytes: content))
    }

    private var content: [UInt8] { [UInt8](repeating: 0x2A, count: bytes) }

    /// Bytes of a delta's envelope: the object, and about 190 for what identifies it.
    var envelopeSize: Int { bytes + 190 }
}

/// The real publisher, which keeps its history as a watcher does: in memory, beside the table.
struct StreamSource: MessageSource, ~Copyable {
    private let publisher: Publisher
    private let objects: [WatchedObject]
    private var sent = 0

    init(_ endpoints: Endpoints, _ payload: Payload) throws {
        let logger = Logger(label: "stream-bench")
        let history = "/dev/shm/mizzen-stream-bench-\(getpid()).history"
        let opened = StreamHistory.open(path: history, boot: .init(high: 1, low: 1), resources: [.pods], logger: logger)
        // Nobody else is to open it: gone with the process, however that ends.
        try FileManager.default.removeItem(atPath: history)
        publisher = try Publisher(
            deltas: endpoints.deltas, snapshots: endpoints.snapshots, store: opened.store, history: opened.history, logger: logger)
        objects = (0..<payload.objects).map { payload.object($0, version: 1) }
        for object in objects { publisher.upsert(object) }
        publisher.markSynced(.pods, resourceVersion: "1")
        let publisher = publisher
        Task.detached { try await publisher.run() }
    }

    mutating func send() {
        sent += 1
        var object = objects[sent % objects.count]
        object.identity.resourceVersion = String(sent + 1)
        publisher.upsert(object)
    }

    mutating func hello() {}
    mutating func serveSnapshot() {}
}

/// The real subscriber.
final class StreamSubscriber: DeltaConsumer {
    private struct Join {
        var began: Int64?
        var objects = 0
        var isDone = false
    }

    private let endpoints: Endpoints
    private let ledger: Ledger
    private let join = Mutex(Join())

    init(_ endpoints: Endpoints, _ ledger: Ledger) {
        self.endpoints = endpoints
        self.ledger = ledger
    }

    func run(snapshotOnly: Bool) throws {
        let subscriber = try Subscriber(
            deltas: endpoints.deltas, snapshots: endpoints.snapshots, filter: [TopicFilter(.pods)], consumer: self,
            logger: Logger(label: "stream-bench") { label in
                var handler = StreamLogHandler.standardError(label: label)
                handler.logLevel = .warning
                return handler
            })
        Task.detached { try await subscriber.run() }
        if snapshotOnly {
            while !join.withLock({ $0.isDone }) { Thread.sleep(forTimeInterval: 0.01) }
        } else {
            ledger.obey()
        }
    }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        join.withLock { $0.objects += objects.count }
    }

    func apply(_ delta: Delta) {
        ledger.received(sentAt: delta.commitTime)
    }

    /// The first one is where a join begins.
    func heartbeat(_ heartbeat: Heartbeat) {
        join.withLock { $0.began = $0.began ?? WallClock.nanoseconds() }
    }

    func joined(_ resource: Resource, synced: Bool) {
        let now = WallClock.nanoseconds()
        let line: [String: Double]? = join.withLock { join in
            guard !join.isDone else { return nil }
            join.isDone = true
            return ["joined_seconds": Double(now - (join.began ?? now)) / 1e9, "objects": Double(join.objects)]
        }
        if let line { Report.line(line) }
    }

    func stale(_ resource: Resource, since: Int64) {}
}
