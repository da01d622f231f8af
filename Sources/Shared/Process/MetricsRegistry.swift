import Synchronization

/// The metrics of one process, rendered as Prometheus text.
///
/// Register once and keep what is returned: registering takes a lock, counting does not. The same name and labels give
/// the same instrument again. One name has one type and one help text; a second type for it is a programming error.
///
/// With a ``MetricMemory`` the numbers are where other processes see them. What has no room there is counted in this process's own memory.
public final class MetricsRegistry: Sendable {
    public typealias Labels = [(String, String)]
    public typealias Joining = MetricSeries.Joining

    private enum Instrument: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
        /// Read when somebody asks; the cells are for others to see, and have what was read last.
        case reading(@Sendable () -> Double, MetricCells)
        case countReading(@Sendable () -> Double, MetricCells)

        var cells: MetricCells {
            switch self {
            case .counter(let counter): counter.cells
            case .gauge(let gauge): gauge.cells
            case .histogram(let histogram): histogram.cells
            case .reading(_, let cells), .countReading(_, let cells): cells
            }
        }
    }

    private struct Entry: Sendable {
        var series: MetricSeries
        var instrument: Instrument
        /// Whether its numbers are in the memory that others see.
        var isShared: Bool
    }

    private struct Family: Sendable {
        var help: String
        var kind: MetricSeries.Kind
        /// Rendered labels (`zone="a",node="b"`) to instrument.
        var entries: [String: Entry] = [:]
    }

    /// Cells that one thread counts in.
    private struct Run: Sendable {
        var series: [MetricSeries]
        var cells: MetricCells
        var isShared: Bool
    }

    private struct State {
        var families: [String: Family] = [:]
        var runs: [Run] = []
    }

    private let memory: (any MetricMemory)?
    private let state = Mutex(State())

    /// - Parameter memory: where the numbers are; nil for this process's own memory.
    public init(memory: (any MetricMemory)? = nil) { self.memory = memory }

    /// A counter; by convention its name ends in `_total`.
    public func counter(_ name: String, help: String, labels: Labels = []) -> Counter {
        let instrument = register(MetricSeries(name, help: help, kind: .counter, labels: labels)) { .counter(Counter($0)) }
        // Names and their types are constants of the code that registers them; input only ever gives label values.
        guard case .counter(let counter) = instrument else { preconditionFailure("\(name) is read, not counted") }
        return counter
    }

    /// A counter that is kept elsewhere and read at every scrape; a second registration replaces the first.
    public func counter(
        _ name: String, help: String, labels: Labels = [], read: @escaping @Sendable () -> Double
    ) {
        _ = register(MetricSeries(name, help: help, kind: .counter, labels: labels), replace: true) { .countReading(read, $0) }
    }

    /// A gauge that the owner sets.
    /// - Parameter joining: what the gauges of several processes are together, where they are told together.
    public func gauge(_ name: String, help: String, labels: Labels = [], joining: Joining = .sum) -> Gauge {
        let instrument = register(Self.gauge(name, help, labels, joining)) { .gauge(Gauge($0)) }
        // Names and their types are constants of the code that registers them; input only ever gives label values.
        guard case .gauge(let gauge) = instrument else { preconditionFailure("\(name) is read, not set") }
        return gauge
    }

    /// A gauge that is read at every scrape; a second registration replaces the first.
    public func gauge(
        _ name: String, help: String, labels: Labels = [], joining: Joining = .sum, read: @escaping @Sendable () -> Double
    ) {
        _ = register(Self.gauge(name, help, labels, joining), replace: true) { .reading(read, $0) }
    }

    private static func gauge(_ name: String, _ help: String, _ labels: Labels, _ joining: Joining) -> MetricSeries {
        var series = MetricSeries(name, help: help, kind: .gauge, labels: labels)
        series.joining = joining
        return series
    }

    /// A histogram; `buckets` are upper bounds, without +Inf.
    public func histogram(_ name: String, help: String, labels: Labels = [], buckets: [Double]) -> Histogram {
        var series = MetricSeries(name, help: help, kind: .histogram, labels: labels)
        series.bounds = buckets.sorted()
        let bounds = series.bounds
        let instrument = register(series) { .histogram(Histogram(bounds: bounds, $0)) }
        // Names and their types are constants of the code that registers them; input only ever gives label values.
        guard case .histogram(let histogram) = instrument else { preconditionFailure("\(name) is not a histogram") }
        return histogram
    }

    /// The numbers of these series, one after another, for one thread to count in; those of all threads are added up. They stay for the
    /// process's life, whoever holds them.
    public func run(_ series: [MetricSeries]) -> MetricCells {
        let shared = memory?.cells(for: series)
        let cells = shared ?? MetricCells(series.reduce(0) { $0 + $1.cellCount }, isKept: true)
        state.withLock { $0.runs.append(Run(series: series, cells: cells, isShared: shared != nil)) }
        return cells
    }

    /// Takes one instrument out, for labels that name something that is gone. Whoever still holds it may go on using it.
    public func remove(_ name: String, labels: Labels) {
        let key = PrometheusText.rendered(labels)
        let gone = state.withLock { state in
            let gone = state.families[name]?.entries.removeValue(forKey: key)
            if state.families[name]?.entries.isEmpty == true { state.families[name] = nil }
            return gone
        }
        if let gone, gone.isShared { memory?.withdraw(gone.instrument.cells) }
    }

    private func register(_ series: MetricSeries, replace: Bool = false, _ make: (MetricCells) -> Instrument) -> Instrument {
        let key = PrometheusText.rendered(series.labels.map { ($0.name, $0.value) })
        return state.withLock { state in
            var family = state.families[series.name] ?? Family(help: series.help, kind: series.kind)
            // As for the kinds of instruments above.
            precondition(family.kind == series.kind, "\(series.name) is registered as \(family.kind) and as \(series.kind)")
            // The first word about a family is its help, whatever order they are read in.
            var series = series
            series.help = family.help
            let known = family.entries[key]
            if !replace, let known { return known.instrument }
            let shared = known.map(\.isShared) ?? false ? known?.instrument.cells : memory?.cells(for: [series])
            let instrument = make(shared ?? MetricCells(series.cellCount))
            family.entries[key] = Entry(series: series, instrument: instrument, isShared: shared != nil)
            state.families[series.name] = family
            return instrument
        }
    }

    // MARK: Reading

    /// Brings what is only read when somebody asks to where other processes see it.
    public func publish() {
        let entries = state.withLock { $0.families.values.flatMap(\.entries.values) }
        for entry in entries where entry.isShared {
            switch entry.instrument {
            case .reading(let read, let cells): cells[0] = read().bitPattern
            case .countReading(let read, let cells): cells[0] = UInt64(exactly: read().rounded(.down)) ?? 0
            case .counter, .gauge, .histogram: break
            }
        }
    }

    /// What has no room where other processes see it.
    public func unsharedReading() -> MetricsReading { reading { !$0 } }

    /// Everything of this process.
    public func reading() -> MetricsReading { reading { _ in true } }

    private func reading(_ isWanted: (_ isShared: Bool) -> Bool) -> MetricsReading {
        // Copied out so that gauges that read may themselves register or take long.
        let (families, runs) = state.withLock { ($0.families, $0.runs) }
        var reading = MetricsReading()
        for entry in families.values.flatMap(\.entries.values) where isWanted(entry.isShared) {
            let cells = entry.instrument.cells
            switch entry.instrument {
            case .counter, .gauge, .histogram: reading.add(entry.series) { cells[$0] }
            case .reading(let read, _), .countReading(let read, _):
                let family = MetricsReading.Family(help: entry.series.help, kind: entry.series.kind, joining: entry.series.joining)
                let labels = PrometheusText.rendered(entry.series.labels.map { ($0.name, $0.value) })
                reading.add(.value(read()), entry.series.name, labels: labels, of: family)
            }
        }
        for run in runs where isWanted(run.isShared) {
            var first = 0
            for series in run.series {
                reading.add(series) { run.cells[first + $0] }
                first += series.cellCount
            }
        }
        return reading
    }

    /// Everything of this process as Prometheus text 0.0.4, families by name, samples by label text: equal states give equal bytes.
    public func render() -> [UInt8] { reading().render() }
}
