@testable import Exporter

extension FuzzTarget {
    /// The input is the keys of an object's labels, a line each. Each key gets one label of its own, with a name that Prometheus takes,
    /// in the order of the keys.
    static let labelName = FuzzTarget(name: "label-name", longestInput: 600) { input throws(PropertyFailure) in
        let lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let keys = Set(lines.map { String(decoding: $0, as: UTF8.self) })
        let labels = MetadataLabels.make(Dictionary(keys.map { ($0, $0) }) { first, _ in first }, prefix: "label")
        try expect(Set(labels.map(\.0)).count == labels.count, "a name comes twice: \(labels.map(\.0))")
        try expect(
            labels.map(\.1) == keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, "\(keys.count) keys give the labels \(labels)")
        for (name, _) in labels {
            try expect(name.hasPrefix("label_") && name.utf8.allSatisfy(isOfLabelName), "a label is called \(name)")
        }
    }

    private static func isOfLabelName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
