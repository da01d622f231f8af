import ArgumentParser
import DeltaStream
import Foundation
import Kubernetes
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
            for byte in "\(delta.namespace)/\(delta.name)/\(delta.uid)@\(delta.resourceVersion)".utf8 + delta.object.bytes {
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
        abstract: "Publish, change for a while, then print 'final COUNT DIGEST' of all, of one namespace and of some buckets.")

    @Option var deltas: String
    @Option var snapshots: String
    @Option(help: "Makes this publisher's objects differ from another's.") var seed = 1
    @Option var objects = 5_000
    @Option(help: "How many changes.") var changes = 100_000
    @Option(help: "Changes between two pauses of a millisecond.") var burst = 100
    @Option(help: "Deltas that may wait for one subscriber.") var queue: Int32 = 500

    func run() async throws {
        var options = Publisher.Options()
        options.heartbeatInterval = .milliseconds(100)
        options.sendHighWaterMark = queue
        let publisher = try Publisher(
            deltas: deltas, snapshots: snapshots, store: StreamStore(streamID: UInt64.random(in: 1...UInt64.max)),
            options: options, logger: Logger(label: "stream-probe"))
        for index in 0..<objects { publisher.upsert(object(index, version: 1)) }
        publisher.markSynced(.pods, resourceVersion: "1")
        let serving = Task { try await publisher.run() }
        say("publishing")
        var state = UInt64(seed)
        for change in 0..<changes {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let object = object(Int(state >> 33) % objects, version: change + 2)
            if state >> 61 == 0 { publisher.delete(object) } else { publisher.upsert(object) }
            if change % burst == 0 { try await Task.sleep(for: .milliseconds(1)) }
        }
        let all = publisher.withStore { store in
            (UInt8.min...UInt8.max).flatMap { store.snapshot(.pods, bucket: $0)?.objects ?? [] }
        }
        for words in [[], ["--namespace", "team-3"], ["--buckets", "60"]] {
            let share = try Share.parse(words)
            say((["final"] + words + [Digest.text(all.filter(share.holds))]).joined(separator: " "))
        }
        try await serving.value
    }

    private func object(_ index: Int, version: Int) -> WatchedObject {
        WatchedObject(
            resource: .pods,
            identity: ObjectIdentity(
                namespace: "team-\(index % 7)", name: "pod-\(index)", uid: "uid-\(seed % 2)-\(index)", resourceVersion: "\(version)"),
            object: EncodedObject(encoding: .json, bytes: Array(#"{"seed":\#(seed),"version":\#(version)}"#.utf8)))
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
                if line != last { say(line) }
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
