import Testing

@testable import Frontend

@Suite("view in a Corefile")
struct ViewSettingsTests {
    static let row = ViewSettings.row

    @Test("several expressions must hold together, and words are joined")
    func expressions() throws {
        let view = try settings(of: Self.row, "view v1 {\n expr type() == 'TXT'\n expr proto() in ['tcp']\n}")[0]
        #expect(view.name == "v1")
        #expect(view.conditions.map(\.text) == ["type() == 'TXT'", "proto() in ['tcp']"])
        #expect(view.takes(SketchedFacts()))
        #expect(try !settings(of: Self.row, "view v1 {\n expr true\n expr type() == 'A'\n}")[0].takes(SketchedFacts()))
        #expect(try settings(of: Self.row, "view v1")[0].takes(SketchedFacts()))
    }

    @Test(
        "mistakes are told with their line",
        arguments: [
            ("view", "Corefile:2: view: expected 1 word after it, found 0; usage: view NAME"),
            ("view a {\n expr\n}", "Corefile:3: view: expr: expected at least 1 word after it, found 0; usage: expr EXPRESSION"),
            (
                "view a {\n expr type() == \"A\"\n}",
                "Corefile:3: view: expr: unknown name 'A'; texts stand in single quotes: 'A' (at character 11); texts stand in single quotes here, in: type() == A"
            ),
            ("view a {\n when true\n}", "Corefile:3: view: unknown option 'when': there are expr"),
        ])
    func mistakes(text: String, message: String) { #expect(mistake(of: Self.row, text) == message) }
}
