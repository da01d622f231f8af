/// One metric of a custom resource configuration.
struct CustomResourceRule: Sendable {
    /// Whole, with its prefix; always a valid metric name.
    var name: String
    var help: String
    /// Those of the metric over those of its resource.
    var commonLabels: [String: String] = [:]
    var labelsFromPath = LabelPaths()
    var each: Each
    /// An error of this rule is for whoever looks for it (`errorLogV` above 0).
    var isQuiet = false

    /// From what samples are made.
    enum Each: Sendable {
        case gauge(Gauge)
        case info(Info)
        case stateSet(StateSet)
    }

    /// Labels are names that a sample may bear; nil where none is wanted.
    struct Gauge: Sendable {
        var path: ValuePath
        var labelsFromPath: LabelPaths
        var labelFromKey: String?
        var valueFrom: ValuePath
        var nilIsZero: Bool
    }

    struct Info: Sendable {
        var path: ValuePath
        var labelsFromPath: LabelPaths
        var labelFromKey: String?
    }

    struct StateSet: Sendable {
        var path: ValuePath
        var labelsFromPath: LabelPaths
        var labelName: String
        var valueFrom: ValuePath
        var list: [String]
    }

    var type: MetricType {
        switch each {
        case .gauge: .gauge
        case .info: .info
        case .stateSet: .stateset
        }
    }
}

/// `labelsFromPath`: labels whose values are taken from a value.
struct LabelPaths: Hashable, Sendable {
    private struct Star: Hashable, Sendable {
        /// What stands before the name of each label.
        var prefix: String
        var path: ValuePath
    }

    private struct Named: Hashable, Sendable {
        var name: String
        var path: ValuePath
    }

    /// Whole maps, in the order in which later ones override.
    private var stars: [Star] = []
    /// Over those of ``stars``, in the same order.
    private var named: [Named] = []

    init() {}

    /// - Parameter paths: by the label's name, or by a name with an asterisk at its beginning or its end: `*`, `lorem_*`.
    init(_ paths: [String: ValuePath]) {
        for (key, path) in paths.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            if key.hasSuffix("*") {
                stars.append(Star(prefix: String(key.dropLast()), path: path))
            } else if key.hasPrefix("*") {
                stars.append(Star(prefix: "", path: path))
            } else {
                named.append(Named(name: LabelName.valid(key), path: path))
            }
        }
    }

    /// Sets the labels that this value gives; what leads nowhere sets none.
    func add(from value: ObjectValue?, to labels: inout [String: String]) {
        for star in stars {
            guard case .map(let members) = star.path.value(in: value) else { continue }
            for member in members { labels[LabelName.valid(star.prefix + member.key)] = member.value.labelText }
        }
        for label in named {
            if let found = label.path.value(in: value) { labels[label.name] = found.labelText }
        }
    }

    var hasStars: Bool { !stars.isEmpty }

    var names: [String] { named.map(\.name) }

    /// The label that always has the value at this path; nil where none has, or where its name is another's too.
    func label(at elements: [String]) -> String? {
        guard let found = named.first(where: { $0.path.elements == elements }), names.count(where: { $0 == found.name }) == 1
        else { return nil }
        return found.name
    }
}

/// Names that Prometheus takes, made from any text.
enum LabelName {
    /// Every character that a label name cannot have becomes an underscore; one is put before a digit at the beginning.
    static func valid(_ text: String) -> String { begun(MetadataLabels.sanitized(text)) }

    /// The same for the name of a metric, which may have colons.
    static func validMetric(_ text: String) -> String {
        begun(
            text.split(separator: ":", omittingEmptySubsequences: false).map { MetadataLabels.sanitized(String($0)) }.joined(separator: ":")
        )
    }

    private static func begun(_ name: String) -> String {
        guard let first = name.utf8.first else { return "_" }
        return first >= UInt8(ascii: "0") && first <= UInt8(ascii: "9") ? "_" + name : name
    }
}
