import Testing

@testable import Frontend

@Suite("log in a Corefile")
struct LogSettingsTests {
    @Test("without words it is every name in the common format")
    func defaults() throws {
        let log = try #require(try settings(of: LogSettings.row, "log").first)
        #expect(log == LogSettings())
        #expect(log.zones == [.root] && log.format == LogFormat.common)
        for kind in AnswerKind.allCases { #expect(log.covers(kind)) }
    }

    @Test("names, a format and classes are read, classes of several lines together")
    func everything() throws {
        let logs = try settings(
            of: LogSettings.row,
            "log Example.org example.net \"{combined} {/x}\" {\n class denial\n class error\n}\nlog a.org b.org\nlog c.org {common} {\n class all\n}"
        )
        #expect(logs.map { $0.zones.map(\.text) } == [["example.org.", "example.net."], ["a.org.", "b.org."], ["c.org."]])
        #expect(logs.map(\.format) == ["{combined} {/x}", LogFormat.common, "{common}"])
        #expect(logs[0].classes == [.denial, .error])
        #expect(logs[0].covers(.noData) && logs[0].covers(.otherError) && !logs[0].covers(.delegation))
        for kind in AnswerKind.allCases { #expect(logs[2].covers(kind)) }
    }

    @Test("a single word is a name, also with braces, as in CoreDNS")
    func single() throws {
        let log = try settings(of: LogSettings.row, "log {common}")[0]
        #expect(log.zones.map(\.text) == ["{common}."] && log.format == LogFormat.common)
    }

    @Test(
        "mistakes are told with what was expected",
        arguments: [
            (
                "log {\n class\n}",
                "Corefile:3: log: class: expected at least 1 word after it, found 0; usage: class all|denial|error|success..."
            ),
            (
                "log {\n class denail\n}",
                "Corefile:3: log: class: expected one of all, denial, error, success, found 'denail'; did you mean 'denial'?"
            ),
            ("log {\n klass all\n}", "Corefile:3: log: unknown option 'klass': there are class; did you mean 'class'?"),
            ("log a..b", "Corefile:2: log: expected a domain name, found 'a..b'"),
        ])
    func mistakes(text: String, message: String) {
        #expect(mistake(of: LogSettings.row, text) == message)
    }

    @Test("the first rule that holds a name decides, and a name that no rule holds is not logged")
    func rules() throws {
        let rules = LogRules(
            try settings(of: LogSettings.row, "log ok.test {\n class error\n}\nlog test {common}!\nlog ok.test other"))
        func format(_ name: String) throws -> LogSettings? { rules.rule(for: try DNSName(name))?.settings }
        #expect(try format("a.ok.test.")?.classes == [.error])
        #expect(try format("xok.test.")?.format == "{common}!")
        #expect(try format("other.")?.zones.count == 2)
        #expect(try format("org.") == nil)
    }
}
