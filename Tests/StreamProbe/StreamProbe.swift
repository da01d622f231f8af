import ArgumentParser
import DeltaStream
import Foundation
import KubernetesObjects
import Logging
import Synchronization

/// One process of the tests that attack the delta stream (Tests/Shared/DeltaStream/SeparateProcessTests.swift).
@main
struct StreamProbe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream-probe", abstract: "Publish made-up objects, or follow them and say what is held.",
        subcommands: [Publish.self, Subscribe.self])
}

/// A part of all objects.
struct Share: ParsableArguments {
    @Option(help: "Only this namespace.") var namespace: String?
    @Option(help: "Only buckets below this number.") var buckets = 256

    func holds(_ delta: Delta) -> Bool {
        Int(delta.bucket) < buckets && (namespace == nil || delta.namespace == namespace)
    }

    var filter: TopicFilter {
        TopicFilter(.pods, buckets: BucketSet((0..<buckets).map(UInt8.init)), namespace: namespace)
    }
}

/// The state of a set of objects in one line, whatever their order.
enum Digest {
    static func text(_ objects: some Sequence<Delta>) -> String {
        var sum: UInt64 = 0
        var count = 0
        for delta in objects {
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            // What an object says is at its beginning, before the padding.
            let bytes = delta.object.bytes
            for byte in "\(delta.namespace)/\(delta.name)/\(delta.uid)@\(delta.resourceVersion) \(bytes.count)".utf8 + bytes.prefix(64) {
                hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
            }
            sum &+= hash
            count += 1
        }
        return "\(count) \(String(sum, radix: 16))"
    }
}

/// Prints a line at once, and not by stdio, whose locks other threads may hold.
func say(_ line: String) {
    FileHandle.standardOutput.write(Data("\(line)\n".utf8))
}

struct Publish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Publish, change for a while and say how far it is, then print 'final [SHARE] COUNT DIGEST' of all and of shares.")

    @Option var deltas: String
    @Option var snapshots: String
    @Option(help: "Makes this publisher's objects differ from another's.") var seed = 1
    @Option var objects = 5_000
    @Option(help: "How many changes.") var changes = 100_000
    @Option(help: "Changes between two pauses of a millisecond.") var burst = 100
    @Option(help: "Bytes that each object has beside what it says.") var padding = 0
    @Option(help: "Deltas that may wait for one subscriber.") var queue: Int32 = 500
    @Option(help: "Keeps the stream's history here, and goes on with it.") var history: String?
    @Option(help: "Keeps the objects' versions here, as the API server of which this process is a watcher.") var server: String?
    @Option(help: "Changes that the API server made while no watcher ran.") var away = 0

    func run() async throws {
        let server = try ServedVersions(path: server, count: objects)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<away {
            server.change(Int.random(in: 0..<objects, using: &random), isDeletion: Int.random(in: 0..<8, using: &random) == 0)
        }
        let publisher = try makePublisher()
        publisher.announce([.pods])
        publisher.beginReplace(.pods)
        for index in 0..<objects where server[index] > 0 { publisher.upsert(object(index, version: server[index])) }
        publisher.endReplace(.pods)
        publisher.markSynced(.pods, resourceVersion: "1")
        let serving = Task { try await publisher.run() }
        say("publishing")
        var state = UInt64(seed) &+ UInt64(away)
        for change in 0..<changes {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let index = Int(state >> 33) % objects
            let before = object(index, version: server[index])
            server.change(index, isDeletion: state >> 61 == 0)
            if server[index] == 0 { publisher.delete(before) } else { publisher.upsert(object(index, version: server[index])) }
            if change % 1_000 == 0 { say("changed \(change)") }
            // The pace at which it changes.
            if change % burst == 0 { try await Task.sleep(for: .milliseconds(1)) }
        }
        let all = (0..<objects).filter { server[$0] > 0 }.map { index in
            let object = object(index, version: server[index])
            return Delta(
                streamID: 0, sequence: 1, change: .added, resource: .pods, identity: object.identity, commitTime: 0, object: object.object)
        }
        for words in [[], ["--namespace", "team-3"], ["--buckets", "60"]] {
            let share = try Share.parse(words)
            say((["final"] + words + [Digest.text(all.filter(share.holds))]).joined(separator: " "))
        }
        try await serving.value
    }

    private func makePublisher() throws -> Publisher {
        var options = Publisher.Options()
        options.heartbeatInterval = .milliseconds(100)
        options.sendHighWaterMark = queue
        let logger = Logger(label: "stream-probe")
        guard let history else {
            let store = StreamStore(streamID: UInt64.random(in: 1...UInt64.max))
            return try Publisher(deltas: deltas, snapshots: snapshots, store: store, options: options, logger: logger)
        }
        let opened = StreamHistory.open(path: history, boot: .init(high: 1, low: 2), resources: [.pods], logger: logger)
        say("\(opened.beginning)")
        return try Publisher(
            deltas: deltas, snapshots: snapshots, store: opened.store, history: opened.history, options: options, logger: logger)
    }

    private func object(_ index: Int, version: UInt32) -> WatchedObject {
        let filling = String(repeating: "x", count: padding)
        return WatchedObject(
            resource: .pods,
            identity: ObjectIdentity(
                namespace: "team-\(index % 7)", name: "pod-\(index)", uid: "uid-\(seed % 2)-\(index)", resourceVersion: "\(version)"),
            object: EncodedObject(encoding: .json, bytes: Array(#"{"seed":\#(seed),"version":\#(version),"padding":"\#(filling)"}"#.utf8)))
    }
}

/// The version of each object, 0 for those that do not exist: in memory, or in a file that outlives the process.
final class ServedVersions {
    private var versions: [UInt32]
    private var newest: UInt32
    private let file: FileHandle?

    init(path: String?, count: Int) throws {
        versions = [UInt32](repeating: 1, count: count)
        newest = 1
        guard let path else {
            file = nil
            return
        }
        if !FileManager.default.fileExists(atPath: path) { try Data(repeating: 0, count: 4 * count).write(to: URL(filePath: path)) }
        let file = try FileHandle(forUpdating: URL(filePath: path))
        let bytes = try file.readToEnd() ?? Data()
        for index in versions.indices {
            versions[index] = (0..<4).reduce(0) { $0 | UInt32(bytes[4 * index + $1]) << UInt32(8 * $1) }
        }
        newest = (versions.max() ?? 0) + 1
        self.file = file
    }

    subscript(index: Int) -> UInt32 { versions[index] }

    /// The file has it before anybody is told.
    func change(_ index: Int, isDeletion: Bool) {
        newest += 1
        versions[index] = isDeletion ? 0 : newest
        guard let file else { return }
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: versions[index] >> UInt32(8 * $0)) }
        do {
            try file.seek(toOffset: UInt64(4 * index))
            try file.write(contentsOf: Data(bytes))
        } catch {
            fatalError("the versions cannot be written: \(error)")
        }
    }
}

struct Subscribe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow, and print 'joined|stale COUNT DIGEST' ten times a second while it changes.")

    @Option var deltas: String
    @Option var snapshots: String
    @Option(help: "Microseconds spent over each delta.") var slowness: UInt32 = 0
    @OptionGroup var share: Share

    func run() async throws {
        let holder = Holder(slowness: slowness)
        var options = Subscriber.Options()
        options.receiveHighWaterMark = 500
        options.bufferedDeltas = 5_000
        options.requestTimeout = .seconds(1)
        options.firstBackOff = .milliseconds(20)
        options.longestBackOff = .milliseconds(500)
        let subscriber = try Subscriber(
            deltas: deltas, snapshots: snapshots, filter: [share.filter], consumer: holder, options: options,
            logger: Logger(label: "stream-probe", factory: { _ in SwiftLogNoOpLogHandler() }))
        let following = Task { try await subscriber.run() }
        let printing = Task {
            var last = ""
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(100))
                let line = holder.line
                if line != last {
                    say(line)
                    let statistics = subscriber.statistics
                    say("counts \(statistics.newStreams) new streams, \(statistics.bucketsFetched) buckets fetched")
                }
                last = line
            }
        }
        try await following.value
        printing.cancel()
    }
}

/// Holds what it is told.
final class Holder: DeltaConsumer {
    private struct State {
        var objects: [String: Delta] = [:]
        var isJoined = false
    }

    private let state = Mutex(State())
    private let slowness: UInt32

    init(slowness: UInt32) { self.slowness = slowness }

    var line: String { state.withLock { "\($0.isJoined ? "joined" : "stale") \(Digest.text($0.objects.values))" } }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        state.withLock { state in
            state.objects = state.objects.filter { $0.value.bucket != bucket }
            for object in objects { state.objects[object.uid] = object }
        }
    }

    func apply(_ delta: Delta) {
        if slowness > 0 { usleep(slowness) }
        state.withLock { $0.objects[delta.uid] = delta.change == .deleted ? nil : delta }
    }

    func joined(_ resource: Resource, synced: Bool) { state.withLock { $0.isJoined = true } }
    func stale(_ resource: Resource, since: Int64) { state.withLock { $0.isJoined = false } }
}
