import ProcessRuntime
import Synchronization

/// A number that one thread adds to and anybody reads: an addition is a load and a store, so threads that count the same thing do not
/// take a cache line from one another.
final class ThreadCounter: Sendable {
    private let count = Atomic<UInt64>(0)

    /// By the owning thread only.
    @inline(__always)
    func add(_ amount: UInt64 = 1) { count.store(count.load(ordering: .relaxed) &+ amount, ordering: .relaxed) }

    var value: UInt64 { count.load(ordering: .relaxed) }
}

/// Counters that have one cell for each thread and are one number in metrics. They outlive reloads.
final class ThreadCounters: Sendable {
    private struct Key: Hashable {
        var name: String
        var labels: String
    }

    private let cells = Mutex<[Key: [Int: ThreadCounter]]>([:])

    /// The cell of one thread; the same one again after a reload.
    ///
    /// - Parameter register: called with a reader of the sum for a name and labels that are new.
    func cell(
        _ name: String, labels: [(String, String)], thread: Int, register: (@escaping @Sendable () -> Double) -> Void
    ) -> ThreadCounter {
        let key = Key(name: name, labels: labels.map { "\($0.0)=\($0.1)" }.joined(separator: "\u{0}"))
        let (cell, isNew) = cells.withLock { cells in
            if let known = cells[key]?[thread] { return (known, false) }
            let cell = ThreadCounter()
            let isNew = cells[key] == nil
            cells[key, default: [:]][thread] = cell
            return (cell, isNew)
        }
        if isNew {
            register { [self] in cells.withLock { Double($0[key, default: [:]].values.reduce(0) { $0 &+ $1.value }) } }
        }
        return cell
    }
}

extension FrontendMetrics {
    /// A counter's cell for one thread.
    func counter(_ name: String, help: String, labels: [(String, String)], thread: Int) -> ThreadCounter {
        cells.cell(name, labels: labels, thread: thread) { read in registry.counter(name, help: help, labels: labels, read: read) }
    }
}

/// What a handler counts for each server that leads to its block: looked up by the zone at hand.
struct ZoneScoped<Value> {
    private var known: [(zone: WorkerServer.Zone, value: Value)] = []

    init() {}

    @inline(__always)
    mutating func value(_ exchange: Exchange, make: (_ server: String, _ zone: WorkerServer.Zone) -> Value) -> Value? {
        guard let zone = exchange.zone else { return nil }
        for entry in known where entry.zone === zone { return entry.value }
        let value = make(exchange.server.label, zone)
        // Zones of before a reload are gone.
        if known.count > 64 { known = [] }
        known.append((zone, value))
        return value
    }
}
