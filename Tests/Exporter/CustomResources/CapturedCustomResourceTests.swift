import KubernetesObjects
import Testing

@testable import Exporter

/// What kube-state-metrics 2.20 answered for the captured custom resources under three configurations, line by line.
@Suite struct CapturedCustomResourceTests {
    @Test(
        "each captured configuration gives the captured lines",
        arguments: ["gauges", "infos", "wildcards"], [ExpositionFormat.text, .openMetrics])
    func captured(run: String, format: ExpositionFormat) throws {
        let exporter = try CustomResourcesUnderTest(CustomResourceFixtures.text("\(run).config.yaml"))
        #expect(exporter.complaints.isEmpty)
        for object in try CustomResourceFixtures.objects() { exporter.upsert(object) }
        let suffix = format == .text ? "txt" : "om.txt"
        let want = mended(try CustomResourceFixtures.text("\(run).\(suffix)").split(separator: "\n").map(String.init)).sorted()
        let got = exporter.lines(format).sorted()
        #expect(got.count == want.count)
        for line in Set(want).symmetricDifference(got).sorted().prefix(8) {
            Issue.record("\(want.contains(line) ? "missing" : "too much"): \(line)")
        }
    }

    /// The captured lines without what is wrong in them: of a series that appears more than once the value that is not the zero of
    /// `nilIsZero`, and a label name that begins with a digit.
    private func mended(_ lines: [String]) -> [String] {
        var places: [Substring: Int] = [:]
        var kept: [String] = []
        for line in lines {
            let line = line.replacing(#"{9lives=""#, with: #"{_9lives=""#)
            let series = line[..<(line.lastIndex(of: " ") ?? line.endIndex)]
            guard !line.hasPrefix("#"), let place = places[series] else {
                if !line.hasPrefix("#") { places[series] = kept.count }
                kept.append(line)
                continue
            }
            if kept[place].hasSuffix(" 0") { kept[place] = line }
        }
        return kept
    }

    @Test("families stand together under one header each, whatever the resources and versions that give their samples")
    func grouping() throws {
        let exporter = try CustomResourcesUnderTest(CustomResourceFixtures.text("wildcards.config.yaml"))
        for object in try CustomResourceFixtures.objects() { exporter.upsert(object) }
        var seen: Set<String> = []
        var current = ""
        for line in exporter.exposition().split(separator: "\n") {
            if line.hasPrefix("# HELP ") {
                current = String(line.split(separator: " ")[2])
                #expect(seen.insert(current).inserted, "\(current) comes twice")
            } else if !line.hasPrefix("#") {
                #expect(line.hasPrefix("\(current){"))
            }
        }
        #expect(seen == ["kube_customresource_any_created", "kube_customresource_any_condition"])
    }
}
