import Foundation
import KubernetesObjects
import Testing

@testable import Exporter

/// What kube-state-metrics answered for the captured cluster, line by line, values as they are written.
@Suite struct CapturedExpositionTests {
    static let runs = [
        "all", "default", "labels", "labels-some", "allowed", "denied", "namespaces", "namespaces-denied", "opt-in",
    ]

    @Test("each captured command line gives the captured lines", arguments: runs, [ObjectEncoding.protobuf, .json])
    func captured(run: String, encoding: ObjectEncoding) throws {
        let flags = try CapturedCluster.text("\(run).flags").split(whereSeparator: \.isWhitespace).map(String.init)
        let exporter = try ExporterUnderTest(captured: flags, encoding)
        let want = try CapturedCluster.lines("\(run).txt").sorted()
        let got = exporter.lines().filter { !$0.contains("mizzen_") }.sorted()
        #expect(got.count == want.count)
        for line in Set(want).symmetricDifference(got).sorted().prefix(6) {
            Issue.record("\(want.contains(line) ? "missing" : "too much"): \(line)")
        }
    }

    @Test("every family has the name, type, stability and opt-in of kube-state-metrics' own list")
    func registry() throws {
        var listed: [String: [String]] = [:]
        for line in try CapturedCluster.text("families.tsv").split(separator: "\n").dropFirst() {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            listed[columns[1]] = columns
        }
        let families = FamilyRegistry.all.flatMap(\.families)
        #expect(families.map(\.name).sorted() == listed.keys.sorted())
        #expect(families.count == 336)
        for family in families {
            let columns = try #require(listed[family.name], "\(family.name) is not listed")
            #expect(columns[2] == family.type.rawValue, "\(family.name)")
            // The list says of a family that is deprecated what it was before; of one it is older than the code, which calls it stable.
            let isStable = columns[3].hasPrefix("stable") || family.name == "kube_resourcequota_labels"
            #expect(isStable == (family.stability == .stable), "\(family.name)")
            #expect((columns[4] == "opt-in") == family.isOptIn, "\(family.name)")
        }
    }

    @Test("every family stands together, its HELP and TYPE lines before its samples")
    func grouping() throws {
        let exporter = try ExporterUnderTest(captured: [try CapturedCluster.text("all.flags").trimmed, "--metric-opt-in-list=.*"])
        var seen: Set<String> = []
        var series: Set<Substring> = []
        var current = ""
        for line in exporter.exposition().split(separator: "\n") {
            if line.hasPrefix("# HELP ") {
                current = String(line.split(separator: " ")[2])
                #expect(seen.insert(current).inserted, "\(current) comes twice")
            } else if line.hasPrefix("# TYPE ") {
                #expect(line.split(separator: " ")[2] == current)
            } else {
                #expect(line.hasPrefix("\(current){"))
                #expect(series.insert(line[..<(line.lastIndex(of: " ") ?? line.endIndex)]).inserted, "twice: \(line)")
            }
        }
        // Of every resource, as the captured cluster has objects of each, and those of usage only with samples.
        #expect(seen.count == 336)
    }
}
