public import MizzenSystem
import Synchronization

/// Lets commits begin only while the lease is certainly this process's.
///
/// What it guarantees: a commit *begins* only before the deadline, which is the moment at which the last successful renewal
/// was sent plus the renew deadline. Another process takes the lease at the earliest one lease duration after it has seen
/// that renewal's record, so after it was sent; the lease duration is the longer of the two. So at the moment at which a
/// commit begins, no other process leads, as long as
///
/// - the clocks of the two hosts run at about the same rate. Their times do not matter, their rates may differ by lease duration
///   to renew deadline, 15 to 10 unless options say otherwise;
/// - everybody who takes the lease waits for the duration that the record states, as client-go and this program do;
/// - nobody edits the holder by hand, which makes two leaders for at most the renew deadline, and nobody deletes the object just
///   before a process starts that has never seen it.
///
/// What it does not: a process that is stopped *between* this check and the write (SIGSTOP, a page fault, a suspended host)
/// finishes that one commit, at most one for each resource, when it goes on, whoever leads then. It is a change that the cluster
/// had before the stop, in the table and stream of the stopped process's own host. What comes after it is fenced, because the clock
/// counted on. Table and stream have no number by which a late write could be told from another's, and need none while each host has
/// its own.
///
/// The clock is CLOCK_BOOTTIME, which nobody sets and which counts while the host is suspended.
public final class LeaseFence: Sendable {
    private struct Waiting {
        var isEnded = false
        /// Resumed with whether the fence may be tried again.
        var continuations: [CheckedContinuation<Bool, Never>] = []
    }

    private let deadline = Atomic<UInt64>(0)
    private let waiting = Mutex(Waiting())
    private let now: @Sendable () -> UInt64

    /// - Parameter now: nanoseconds since the boot.
    public init(now: @escaping @Sendable () -> UInt64 = { BootClock.nanoseconds() }) {
        self.now = now
    }

    public var isOpen: Bool { now() < deadline.load(ordering: .acquiring) }

    /// Returns true when a commit may begin, which may take as long as the API server is away; false when nothing may be
    /// committed any more. Cancelling the task does not end it, ``end()`` does: a commit that is passed over while later
    /// ones are made would be a hole.
    public func pass() async -> Bool {
        while true {
            if isOpen { return true }
            let goesOn = await withCheckedContinuation { continuation in
                let answer: Bool? = waiting.withLock { waiting in
                    if waiting.isEnded { return false }
                    // Under the lock, or else an opening between the look and the wait would be missed.
                    if isOpen { return true }
                    waiting.continuations.append(continuation)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
            guard goesOn else { return false }
        }
    }

    /// - Parameter until: of the clock that this fence was made with.
    public func open(until: UInt64) {
        let resumed = waiting.withLock { waiting -> [CheckedContinuation<Bool, Never>] in
            guard !waiting.isEnded else { return [] }
            deadline.store(until, ordering: .releasing)
            defer { waiting.continuations = [] }
            return waiting.continuations
        }
        for continuation in resumed { continuation.resume(returning: true) }
    }

    /// Closes for ever.
    public func end() {
        let resumed = waiting.withLock { waiting in
            waiting.isEnded = true
            deadline.store(0, ordering: .releasing)
            defer { waiting.continuations = [] }
            return waiting.continuations
        }
        for continuation in resumed { continuation.resume(returning: false) }
    }
}
