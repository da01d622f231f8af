import ProcessRuntime

extension MetricSeries {
    /// Labels, values and bounds of one series, and the numbers that it may stand for: far beyond what is counted here.
    private static let most = 1 << 20

    func write(to fields: inout FieldWriter) {
        fields.text(name)
        fields.text(help)
        fields.number(UInt64(kind.rawValue))
        fields.number(UInt64(joining.rawValue))
        fields.list(labels) {
            $0.text($1.name); $0.text($1.value)
        }
        fields.list(dimensions) { fields, dimension in
            fields.text(dimension.label)
            fields.list(dimension.values) { $0.text($1) }
            fields.count(dimension.width)
        }
        fields.list(bounds) { $0.double($1) }
        fields.number(sumUnits)
        fields.number(omitsZeros ? 1 : 0)
    }

    init(from fields: inout FieldReader) throws(FieldReader.Malformed) {
        let (name, help) = (try fields.text(), try fields.text())
        guard let kind = Kind(rawValue: UInt8(truncatingIfNeeded: try fields.number())),
            let joining = Joining(rawValue: UInt8(truncatingIfNeeded: try fields.number()))
        else { throw .init() }
        self.init(name, help: help, kind: kind)
        self.joining = joining
        labels = try fields.list { fields throws(FieldReader.Malformed) in Label(try fields.text(), try fields.text()) }
        dimensions = try fields.list { fields throws(FieldReader.Malformed) in
            let label = try fields.text()
            let values = try fields.list { fields throws(FieldReader.Malformed) in try fields.text() }
            return Dimension(label, values, width: Int(clamping: try fields.number()))
        }
        bounds = try fields.list { fields throws(FieldReader.Malformed) in try fields.double() }
        sumUnits = try fields.number()
        omitsZeros = try fields.number() != 0
        var elements = 1
        for dimension in dimensions {
            guard dimension.width > 0, dimension.width <= Self.most / elements else { throw .init() }
            elements *= dimension.width
        }
        guard bounds.count <= Self.most / elements else { throw .init() }
    }

    /// Several series as a record has them.
    static func bytes(_ series: [MetricSeries]) -> [UInt8] {
        var fields = FieldWriter()
        fields.list(series) { $1.write(to: &$0) }
        return fields.bytes
    }

    static func list(_ bytes: [UInt8]) throws(FieldReader.Malformed) -> [MetricSeries] {
        var fields = FieldReader(bytes)
        let series = try fields.list { fields throws(FieldReader.Malformed) in try MetricSeries(from: &fields) }
        guard fields.isAtEnd else { throw .init() }
        return series
    }
}

extension MetricsReading {
    /// How finely sums are added up that were Doubles: billionths.
    static func exact(_ sum: Double) -> Sum { .exact(UInt64(exactly: (sum * 1e9).rounded()) ?? 0, units: 1_000_000_000) }

    /// What never goes down: gauges are of the living.
    func write(to fields: inout FieldWriter) {
        fields.list(families.filter { $0.value.kind != .gauge }.sorted { $0.key < $1.key }) { fields, entry in
            let (name, family) = entry
            fields.text(name)
            fields.text(family.help)
            fields.number(UInt64(family.kind.rawValue))
            fields.list(family.bounds) { $0.double($1) }
            fields.list(family.samples.sorted { $0.key < $1.key }) { fields, sample in
                fields.text(sample.key)
                fields.list(sample.value.words) { $0.number($1) }
            }
        }
    }

    init(from fields: inout FieldReader) throws(FieldReader.Malformed) {
        self.init()
        let families = try fields.list { fields throws(FieldReader.Malformed) in
            let (name, help) = (try fields.text(), try fields.text())
            guard let kind = MetricSeries.Kind(rawValue: UInt8(truncatingIfNeeded: try fields.number())), kind != .gauge else {
                throw .init()
            }
            var family = Family(help: help, kind: kind)
            family.bounds = try fields.list { fields throws(FieldReader.Malformed) in try fields.double() }
            let samples = try fields.list { fields throws(FieldReader.Malformed) in
                (try fields.text(), try fields.list { fields throws(FieldReader.Malformed) in try fields.number() })
            }
            for (labels, words) in samples { family.samples[labels] = try Number(words, of: family) }
            return (name, family)
        }
        for (name, family) in families { self.families[name] = family }
    }
}

extension MetricsReading.Number {
    fileprivate var words: [UInt64] {
        switch self {
        case .count(let count): [count]
        // Only gauges have values; they are not kept.
        case .value: [0]
        case .distribution(let counts, .exact(let sum, let units)): counts + [sum, units]
        case .distribution(let counts, .floating(let sum)): counts + [UInt64(exactly: (sum * 1e9).rounded()) ?? 0, 1_000_000_000]
        }
    }

    fileprivate init(_ words: [UInt64], of family: MetricsReading.Family) throws(FieldReader.Malformed) {
        switch family.kind {
        case .histogram:
            guard words.count == family.bounds.count + 3 else { throw .init() }
            self = .distribution(counts: Array(words.dropLast(2)), sum: .exact(words[words.count - 2], units: words[words.count - 1]))
        case .counter, .gauge:
            guard words.count == 1 else { throw .init() }
            self = .count(words[0])
        }
    }
}
