import CMizzenSystem
import ProcessRuntime
import Synchronization

/// A number that one thread adds to and anybody reads: an addition is a load and a store, so threads that count the same thing do not
/// take a cache line from one another.
@safe struct ThreadCounter: @unchecked Sendable {
    // @unchecked: the cell stays for the process's life (`MetricsRegistry.run`); one thread stores to it, with whole words.
    private let cell: UnsafeMutableRawPointer

    /// - Parameter cells: of a run, whose first one it is.
    // Safe: cells of a run are never given back.
    init(_ cells: MetricCells) { unsafe cell = cells.base }

    /// By the owning thread only.
    @inline(__always)
    func add(_ amount: UInt64 = 1) {
        // Safe: one aligned word that is always there.
        unsafe mz_store_u64_relaxed(cell, mz_load_u64_relaxed(cell) &+ amount)
    }

    // Safe: as above.
    var value: UInt64 { unsafe mz_load_u64_relaxed(cell) }
}

/// Counters that have one cell for each thread and are one number in metrics. They outlive reloads.
final class ThreadCounters: Sendable {
    private struct Key: Hashable {
        var name: String
        var labels: [MetricSeries.Label]
        var thread: Int
    }

    private let cells = Mutex<[Key: ThreadCounter]>([:])

    /// The cell of one thread; the same one again after a reload.
    func cell(_ series: MetricSeries, thread: Int, in registry: MetricsRegistry) -> ThreadCounter {
        let key = Key(name: series.name, labels: series.labels, thread: thread)
        return cells.withLock { cells in
            if let known = cells[key] { return known }
            let cell = ThreadCounter(registry.run([series]))
            cells[key] = cell
            return cell
        }
    }
}

extension FrontendMetrics {
    /// A counter's cell for one thread.
    func counter(_ name: String, help: String, labels: [(String, String)], thread: Int) -> ThreadCounter {
        cells.cell(MetricSeries(name, help: help, kind: .counter, labels: labels), thread: thread, in: registry)
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
