/// Prometheus text, version 0.0.4, in the making. Help texts and label values may be any text: what the format does not take is escaped.
public struct PrometheusText {
    public typealias Labels = [(String, String)]

    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// Begins a family; all its samples follow.
    public mutating func family(_ name: String, _ type: String, _ help: String) {
        bytes += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(type)\n".utf8
    }

    public mutating func sample(_ name: String, _ labels: Labels, _ value: String) {
        sample(name, rendered: Self.rendered(labels), value)
    }

    /// - Parameter labels: as `rendered` gives them.
    mutating func sample(_ name: String, rendered labels: String, _ value: String) {
        bytes += name.utf8
        if !labels.isEmpty { bytes += "{\(labels)}".utf8 }
        bytes += " \(value)\n".utf8
    }

    /// - Parameters:
    ///   - bounds: upper bounds, ascending, without +Inf.
    ///   - counts: for each bound and for +Inf, not cumulative.
    public mutating func histogram(
        _ name: String, _ labels: Labels, bounds: [Double], counts: ArraySlice<UInt64>, sum: Double
    ) {
        histogram(name, rendered: Self.rendered(labels), bounds: bounds, counts: counts, sum: sum)
    }

    mutating func histogram(
        _ name: String, rendered labels: String, bounds: [Double], counts: ArraySlice<UInt64>, sum: Double
    ) {
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? Self.number(bounds[index]) : "+Inf"
            sample(name + "_bucket", rendered: labels + (labels.isEmpty ? "" : ",") + "le=\"\(bound)\"", "\(total)")
        }
        sample(name + "_sum", rendered: labels, Self.number(sum))
        sample(name + "_count", rendered: labels, "\(total)")
    }

    /// `zone="a",node="b"`.
    static func rendered(_ labels: Labels) -> String {
        labels.map { "\($0.0)=\"\(escaped($0.1, quotes: true))\"" }.joined(separator: ",")
    }

    public static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.rounded() == value, abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        // By octets: to Swift's characters a backslash with an accent on it is another one.
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\"") })
        else { return text }
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\"" where quotes: out += "\\\""
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
