import Synchronization

/// The metrics of one process, rendered as Prometheus text.
///
/// Register once and keep what is returned: registering takes a lock, counting does not. The same name and labels give
/// the same instrument again. One name has one type and one help text; a second type for it is a programming error.
public final class MetricsRegistry: Sendable {
    public typealias Labels = [(String, String)]

    enum Instrument: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case reading(@Sendable () -> Double)
        case countReading(@Sendable () -> Double)
        case histogram(Histogram)

        var type: String {
            switch self {
            case .counter, .countReading: "counter"
            case .gauge, .reading: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    private struct Family: Sendable {
        var help: String
        var type: String
        /// Rendered labels (`zone="a",node="b"`) to instrument.
        var instruments: [String: Instrument] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    public init() {}

    /// A counter; by convention its name ends in `_total`.
    public func counter(_ name: String, help: String, labels: Labels = []) -> Counter {
        let instrument = register(name, help, labels, as: "counter") { .counter(Counter()) }
        // Names and their types are constants of the code that registers them; input only ever gives label values.
        guard case .counter(let counter) = instrument else { preconditionFailure("\(name) is read, not counted") }
        return counter
    }

    /// A counter that is kept elsewhere and read at every scrape; a second registration replaces the first.
    public func counter(
        _ name: String, help: String, labels: Labels = [], read: @escaping @Sendable () -> Double
    ) {
        _ = register(name, help, labels, as: "counter", replace: true) { .countReading(read) }
    }

    /// A gauge that the owner sets.
    public func gauge(_ name: String, help: String, labels: Labels = []) -> Gauge {
        let instrument = register(name, help, labels, as: "gauge") { .gauge(Gauge()) }
        // Names and their types are constants of the code that registers them; input only ever gives label values.
        guard case .gauge(let gauge) = instrument else { preconditionFailure("\(name) is read, not set") }
        return gauge
    }

    /// A gauge that is read at every scrape; a second registration replaces the first.
    public func gauge(
        _ name: String, help: String, labels: Labels = [], read: @escaping @Sendable () -> Double
    ) {
        _ = register(name, help, labels, as: "gauge", replace: true) { .reading(read) }
    }

    /// A histogram; `buckets` are upper bounds, without +Inf.
    public func histogram(_ name: String, help: String, labels: Labels = [], buckets: [Double]) -> Histogram {
        let instrument = register(name, help, labels, as: "histogram") { .histogram(Histogram(bounds: buckets)) }
        // Names and their types are constants of the code that registers them; input only ever gives label values.
        guard case .histogram(let histogram) = instrument else { preconditionFailure("\(name) is not a histogram") }
        return histogram
    }

    /// Takes one instrument out, for labels that name something that is gone. Whoever still holds it may go on using it.
    public func remove(_ name: String, labels: Labels) {
        let key = Self.rendered(labels)
        families.withLock { families in
            families[name]?.instruments[key] = nil
            if families[name]?.instruments.isEmpty == true { families[name] = nil }
        }
    }

    private func register(
        _ name: String, _ help: String, _ labels: Labels, as type: String, replace: Bool = false,
        _ make: () -> Instrument
    ) -> Instrument {
        let key = Self.rendered(labels)
        return families.withLock { families in
            var family = families[name] ?? Family(help: help, type: type)
            // As for the kinds of instruments above.
            precondition(family.type == type, "\(name) is registered as \(family.type) and as \(type)")
            if !replace, let known = family.instruments[key] { return known }
            let instrument = make()
            family.instruments[key] = instrument
            families[name] = family
            return instrument
        }
    }

    /// Everything as Prometheus text 0.0.4, families by name, samples by label text: equal states give equal bytes.
    public func render() -> [UInt8] {
        // Copied out so that gauges that read may themselves register or take long.
        let families = families.withLock { $0 }
        var text = PrometheusText()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.family(name, family.type, family.help)
            for (labels, instrument) in family.instruments.sorted(by: { $0.key < $1.key }) {
                Self.render(name, labels, instrument, into: &text)
            }
        }
        return text.bytes
    }

    private static func render(_ name: String, _ labels: String, _ instrument: Instrument, into text: inout PrometheusText) {
        switch instrument {
        case .counter(let counter): text.sample(name, rendered: labels, "\(counter.value)")
        case .gauge(let gauge): text.sample(name, rendered: labels, PrometheusText.number(gauge.value))
        case .reading(let read), .countReading(let read): text.sample(name, rendered: labels, PrometheusText.number(read()))
        case .histogram(let histogram):
            let (counts, sum) = histogram.reading
            text.histogram(name, rendered: labels, bounds: histogram.bounds, counts: counts[...], sum: sum)
        }
    }

    private static func rendered(_ labels: Labels) -> String { PrometheusText.rendered(labels) }
}
