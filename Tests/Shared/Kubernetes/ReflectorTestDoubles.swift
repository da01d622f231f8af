import KubernetesClient
import KubernetesObjects
import Logging
import Synchronization

let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// Writes down every call as one word or two, and lets a test wait for it.
final class RecordingSink: ReflectorSink {
    private let (calls, arrived) = AsyncStream.makeStream(of: String.self)
    private let objects = Mutex<[String: WatchedObject]>([:])

    private func note(_ call: String) { arrived.yield(call) }

    func listBegan(_ resource: Resource) async { note("list") }
    func upsert(_ object: WatchedObject) async {
        objects.withLock { $0[object.identity.name] = object }
        note("+\(object.identity.name)")
    }
    func delete(_ object: WatchedObject) async { note("-\(object.identity.name)") }
    func listEnded(_ resource: Resource, resourceVersion: String) async { note("listed \(resourceVersion)") }
    func bookmark(_ resource: Resource, resourceVersion: String) async { note("bookmark \(resourceVersion)") }
    func undecodable(_ resource: Resource, reason: String) async { note("undecodable") }

    func object(_ name: String) -> WatchedObject? { objects.withLock { $0[name] } }

    /// All calls up to and with `last`, since the previous `calls(until:)`.
    func calls(until last: String) async -> [String] {
        var result: [String] = []
        for await call in calls {
            result.append(call)
            if call == last { break }
        }
        return result
    }
}

/// Time that passes when something sleeps: short sleeps (back-off) end at once, long ones (watchdogs) when told.
final class JumpingClock: ReflectorClock {
    private struct State {
        var now: Duration = .zero
        var sleeps: [Duration] = []
        var sleepers: [Int: CheckedContinuation<Void, any Error>] = [:]
        var cancelled: Set<Int> = []
        var lastID = 0
    }

    private let state = Mutex(State())
    /// Sleeps of at least this length are held.
    let held: Duration

    init(held: Duration = .seconds(75)) { self.held = held }

    /// The short sleeps so far: what the back-off asked for.
    var waits: [Duration] { state.withLock { $0.sleeps } }

    func now() -> Duration { state.withLock { $0.now } }

    func sleep(for duration: Duration) async throws {
        if duration < held {
            try Task.checkCancellation()
            state.withLock {
                $0.now += duration
                $0.sleeps.append(duration)
            }
            return
        }
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if state.cancelled.contains(id) { return true }
                    state.sleepers[id] = continuation
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.cancelled.insert(id)
                return state.sleepers.removeValue(forKey: id)
            }
            sleeper?.resume(throwing: CancellationError())
        }
    }

    /// Lets so much time pass that every held sleep is over.
    func wakeSleepers() {
        let sleepers = state.withLock { state in
            state.now += .seconds(600)
            defer { state.sleepers = [:] }
            return state.sleepers.values
        }
        for sleeper in sleepers { sleeper.resume() }
    }
}

/// Counts failures by cause.
final class CountingObserver: ReflectorObserver {
    private let counts = Mutex<[String: Int]>([:])

    private func add(_ key: String) { counts.withLock { $0[key, default: 0] += 1 } }

    subscript(key: String) -> Int { counts.withLock { $0[key] ?? 0 } }

    func listStarted(_ resource: Resource) { add("lists") }
    func listEnded(_ resource: Resource, items: Int, duration: Duration) { add("items \(items)") }
    func watchStarted(_ resource: Resource) { add("watches") }
    func event(_ resource: Resource, kind: WatchEventKind) { add(kind.rawValue) }
    func failed(_ resource: Resource, cause: String) { add("failed \(cause)") }
}

/// Steps through a script: each call gives the next number.
final class Counter: Sendable {
    private let value = Mutex(0)

    /// How many there were.
    var count: Int { value.withLock { $0 } }

    func next() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}
