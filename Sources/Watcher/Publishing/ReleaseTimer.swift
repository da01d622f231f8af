import Synchronization

/// Calls when a removal that the record table holds back is due.
///
/// At most one task waits. It never waits for longer than a removal that is held back from now on would, so one that comes meanwhile is in time.
final class ReleaseTimer: Sendable {
    private let isSet = Atomic<Bool>(false)

    /// - Parameters:
    ///   - due: nil for nothing.
    ///   - release: removes what is due, and says when the next is. Called from any thread.
    func set(_ due: ContinuousClock.Instant?, _ release: @escaping @Sendable () -> ContinuousClock.Instant?) {
        guard let due, !isSet.exchange(true, ordering: .acquiringAndReleasing) else { return }
        Task { [self] in
            // Never cancelled: nobody has the task.
            try? await Task.sleep(until: min(due, .now + HeldRemovals.patience), tolerance: .milliseconds(5))
            // Before the call: what comes from here on sets it again.
            isSet.store(false, ordering: .releasing)
            set(release(), release)
        }
    }
}
