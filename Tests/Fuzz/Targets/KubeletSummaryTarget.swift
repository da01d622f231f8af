import DeltaStream
import KubernetesObjects

@testable import Collector

extension FuzzTarget {
    /// The input read as a kubelet's `/stats/summary`. What another reader of JSON takes as an object with `node` or `pods` is taken,
    /// and nothing that it refuses; names are there, no longer than a limit and no two the same; and a sample carries all of it.
    static let kubeletSummary = FuzzTarget(name: "kubelet-summary", longestInput: 4096) { input throws(PropertyFailure) in
        let parser: SummaryParser
        do throws(ObjectDecodingError) { parser = try SummaryParser(input) } catch {
            try expect(error.offset <= input.count, "an error beyond the input: \(error)")
            if error.reason != .nestedTooDeep { try expect(!isSummary(input), "refused: \(error)") }
            return
        }
        do throws(ObjectDecodingError) { _ = try JSONView(input) } catch {
            // The parser counts from where it passes something over.
            try expect(error.reason == .nestedTooDeep, "taken, and no JSON: \(error)")
        }
        let pods = parser.summary.pods
        try expectNames(pods.map { "\($0.namespace)\0\($0.pod)" }, limit: 2 * SummaryParser.nameLimit + 1)
        for pod in pods {
            try expect(!pod.namespace.isEmpty && !pod.pod.isEmpty, "a pod without a name: \(pod)")
            try expectNames(pod.containers.map(\.container))
            try expectNames(pod.volumes.map(\.name))
        }
        let sample = NodeSample(node: "n", collector: "c", scrapedAt: 1, summary: parser.summary)
        try expect(SampleRoundTrip.of(sample) == sample, "a sample comes back as another: \(sample)")
    }

    private static func isSummary(_ input: [UInt8]) -> Bool {
        guard let view = try? JSONView(input) else { return false }
        return view["node"] != nil || view["pods"] != nil
    }

    private static func expectNames(_ names: [String], limit: Int = SummaryParser.nameLimit) throws(PropertyFailure) {
        try expect(Set(names).count == names.count, "a name twice: \(names)")
        try expect(names.allSatisfy { (1...limit).contains($0.utf8.count) }, "a name that is none: \(names)")
    }
}
