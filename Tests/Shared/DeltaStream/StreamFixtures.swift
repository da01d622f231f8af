import Foundation
import KubernetesObjects
import Logging
import Synchronization
import Testing

@testable import DeltaStream

/// Objects whose bytes are their own text, so that equality of stores is equality of content.
func object(
    _ name: String, namespace: String = "default", version: Int = 1, uid: String? = nil, resource: Resource = .pods,
    padding: Int = 0
) -> WatchedObject {
    let uid = uid ?? "uid-\(resource.plural)-\(namespace)-\(name)"
    let text = "{\"name\":\"\(name)\",\"version\":\(version),\"padding\":\"\(String(repeating: "x", count: padding))\"}"
    return WatchedObject(
        resource: resource,
        identity: ObjectIdentity(namespace: namespace, name: name, uid: uid, resourceVersion: "\(version)"),
        object: EncodedObject(encoding: .json, bytes: Array(text.utf8)))
}

/// A UID in the given bucket.
func uid(in bucket: UInt8, _ number: Int = 0) -> String {
    var candidate = number * 100_000
    while Topic.bucket(ofUID: "u\(candidate)") != bucket { candidate += 1 }
    return "u\(candidate)"
}

var quietLogger: Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}

/// A directory for sockets, with a path short enough for them; removed at the end.
final class SocketFolder: Sendable {
    let path: String
    var deltas: String { "ipc://\(path)/deltas" }
    var snapshots: String { "ipc://\(path)/snapshots" }
    var samples: String { "ipc://\(path)/samples" }

    init() {
        path = FileManager.default.temporaryDirectory.path + "/mz-\(UInt32.random(in: 0 ... .max))"
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Holds what it is told, like any real consumer, and notes what breaks the contract.
final class HoldingConsumer: DeltaConsumer {
    struct State {
        var objects: [String: Delta] = [:]
        var joined: [Resource: Bool] = [:]
        var stale: [Resource: Int] = [:]
        var applied = 0
        var replaced = 0
    }

    private let state = Mutex(State())
    /// While held the subscriber's thread stands still inside `apply`.
    let gate = Mutex(())

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        state.withLock { state in
            state.objects = state.objects.filter { $0.value.resource != resource || $0.value.bucket != bucket }
            for object in objects { state.objects[object.uid] = object }
            state.replaced += 1
        }
    }

    func apply(_ delta: Delta) {
        gate.withLock { _ in }
        state.withLock { state in
            state.objects[delta.uid] = delta.change == .deleted ? nil : delta
            state.applied += 1
        }
    }

    func joined(_ resource: Resource, synced: Bool) {
        state.withLock { $0.joined[resource] = synced }
    }

    func stale(_ resource: Resource, since: Int64) {
        state.withLock { state in
            state.joined[resource] = nil
            state.stale[resource, default: 0] += 1
        }
    }

    func read<R>(_ body: (State) -> sending R) -> sending R { state.withLock { body($0) } }

    func isJoined(_ resource: Resource) -> Bool { read { $0.joined[resource] != nil } }
    func isSynced(_ resource: Resource) -> Bool { read { $0.joined[resource] == true } }

    /// What a store's objects look like when held here: without what differs between a delta and a snapshot.
    var contents: Set<String> { read { Set($0.objects.values.map(fingerprint)) } }
}

func fingerprint(_ delta: Delta) -> String {
    "\(delta.resource)/\(delta.namespace)/\(delta.name)/\(delta.uid)@\(delta.resourceVersion)#\(delta.sequence) "
        + String(decoding: delta.object.bytes, as: UTF8.self)
}

func contents(of publisher: Publisher, _ resources: [Resource], where wanted: (Delta) -> Bool = { _ in true }) -> Set<
    String
> {
    let store = publisher.withStore { $0 }
    var result: Set<String> = []
    for resource in resources {
        for bucket in UInt8.min...UInt8.max {
            for delta in store.snapshot(resource, bucket: bucket)?.objects ?? [] where wanted(delta) {
                result.insert(fingerprint(delta))
            }
        }
    }
    return result
}

extension Optional {
    /// `#require` for the result of a mutating call.
    func required() throws -> Wrapped { try #require(self) }
}

struct DeadlinePassed: Error, CustomStringConvertible {
    var description: String
}

/// Waits for a condition that another thread brings about.
func eventually(
    _ what: String, within seconds: Double = 60, _ condition: () -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !condition() {
        guard ContinuousClock.now < deadline else {
            throw DeadlinePassed(description: "not within \(seconds) s: \(what)")
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Publisher options for tests: quick heartbeats.
func quickPublisher(highWaterMark: Int32 = 8192) -> Publisher.Options {
    var options = Publisher.Options()
    options.heartbeatInterval = .milliseconds(100)
    options.sendHighWaterMark = highWaterMark
    return options
}

func quickSubscriber() -> Subscriber.Options {
    var options = Subscriber.Options()
    options.requestTimeout = .milliseconds(1000)
    options.firstBackOff = .milliseconds(10)
    options.longestBackOff = .milliseconds(200)
    return options
}

/// Runs something in the background for the time of `body`.
func with<R>(
    running run: @escaping @Sendable () async throws -> Void, _ body: () async throws -> R
) async throws -> R {
    let task = Task { try await run() }
    do {
        let result = try await body()
        task.cancel()
        try await task.value
        return result
    } catch {
        task.cancel()
        _ = await task.result
        throw error
    }
}

/// Collects samples.
final class Received: Sendable {
    private let samples = Mutex<[NodeSample]>([])

    var all: [NodeSample] { samples.withLock { $0 } }

    @Sendable func add(_ sample: NodeSample) { samples.withLock { $0.append(sample) } }

    func times(_ node: String) -> [Int64] { all.filter { $0.node == node }.map(\.scrapedAt) }
}
