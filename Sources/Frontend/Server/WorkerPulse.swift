import Synchronization

/// What a worker's thread says of itself, for health, readiness and metrics. The worker writes, anybody reads, nobody waits: a stamp
/// costs the worker one store.
final class WorkerPulse: Sendable {
    /// Whose end is announced; it gives no more signs of life.
    private static let ended = Instant.max

    private let stamp = Atomic<Instant>(monotonicNow())
    private let generation = Atomic<UInt64>(0)
    private let fault = Mutex<String?>(nil)

    /// A sign of life: the thread has come around its loop.
    func beat(_ now: Instant) { stamp.store(now, ordering: .relaxed) }

    /// The thread ends as it was told to.
    func end() { stamp.store(Self.ended, ordering: .relaxed) }

    /// Nanoseconds since the last sign of life; 0 once the thread has ended.
    func silence(at now: Instant) -> UInt64 {
        let last = stamp.load(ordering: .relaxed)
        return last < now ? now - last : 0
    }

    /// Which file of the record table the worker answers from; 0 while it has none.
    var tableGeneration: UInt64 { generation.load(ordering: .relaxed) }

    /// Why the worker has no record table, or not the current one; nil when it has.
    var tableFault: String? { fault.withLock { $0 } }

    /// For once a second.
    func note(generation: UInt64) { self.generation.store(generation, ordering: .relaxed) }

    /// For when that changes: takes a lock that only a scrape can hold, for the time of a copy.
    func note(fault: String?) { self.fault.withLock { $0 = fault } }
}
