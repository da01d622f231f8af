/// What the families of an exposition cost: how many series, how many bytes, and which labels make them.
struct ExpositionCost {
    struct Family {
        var name: String
        var series = 0
        /// Of the samples' lines, with their line feeds.
        var bytes = 0
        /// Different values of each label, by hash.
        fileprivate var values: [Substring: Set<Int>] = [:]

        /// Labels with how many different values they have, the most first.
        var labels: [(name: String, values: Int)] {
            values.map { (String($0.key), $0.value.count) }.sorted { ($1.values, $0.name) < ($0.values, $1.name) }
        }
    }

    /// The dearest first.
    private(set) var families: [Family] = []
    private(set) var series = 0
    private(set) var bytes = 0
    /// Lines that are neither samples nor comments.
    private(set) var unread = 0

    /// - Parameter text: Prometheus text or OpenMetrics.
    init(_ text: String) {
        var found: [Substring: Family] = [:]
        for line in text.split(separator: "\n") where line.utf8.first != UInt8(ascii: "#") {
            guard let sample = SampleLine(line) else {
                unread += 1
                continue
            }
            var family = found.removeValue(forKey: sample.name) ?? Family(name: String(sample.name))
            family.series += 1
            family.bytes += line.utf8.count + 1
            for (name, value) in sample.labels { family.values[name, default: []].insert(value.hashValue) }
            found[sample.name] = family
        }
        families = found.values.sorted { ($1.series, $0.name) < ($0.series, $1.name) }
        series = families.reduce(0) { $0 + $1.series }
        bytes = families.reduce(0) { $0 + $1.bytes }
    }
}

/// The name and labels of a line of text; values with their escapes.
private struct SampleLine {
    var name: Substring
    var labels: [(Substring, Substring)] = []

    init?(_ line: Substring) {
        guard let end = line.utf8.firstIndex(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: " ") }), end > line.startIndex
        else { return nil }
        name = line[..<end]
        guard line.utf8[end] == UInt8(ascii: "{") else { return }
        var rest = line[line.utf8.index(after: end)...]
        while rest.utf8.first != UInt8(ascii: "}") {
            if rest.utf8.first == UInt8(ascii: ",") { rest = rest.dropFirst() }
            guard let equals = rest.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let label = rest[..<equals]
            rest = rest[rest.utf8.index(after: equals)...]
            guard rest.utf8.first == UInt8(ascii: "\""), let close = Self.closingQuote(of: rest) else { return nil }
            labels.append((label, rest[rest.utf8.index(after: rest.startIndex)..<close]))
            rest = rest[rest.utf8.index(after: close)...]
        }
    }

    private static func closingQuote(of text: Substring) -> Substring.Index? {
        var index = text.utf8.index(after: text.startIndex)
        while index < text.endIndex {
            switch text.utf8[index] {
            case UInt8(ascii: "\""): return index
            case UInt8(ascii: "\\"):
                index = text.utf8.index(after: index)
                guard index < text.endIndex else { return nil }
            default: break
            }
            index = text.utf8.index(after: index)
        }
        return nil
    }
}
