import RegularExpressions
import Testing

@testable import Frontend

@Suite("template in a Corefile")
struct TemplateSettingsTests {
    static let row = TemplateSettings.row

    @Test("every option is read")
    func everything() throws {
        let template = try settings(
            of: Self.row,
            """
            template IN MX Example 10.in-addr.arpa {
              match ^(?P<a>[0-9]*)[.]example[.]$ "b c"
              match d
              answer "{{ .Name }} 60 IN MX 10 a" "{{ .Name }} 60 IN MX 20 b"
              additional "x. 60 IN TXT \\"{{ .Type }}\\""
              authority "x. 60 IN NS y."
              rcode NXDOMAIN
              ederror 15 "blocked here"
              fallthrough example
            }
            """)[0]
        #expect(template.recordClass == 1 && template.type == .mx)
        #expect(template.zones.map(\.text) == ["example.", "10.in-addr.arpa."])
        #expect(template.patterns.map(\.pattern) == ["^(?P<a>[0-9]*)[.]example[.]$", "b c", "d"])
        #expect(template.answers.map(\.text) == ["{{ .Name }} 60 IN MX 10 a", "{{ .Name }} 60 IN MX 20 b"])
        #expect(template.additionals.map(\.text) == ["x. 60 IN TXT \"{{ .Type }}\""] && template.authorities.count == 1)
        #expect(template.responseCode == 3 && template.extendedError == .init(code: 15, text: "blocked here"))
        #expect(template.fallsThrough.zones.map(\.text) == ["example."])
    }

    @Test("without options it is NOERROR for every name of the block, and a block may have many")
    func defaults() throws {
        let templates = try settings(of: Self.row, "template ANY ANY\ntemplate IN HTTPS {\n ederror 4\n fallthrough\n}", zones: ["a.org"])
        #expect(templates[0].recordClass == 255 && templates[0].type == .any && templates[0].patterns.isEmpty)
        #expect(templates[0].zones.map(\.text) == ["a.org."] && templates[0].responseCode == 0 && templates[0].fallsThrough.zones.isEmpty)
        #expect(
            templates[1].type.rawValue == 65 && templates[1].extendedError == .init(code: 4) && templates[1].fallsThrough.zones == [.root])
    }

    @Test(
        "mistakes are told with their line",
        arguments: [
            ("template ANY", "Corefile:2: template: expected at least 2 words after it, found 1; usage: template CLASS TYPE [ZONES...]"),
            ("template in A", "Corefile:2: template: expected a class (IN, CS, CH, HS, NONE, ANY), found 'in'; did you mean 'IN'?"),
            (
                "template IN aaaa",
                "Corefile:2: template: expected a record type in capitals, like A, AAAA or ANY, found 'aaaa'; did you mean 'AAAA'?"
            ),
            ("template IN A {\n match (\n}", "Corefile:3: template: match: expected a regular expression, found '(': missing ): ("),
            (
                "template IN A {\n answer \"{{ .Name\"\n}",
                "Corefile:3: template: answer: expected }} for the action that opens here, found the end of the text (at character 1) in '{{ .Name'"
            ),
            (
                "template IN A {\n answer\n}",
                "Corefile:3: template: answer: expected at least 1 word after it, found 0; usage: answer RECORD..."
            ),
            ("template IN A {\n ederror x\n}", "Corefile:3: template: ederror: expected a whole number from 0 to 65535, found 'x'"),
            (
                "template IN A {\n expr true\n}",
                "Corefile:3: template: expr: this option is not built yet; remove the line to go on without it"
            ),
        ])
    func mistakes(text: String, message: String) { #expect(mistake(of: Self.row, text) == message) }

    @Test("a response code that is none is named with those there are")
    func responseCodes() throws {
        let message = try #require(mistake(of: Self.row, "template IN A {\n rcode NXDOMIAN\n}"))
        #expect(message.hasPrefix("Corefile:3: template: rcode: expected a response code (NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, "))
        #expect(message.hasSuffix("found 'NXDOMIAN'; did you mean 'NXDOMAIN'?"))
    }
}
