/// What a metric is, without its numbers: enough for another process, of another release too, to add it up and to write it down.
///
/// A series may stand for many that differ in the values of some labels (`dimensions`); its numbers then follow one another with the last
/// dimension's values changing first.
public struct MetricSeries: Hashable, Sendable {
    public enum Kind: UInt8, Sendable {
        case counter = 1
        case gauge
        case histogram

        /// As Prometheus text has it.
        var word: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    /// What the gauges of several processes are together.
    public enum Joining: UInt8, Sendable {
        case sum = 1
        case largest
        case smallest
    }

    public struct Label: Hashable, Sendable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    public struct Dimension: Hashable, Sendable {
        public var label: String
        public var values: [String]
        /// At least as many as there are values; cells beyond those are not told.
        public var width: Int

        public init(_ label: String, _ values: [String], width: Int = 0) {
            (self.label, self.values, self.width) = (label, values, max(width, values.count))
        }
    }

    public var name: String
    public var help: String
    public var kind: Kind
    public var joining = Joining.sum
    public var labels: [Label]
    public var dimensions: [Dimension] = []
    /// Of a histogram: upper bounds, ascending, without +Inf.
    public var bounds: [Double] = []
    /// Of a histogram: how many units of the sum's cell are 1; 0 where the cell holds a Double's bits.
    public var sumUnits: UInt64 = 0
    /// What has counted nothing is not told.
    public var omitsZeros = false

    public init(_ name: String, help: String, kind: Kind, labels: [(String, String)] = []) {
        (self.name, self.help, self.kind) = (name, help, kind)
        self.labels = labels.map { Label($0.0, $0.1) }
    }

    /// Words that are no samples, for readers who know what they are (`isOpaque`).
    public static func opaque(_ name: String, help: String, words: Int) -> MetricSeries {
        // A dimension without values: a release that knows nothing of such series tells no sample of it, and keeps none of an ended process.
        var series = MetricSeries(name, help: help, kind: .gauge)
        series.dimensions = [Dimension("word", [], width: words)]
        return series
    }

    /// Whether no sample is told of it.
    public var isOpaque: Bool { dimensions.contains { $0.values.isEmpty } }

    /// How many series this stands for.
    public var elementCount: Int { dimensions.reduce(1) { $0 * $1.width } }

    /// A histogram has its counts (a bound each, and +Inf) for each element, then a sum for each element.
    public var cellCount: Int { kind == .histogram ? elementCount * (bounds.count + 2) : elementCount }
}
