/// Metrics as they were at one time, of one process or of several together.
///
/// Sums of several processes are the same in whatever order they are added up: counts are whole numbers, and so are a histogram's sums once
/// they are `exact`. Sums of Doubles would differ in their last bit with the order, and a sum that another process has just shown would now
/// and then go down.
public struct MetricsReading: Sendable, Equatable {
    /// A histogram's sum.
    public enum Sum: Sendable, Equatable {
        case floating(Double)
        /// Wraps.
        case exact(UInt64, units: UInt64)

        var value: Double {
            switch self {
            case .floating(let value): value
            case .exact(let count, let units): Double(count) / Double(max(1, units))
            }
        }

        fileprivate func joined(_ other: Sum) -> Sum {
            if case .exact(let count, let units) = self, case .exact(let more, units) = other { return .exact(count &+ more, units: units) }
            return .floating(value + other.value)
        }
    }

    public enum Number: Sendable, Equatable {
        case count(UInt64)
        case value(Double)
        /// Counts for each bound and for +Inf, not cumulative.
        case distribution(counts: [UInt64], sum: Sum)
    }

    public struct Family: Sendable, Equatable {
        public var help: String
        public var kind: MetricSeries.Kind
        public var joining: MetricSeries.Joining
        public var bounds: [Double]
        /// By labels as Prometheus text has them: `zone="a",node="b"`.
        public var samples: [String: Number] = [:]

        public init(help: String, kind: MetricSeries.Kind, joining: MetricSeries.Joining = .sum, bounds: [Double] = []) {
            (self.help, self.kind, self.joining, self.bounds) = (help, kind, joining, bounds)
        }
    }

    /// By name.
    public var families: [String: Family] = [:]

    public init() {}

    /// How many samples there are, a histogram being one.
    public var count: Int { families.values.reduce(0) { $0 + $1.samples.count } }

    // MARK: Adding up

    /// Adds a sample to what is known under its name and labels. One of another kind, or with other bounds, than the family's is left out:
    /// another release may have changed its mind about what a name means.
    public mutating func add(_ number: Number, _ name: String, labels: String, of family: Family) {
        let empty = Family(help: family.help, kind: family.kind, joining: family.joining, bounds: family.bounds)
        Self.add(number, labels, of: family, to: &families[name, default: empty])
    }

    private static func add(_ number: Number, _ labels: String, of family: Family, to sum: inout Family) {
        guard sum.kind == family.kind, sum.bounds == family.bounds else { return }
        sum.samples[labels] = sum.samples[labels].map { joined($0, number, sum.joining) } ?? number
    }

    public mutating func add(_ other: MetricsReading) {
        for (name, family) in other.families {
            for (labels, number) in family.samples { add(number, name, labels: labels, of: family) }
            // A family without samples is one all the same.
            if families[name] == nil { families[name] = family }
        }
    }

    private static func joined(_ one: Number, _ other: Number, _ joining: MetricSeries.Joining) -> Number {
        switch (one, other) {
        case (.count(let one), .count(let other)): return .count(one &+ other)
        case (.value(let one), .value(let other)):
            switch joining {
            case .sum: return .value(one + other)
            // What one of them does not know, another may.
            case .largest: return .value(one.isNaN ? other : other.isNaN ? one : max(one, other))
            case .smallest: return .value(one.isNaN ? other : other.isNaN ? one : min(one, other))
            }
        case (.distribution(let one, let sum), .distribution(let other, let more)):
            return .distribution(counts: zip(one, other).map { $0 &+ $1 }, sum: sum.joined(more))
        default: return one
        }
    }

    // MARK: From cells

    /// Adds what cells say of a series.
    ///
    /// - Parameters:
    ///   - floating: what becomes of a histogram's sum that is kept as a Double.
    ///   - cell: the number of a cell, counted from the series' first.
    public mutating func add(
        _ series: MetricSeries, floating: (Double) -> Sum = { .floating($0) }, cell: (_ index: Int) -> UInt64
    ) {
        if series.isOpaque { return }
        let family = Family(help: series.help, kind: series.kind, joining: series.joining, bounds: series.bounds)
        if families[series.name] == nil { families[series.name] = family }
        let fixed = PrometheusText.rendered(series.labels.map { ($0.name, $0.value) })
        for element in 0..<series.elementCount {
            let number = Self.number(series, element, floating, cell)
            if series.omitsZeros, Self.isZero(number) { continue }
            guard let own = Self.labels(series.dimensions, element) else { continue }
            let labels = own.isEmpty ? fixed : fixed.isEmpty ? own : "\(fixed),\(own)"
            add(number, series.name, labels: labels, of: family)
        }
    }

    private static func number(
        _ series: MetricSeries, _ element: Int, _ floating: (Double) -> Sum, _ cell: (Int) -> UInt64
    ) -> Number {
        switch series.kind {
        case .counter: return .count(cell(element))
        case .gauge: return .value(Double(bitPattern: cell(element)))
        case .histogram:
            let width = series.bounds.count + 1
            let sum = cell(series.elementCount * width + element)
            return .distribution(
                counts: (0..<width).map { cell(element * width + $0) },
                sum: series.sumUnits == 0 ? floating(Double(bitPattern: sum)) : .exact(sum, units: series.sumUnits))
        }
    }

    private static func isZero(_ number: Number) -> Bool {
        switch number {
        case .count(let count): count == 0
        case .value(let value): value == 0
        case .distribution(let counts, _): counts.allSatisfy { $0 == 0 }
        }
    }

    /// Nil for an element that stands for nothing.
    private static func labels(_ dimensions: [MetricSeries.Dimension], _ element: Int) -> String? {
        var rest = element
        var labels: [(String, String)] = []
        for dimension in dimensions.reversed() {
            let place = rest % dimension.width
            guard place < dimension.values.count else { return nil }
            labels.append((dimension.label, dimension.values[place]))
            rest /= dimension.width
        }
        return PrometheusText.rendered(labels.reversed())
    }

    // MARK: Writing down

    /// Everything as Prometheus text 0.0.4, families by name, samples by label text: equal readings give equal bytes.
    public func render() -> [UInt8] {
        var text = PrometheusText()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.family(name, family.kind.word, family.help)
            for (labels, number) in family.samples.sorted(by: { $0.key < $1.key }) {
                switch number {
                case .count(let count): text.sample(name, rendered: labels, "\(count)")
                case .value(let value): text.sample(name, rendered: labels, PrometheusText.number(value))
                case .distribution(let counts, let sum):
                    text.histogram(name, rendered: labels, bounds: family.bounds, counts: counts[...], sum: sum.value)
                }
            }
        }
        return text.bytes
    }
}
