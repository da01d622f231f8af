@testable import Exporter
@testable import KubernetesObjects

extension FuzzTarget {
    /// The input is a configuration of custom resource metrics, a zero byte, and an object. Whatever a configuration is taken says of itself
    /// holds for what it makes of any object: names of families and labels are valid, no series appears twice in a family, and the same
    /// object gives the same record. The selectors that a watcher reads are those of the configuration.
    static let customResources = FuzzTarget(name: "custom-resources", longestInput: 4096) { input throws(PropertyFailure) in
        let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        let yaml = String(decoding: parts[0], as: UTF8.self)
        let object = parts.count > 1 ? Array(parts[1]) : Array("{}".utf8)
        let configuration: CustomResourceConfiguration
        do throws(ConfigurationError) { configuration = try CustomResourceConfiguration(yaml: yaml) } catch { return }
        let selectors = (try? CustomResourceSelector.all(inConfiguration: yaml)) ?? []
        try expect(
            Set(configuration.entries.map(\.selector)).isSubset(of: Set(selectors)), "an entry is about what no watcher would watch")
        for rule in configuration.entries.flatMap(\.rules) { try check(rule, object) }
    }

    private static func check(_ rule: CustomResourceRule, _ object: [UInt8]) throws(PropertyFailure) {
        try expect(isName(rule.name, colons: true), "the family is called \(rule.name)")
        guard let view = try? JSONView(object) else { return }
        let value = ObjectValue(view)
        var complaints = 0
        let samples = rule.samples(of: value) { _ in complaints += 1 }
        try expect(
            samples == rule.samples(of: value) { _ in } || samples.contains { $0.value.isNaN }, "the same object gives other samples")
        let base = rule.baseLabels(of: value, identity: [:])
        for name in base.keys + samples.flatMap(\.labels.keys) { try expect(isName(name, colons: false), "a label is called \(name)") }
    }

    private static func isName(_ text: String, colons: Bool) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"):
                true
            case UInt8(ascii: ":"): colons
            default: false
            }
        }
    }
}
