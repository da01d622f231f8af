import Testing

@testable import Exporter

@Suite struct CostTests {
    private static let text = """
        # HELP a help
        # TYPE a gauge
        a{x="1",y="p"} 1
        a{x="2",y="p"} 1
        a{x="3",y="q\\"}{,"} 1
        b 5
        c{} 1
        nonsense
        c{x="1} 2

        """

    @Test("series, bytes and different values of labels are counted by family, the dearest first; what is no sample is told")
    func counts() throws {
        let cost = ExpositionCost(Array(Self.text.utf8))
        #expect(cost.families.map(\.name) == ["a", "b", "c"])
        #expect(cost.families.map(\.series) == [3, 1, 1])
        #expect(cost.families.map(\.bytes) == [17 + 17 + 22, 4, 6])
        let labels = try #require(cost.families.first).labels
        #expect(labels.map(\.name) == ["x", "y"] && labels.map(\.values) == [3, 2])
        #expect(cost.series == 5 && cost.bytes == 66 && cost.unread == 2)
    }

    @Test("the table names the dearest families, their labels, and what leaving them out saves")
    func table() {
        let lines = CostTable.text(ExpositionCost(Array(Self.text.utf8)), top: 2).split(separator: "\n").map(String.init)
        #expect(lines[0] == "5 series, 66 B, in 3 families")
        #expect(lines[1] == "2 lines are no samples")
        #expect(lines[3] == "        3   60 %      56 B  a       x 3, y 2")
        #expect(lines.contains("        3   60 %      56 B  --metric-denylist=^a$"))
        #expect(lines.contains("        4   80 %      60 B  --metric-denylist=^a$,^b$"))
        #expect(lines.last == "What keeps the dearest from growing by more than a half: --series-limit=a=5,b=2")
        #expect(CostTable.text(ExpositionCost([]), top: 2) == "There are no samples in it.\n")
    }

    @Test("of the captured cluster every sample is counted, and leaving out the dearest family saves what was said")
    func captured() throws {
        let exporter = try ExporterUnderTest(captured: [])
        let cost = ExpositionCost(Array(exporter.exposition().utf8))
        #expect(cost.unread == 0 && cost.series == exporter.exposition().split(separator: "\n").count { !$0.hasPrefix("#") })
        let dearest = try #require(cost.families.first)
        let rest = ExpositionCost(
            Array(try ExporterUnderTest(captured: ["--metric-denylist=^\(dearest.name)$"]).exposition().utf8))
        #expect(rest.series == cost.series - dearest.series && rest.bytes == cost.bytes - dearest.bytes)
    }
}
