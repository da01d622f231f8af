import Synchronization

/// A value that the control side replaces now and then and all threads use: handed out by version, so that a thread which keeps what it has takes
/// the lock only after a change.
///
/// A reader that sees a version sees the value of that version, or a later one: the version is raised after the value is in its place.
final class FollowedValue<Value: Sendable>: Sendable {
    private let number = Atomic<Int>(1)
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    /// Grows with every replacement.
    var version: Int { number.load(ordering: .acquiring) }

    var value: Value { state.withLock { $0 } }

    func replace(by value: Value) {
        state.withLock { $0 = value }
        number.wrappingAdd(1, ordering: .releasing)
    }
}

/// When something is to be looked at again.
struct DueTime {
    private var next: ContinuousClock.Instant?

    /// Whether it is time; then the next one is an interval away. The first time is at once.
    mutating func isDue(_ now: ContinuousClock.Instant, every interval: Duration) -> Bool {
        if let next, next > now { return false }
        next = now + interval
        return true
    }
}
