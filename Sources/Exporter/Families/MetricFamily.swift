/// What a family measures, as a TYPE line says it.
enum MetricType: String, Sendable {
    case gauge, counter
    /// Known to OpenMetrics only; the older text format calls them gauges.
    case info, stateset
}

/// Whether the name and labels of a family may still change. Only stable families say so in their HELP line.
enum Stability: Sendable {
    case stable, alpha
}

/// What a row needs to know beside the object.
struct FamilyContext: Sendable {
    /// Which labels and annotations of the resource become Prometheus labels.
    var labels = MetadataAllowList()
    var annotations = MetadataAllowList()
}

/// One row of the registry: a metric family and how one object contributes to it.
struct MetricFamily<Object: ~Escapable>: Sendable {
    let name: String
    let stability: Stability
    let type: MetricType
    /// Only served when `--metric-opt-in-list` names it.
    let isOptIn: Bool
    let help: String
    /// Appends the samples of one object; the labels that identify the object are already there.
    let write: @Sendable (Object, FamilyContext, inout SampleWriter) -> Void

    init(
        _ name: String, _ stability: Stability, type: MetricType = .gauge, isOptIn: Bool = false, _ help: String,
        write: @escaping @Sendable (Object, inout SampleWriter) -> Void
    ) {
        self.init(name, stability, type: type, isOptIn: isOptIn, help) { object, _, out in write(object, &out) }
    }

    init(
        _ name: String, _ stability: Stability, type: MetricType = .gauge, isOptIn: Bool = false, _ help: String,
        writeInContext: @escaping @Sendable (Object, FamilyContext, inout SampleWriter) -> Void
    ) {
        self.name = name
        self.stability = stability
        self.type = type
        self.isOptIn = isOptIn
        self.help = help
        self.write = writeInContext
    }

    /// What the registry's user sees of the row.
    var description: FamilyDescription {
        FamilyDescription(name: name, stability: stability, type: type, isOptIn: isOptIn, help: help)
    }
}

/// A family without the way its samples are made.
struct FamilyDescription: Hashable, Sendable {
    let name: String
    let stability: Stability
    let type: MetricType
    let isOptIn: Bool
    let help: String

    /// As scrapers see it: stable families say so.
    var shownHelp: String { stability == .stable ? "[STABLE] \(help)" : help }

    /// The HELP and TYPE lines.
    func header(_ format: ExpositionFormat) -> String {
        let escaped = shownHelp.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        let shown: MetricType =
            switch (type, format) {
            case (.info, .text), (.info, .protobuf), (.stateset, .text), (.stateset, .protobuf): .gauge
            case (.gauge, _), (.counter, _), (.info, .openMetrics), (.stateset, .openMetrics): type
            }
        // OpenMetrics: a counter's family has the name of its samples without the ending.
        let name = format == .openMetrics && type == .counter && name.hasSuffix("_total") ? String(name.dropLast(6)) : name
        return "# HELP \(name) \(escaped)\n# TYPE \(name) \(shown.rawValue)\n"
    }
}
