import Names
import RegularExpressions
import Testing

@testable import Frontend

@Suite("Settings of file and auto")
struct FileSettingsTests {
    /// The settings of the one statement of a server block for example.org.
    private func read<Settings: DirectiveSettings>(
        _ row: DirectiveRow<Settings>, _ text: String
    ) throws -> (settings: Settings, warnings: [String]) {
        let surroundings = CorefileSurroundings(variable: { _ in nil }, contents: { _ in nil }, names: { _ in [] })
        let (blocks, _) = try CorefileParser.parse(Array("example.org {\n\(text)\n}\n".utf8), file: "Corefile", surroundings: surroundings)
        var settings = Settings()
        var warnings: [CorefileWarning] = []
        try row.read(
            #require(blocks.first?.statements.first), into: &settings, zones: [#require(ZoneName("example.org"))], warnings: &warnings)
        return (settings, warnings.map(\.description))
    }

    @Test("file takes its options, and defaults are CoreDNS's")
    func file() throws {
        let plain = try read(FileSettings.row, "file db").settings
        #expect(plain.path == "db")
        #expect(plain.zones.map(\.text) == ["example.org."])
        #expect(plain.reload == .seconds(60))
        #expect(plain.fallsThrough.zones.isEmpty)
        let (full, warnings) = try read(
            FileSettings.row, "file /d/db A.org 10.0.0.0/8 {\n reload 0s\n fallthrough b.org\n upstream 192.0.2.1\n}")
        #expect(full.path == "/d/db")
        #expect(full.zones.map(\.text) == ["a.org.", "10.in-addr.arpa."])
        #expect(full.reload == .zero)
        #expect(full.fallsThrough.zones.map(\.text) == ["b.org."])
        #expect(warnings == ["Corefile:5: file: upstream: ignored: names outside of the zone are looked up through this server itself"])
    }

    @Test("auto takes its options, and defaults are CoreDNS's")
    func auto() throws {
        let plain = try read(AutoSettings.row, "auto {\n directory /d\n}").settings
        #expect(plain.directory == "/d")
        #expect(plain.pattern?.pattern == #"db\.(.*)"#)
        #expect(plain.originTemplate == "{1}")
        #expect(plain.zones.map(\.text) == ["example.org."])
        #expect(plain.reload == .seconds(60))
        let full = try read(AutoSettings.row, "auto org {\n directory /d (.*)\\.zone {1}\n reload 1s\n}").settings
        #expect(full.pattern?.pattern == #"(.*)\.zone"#)
        #expect(full.zones.map(\.text) == ["org."])
        #expect(full.reload == .seconds(1))
    }

    @Test("what CoreDNS refuses is refused")
    func refused() {
        let files = [
            ("file", "Corefile:2: file: expected a zone file; usage: file FILE [ZONES...]"),
            ("file db {\n reload\n}", "Corefile:3: file: reload: expected 1 word after it, found 0; usage: reload DURATION"),
            ("file db {\n transfer to *\n}", "Corefile:3: file: unknown option 'transfer': there are reload, fallthrough, upstream"),
        ]
        for (text, message) in files {
            let error = #expect(throws: CorefileError.self) { _ = try read(FileSettings.row, text) }
            #expect(error?.description == message)
        }
        let autos = [
            ("auto", "Corefile:2: auto: expected a line 'directory DIR' in its block"),
            (
                "auto {\n directory\n}",
                "Corefile:3: auto: directory: expected 1 or 3 words after it, found 0; usage: directory DIR [REGEXP ORIGIN_TEMPLATE]"
            ),
            (
                "auto {\n directory /d\n fallthrough\n}",
                "Corefile:4: auto: unknown option 'fallthrough': there are directory, reload, upstream"
            ),
            (
                "auto {\n directory /d \(String(repeating: "x", count: 10_001)) {1}\n}",
                "Corefile:3: auto: directory: expected a regular expression of at most 10000 bytes, found 10001"
            ),
            (
                "auto {\n directory /d zone {1}\n}",
                "Corefile:3: auto: directory: expected a regular expression with a group '(…)', found 'zone'"
            ),
        ]
        for (text, message) in autos {
            let error = #expect(throws: CorefileError.self) { _ = try read(AutoSettings.row, text) }
            #expect(error?.description == message)
        }
    }
}
