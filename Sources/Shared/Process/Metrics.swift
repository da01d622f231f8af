/// A number that only grows. Adding takes no lock.
public final class Counter: Sendable {
    let cells: MetricCells

    init(_ cells: MetricCells) { self.cells = cells }

    public func add(_ amount: UInt64 = 1) { cells.add(amount, at: 0) }

    public var value: UInt64 { cells[0] }
}

/// A number that goes up and down. Setting takes no lock.
public final class Gauge: Sendable {
    let cells: MetricCells

    init(_ cells: MetricCells) { self.cells = cells }

    public func set(_ value: Double) { cells[0] = value.bitPattern }

    public var value: Double { Double(bitPattern: cells[0]) }
}

/// Observations counted into buckets. Observing takes no lock; a scrape may see the newest observation in a bucket
/// before it is in the sum.
public final class Histogram: Sendable {
    /// Upper bounds, ascending, without +Inf.
    let bounds: [Double]
    /// A count for each bound and for +Inf, then the sum's bits.
    let cells: MetricCells

    init(bounds: [Double], _ cells: MetricCells) { (self.bounds, self.cells) = (bounds, cells) }

    public func observe(_ value: Double) {
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        cells.add(1, at: index)
        cells.addDouble(value, at: bounds.count + 1)
    }
}
