import Names
import Synchronization

/// How often each client address may ask: a token bucket for each, shared by all threads of the process.
///
/// A bucket is one number, the moment at which it will be full again (the generic cell rate algorithm, ITU-T I.371 annex A): a query moves
/// that moment on by one interval, and is one too many where it would lie further ahead than a whole burst takes. Queries that are too
/// many move nothing. A full bucket is as good as none, so who has not asked for a moment needs no memory, and a fixed number of places
/// is enough: a client uses its own among the few to which its hash leads, else the first whose bucket is full. Where others use all
/// of them, many clients at once or a flood of invented addresses, the query passes and is counted: a limit must not be a means to shut
/// others out. The hash is keyed anew in each process, so nobody can choose addresses that share places.
///
/// **Threads.** A place is two words, whose it is and its moment, and each is changed by comparing and exchanging only. A thread takes a place
/// over by exchanging the owner that it has read, after it has found the bucket full; of two that want it one wins, and the other looks on.
/// Between that exchange and the next of the moment, a thread that has found the former owner there may still move the moment: then
/// a client pays for one query of another, once. Nothing waits: an exchange that fails four times in a row lets the query pass.
@safe final class ClientLimiter: Sendable {
    /// What the operator asks for.
    struct Settings: Sendable, Equatable {
        /// Queries a second, for ever.
        var rate: Double
        /// Queries at once, from a client that has been silent.
        var burst: Int
        /// What a datagram that is one too many gets: no answer, or REFUSED.
        var isSilent = false

        /// Two seconds' worth, and at least what a program asks for at its start.
        static func usualBurst(rate: Double) -> Int { max(20, Int((rate * 2).rounded(.up))) }
    }

    enum Verdict: Equatable {
        case passes, isOver
        /// Passes because there is no room to judge it.
        case isUntold
    }

    private struct Place: ~Copyable {
        let owner = Atomic<UInt64>(0)
        /// Nanoseconds of the monotonic clock.
        let full = Atomic<UInt64>(0)
    }

    private static let ways = 4
    private static let sets = 1 << 14
    private static let attempts = 4

    let settings: Settings
    /// Nanoseconds between two queries.
    private let interval: UInt64
    /// How far ahead of now a bucket may become full.
    private let depth: UInt64
    // Safe: `sets * ways` places, made once, given back with this, and changed through atomics only.
    private nonisolated(unsafe) let places: UnsafeMutablePointer<Place>

    init(_ settings: Settings) {
        self.settings = settings
        interval = UInt64(max(1, (1e9 / settings.rate).rounded()))
        depth = interval.multipliedReportingOverflow(by: UInt64(settings.burst)).overflow ? .max / 2 : interval * UInt64(settings.burst)
        unsafe places = .allocate(capacity: Self.sets * Self.ways)
        for index in 0..<Self.sets * Self.ways { unsafe (places + index).initialize(to: Place()) }
    }

    deinit {
        unsafe places.deinitialize(count: Self.sets * Self.ways)
        unsafe places.deallocate()
    }

    /// Judges a query, and takes it out of its client's bucket.
    func judge(_ client: IPAddress, at now: Instant) -> Verdict {
        var hasher = Hasher()
        hasher.combine(client)
        let hash = UInt64(bitPattern: Int64(hasher.finalize()))
        // Nobody's is 0.
        let owner = max(1, hash)
        let first = Int(truncatingIfNeeded: hash % UInt64(Self.sets)) * Self.ways
        for index in first..<first + Self.ways where unsafe places[index].owner.load(ordering: .acquiring) == owner {
            return take(index, now)
        }
        for index in first..<first + Self.ways {
            let former = unsafe places[index].owner.load(ordering: .acquiring)
            guard unsafe places[index].full.load(ordering: .relaxed) <= now else { continue }
            if unsafe places[index].owner.compareExchange(expected: former, desired: owner, ordering: .acquiringAndReleasing).exchanged {
                return take(index, now)
            }
        }
        return .isUntold
    }

    private func take(_ index: Int, _ now: Instant) -> Verdict {
        for _ in 0..<Self.attempts {
            let full = unsafe places[index].full.load(ordering: .relaxed)
            let next = max(full, now) + interval
            guard next - now <= depth else { return .isOver }
            if unsafe places[index].full.compareExchange(expected: full, desired: next, ordering: .relaxed).exchanged { return .passes }
        }
        return .isUntold
    }
}
