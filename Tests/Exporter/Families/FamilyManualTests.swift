import ArgumentParser
import Foundation
import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct FamilyManualTests {
    @Test("docs/object-metrics.md is what families --markdown prints")
    func document() throws {
        let root = CapturedCluster.fixtures.deletingLastPathComponent().deletingLastPathComponent()
        let written = try String(contentsOf: root.appending(path: "docs/object-metrics.md"), encoding: .utf8)
        let lines = { (text: String) in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
        let isSame = written == FamilyManual.markdown
        let difference = lines(FamilyManual.markdown).difference(from: lines(written)).first.map { "\($0)" } ?? ""
        #expect(isSame, "run: mizzen-exporter families --markdown >docs/object-metrics.md; the first difference is \(difference)")
    }

    @Test("every family that can be served is printed once, with its help")
    func complete() {
        let served =
            FamilyRegistry.all.flatMap(\.families) + nodeUsageFamilies.map(\.description) + podUsageFamilies.map(\.description)
            + [KeptExposition.age] + podStateFamilies.map(\.description)
        #expect(FamilyManual.plain.split(separator: "\n").map(String.init).sorted() == served.map { "\($0.name)\t\($0.help)" }.sorted())
        let rows = FamilyManual.markdown.split(separator: "\n").filter { $0.hasPrefix("| `") }
        #expect(rows.map { String($0.dropFirst(3).prefix { $0 != "`" }) }.sorted() == served.map(\.name).sorted())
        for family in served where family.isOptIn {
            #expect(rows.contains { $0.hasPrefix("| `\(family.name)` |") && $0.contains(" | yes | ") })
        }
    }

    @Test("every help is one sentence or more, on one line")
    func helpTexts() {
        for family in FamilyRegistry.all.flatMap(\.families) {
            #expect(family.help.count > 10 && family.help.hasSuffix(".") && !family.help.contains("\n"), "\(family.name)")
        }
    }

    @Test("families is a command, and a command line without one goes on serving")
    func commands() throws {
        #expect(try (ExporterCommand.parseAsRoot(["families", "--markdown"]) as? FamiliesCommand)?.markdown == true)
        #expect(try (ExporterCommand.parseAsRoot(["families"]) as? FamiliesCommand)?.markdown == false)
        let serving = try ExporterCommand.parseAsRoot(["--port", "9", "--resources", "pods", "--metric-labels-allowlist=pods=[a]"])
        #expect((serving as? ExporterCommand)?.serving.port == 9)
        #expect(try ExporterCommand.parseAsRoot([]) is ExporterCommand)
    }
}
