/// Time as a reflector sees it; tests put their own in place.
public protocol ReflectorClock: Sendable {
    /// Time since an arbitrary moment; never runs backwards.
    func now() -> Duration
    /// Returns after `duration`, or throws when the task is cancelled.
    func sleep(for duration: Duration) async throws
}

/// The machine's clock, which goes on while the machine is suspended: a watch that slept through a night is dead.
public struct SystemReflectorClock: ReflectorClock {
    private let origin = ContinuousClock.now

    public init() {}

    public func now() -> Duration { ContinuousClock.now - origin }

    public func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration, clock: .continuous)
    }
}
