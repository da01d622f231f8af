/// What the families of an exposition cost: how many series, how many bytes, and which labels make them.
struct ExpositionCost {
    struct Family {
        var name: String
        var series = 0
        /// Of the samples' lines, with their line feeds.
        var bytes = 0
        /// Different values of each label, by hash.
        fileprivate var values: [ArraySlice<UInt8>: Set<Int>] = [:]

        /// Labels with how many different values they have, the most first.
        var labels: [(name: String, values: Int)] {
            values.map { (String(decoding: $0.key, as: UTF8.self), $0.value.count) }.sorted { ($1.values, $0.name) < ($0.values, $1.name) }
        }
    }

    /// The dearest first.
    private(set) var families: [Family] = []
    private(set) var series = 0
    private(set) var bytes = 0
    /// Lines that are neither samples nor comments.
    private(set) var unread = 0

    /// - Parameter text: Prometheus text or OpenMetrics.
    init(_ text: [UInt8]) {
        var found: [ArraySlice<UInt8>: Family] = [:]
        for line in text.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            guard let sample = SampleLine(line) else {
                unread += 1
                continue
            }
            var family = found.removeValue(forKey: sample.name) ?? Family(name: String(decoding: sample.name, as: UTF8.self))
            family.series += 1
            family.bytes += line.count + 1
            for (name, value) in sample.labels { family.values[name, default: []].insert(value.hashValue) }
            found[sample.name] = family
        }
        families = found.values.sorted { ($1.series, $0.name) < ($0.series, $1.name) }
        series = families.reduce(0) { $0 + $1.series }
        bytes = families.reduce(0) { $0 + $1.bytes }
    }
}
