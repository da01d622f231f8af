import Synchronization

/// A number that only grows. Adding takes no lock.
public final class Counter: Sendable {
    private let count = Atomic<UInt64>(0)

    init() {}

    public func add(_ amount: UInt64 = 1) {
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    public var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that goes up and down. Setting takes no lock.
public final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    init() {}

    public func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// Observations counted into buckets. Observing takes no lock; a scrape may see the newest observation in a bucket
/// before it is in the sum.
public final class Histogram: Sendable {
    /// Upper bounds, ascending, without +Inf.
    let bounds: [Double]
    private let counts: [Counter]
    private let sumBits = Atomic<UInt64>(0)

    init(bounds: [Double]) {
        self.bounds = bounds.sorted()
        self.counts = (0...bounds.count).map { _ in Counter() }
    }

    public func observe(_ value: Double) {
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts[index].add()
        var old = sumBits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + value).bitPattern
            let (exchanged, original) = sumBits.compareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }

    /// Counts a bucket (not cumulative; the last is +Inf) and the sum of all observations.
    var reading: (counts: [UInt64], sum: Double) {
        (counts.map(\.value), Double(bitPattern: sumBits.load(ordering: .relaxed)))
    }
}
