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
        let exporter = try ExporterUnderTest(captured: try arguments(run), encoding)
        let families = Set(FamilyRegistry.all.flatMap(\.families).map(\.name))
        let want = try CapturedCluster.lines("\(run).txt").filter { line in families.contains(family(of: line)) }.sorted()
        let got = exporter.lines().filter { !$0.contains("mizzen_") }.sorted()
        #expect(got.count == want.count)
        for line in Set(want).symmetricDifference(got).sorted().prefix(6) {
            Issue.record("\(want.contains(line) ? "missing" : "too much"): \(line)")
        }
    }

    /// The name that a sample or a TYPE line is about.
    private func family(of line: String) -> String {
        line.hasPrefix("# ") ? String(line.split(separator: " ")[2]) : String(line.prefix { $0 != "{" && $0 != " " })
    }

    /// The captured flags, with resources that are not built left out.
    private func arguments(_ run: String) throws -> [String] {
        let built = Set(CapturedCluster.resources.map(\.plural))
        return try CapturedCluster.text("\(run).flags").split(whereSeparator: \.isWhitespace).map { word in
            guard word.hasPrefix("--resources=") else { return String(word) }
            let names = word.dropFirst("--resources=".count).split(separator: ",").filter { built.contains(String($0)) }
            return "--resources=\(names.joined(separator: ","))"
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
        #expect(Set(families.map(\.name)).count == families.count)
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
        let exporter = try ExporterUnderTest(captured: ["--metric-opt-in-list=.*"])
        var seen: Set<String> = []
        var current = ""
        for line in exporter.exposition().split(separator: "\n") {
            if line.hasPrefix("# HELP ") {
                current = String(line.split(separator: " ")[2])
                #expect(seen.insert(current).inserted, "\(current) comes twice")
            } else if line.hasPrefix("# TYPE ") {
                #expect(line.split(separator: " ")[2] == current)
            } else {
                #expect(line.hasPrefix("\(current){"))
            }
        }
        #expect(seen.count >= 99)
    }
}
