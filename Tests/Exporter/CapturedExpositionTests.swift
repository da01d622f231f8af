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
        // The captured answers with all resources and with the default ones are the same for these four.
        let want = try CapturedCluster.lines(run == "all" ? "default.txt" : "\(run).txt").sorted()
        let got = exporter.lines().filter { !$0.contains("mizzen_") }.sorted()
        #expect(got.count == want.count)
        for line in Set(want).symmetricDifference(got).sorted().prefix(6) {
            Issue.record("\(want.contains(line) ? "missing" : "too much"): \(line)")
        }
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

    @Test("there are the 99 families of the four resources, and one of them is opt-in")
    func familyCount() {
        let counts = FamilyRegistry.all.map { "\($0.resource.plural) \($0.families.count)" }
        #expect(counts == ["deployments 18", "nodes 13", "pods 60", "services 8"])
        #expect(FamilyRegistry.all.flatMap(\.families).filter(\.isOptIn).map(\.name) == ["kube_pod_nodeselectors"])
        let names = FamilyRegistry.all.flatMap(\.families).map(\.name)
        #expect(Set(names).count == names.count)
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
        #expect(seen.count == 99)
    }
}
