import Testing

@testable import Frontend

/// The question 192-0-2-7.IP.example. A, matched by a pattern with four groups.
struct SketchedTemplateData: TextTemplateData {
    var groups = ["0": "192-0-2-7.ip.example.", "a": "192", "b": "0", "c": "2", "d": "7", "1": "192", "hex": "7b", "empty": ""]

    func value(of field: TextTemplateField) -> TextTemplateValue {
        switch field {
        case .zone: .string("ip.example.")
        case .name: .string("192-0-2-7.ip.example.")
        case .regex: .string("^.*$")
        case .match: .list(["192-0-2-7.ip.example.", "192", "0", "2", "7"].map { .string($0) })
        case .group: .map(groups.mapValues { .string($0) })
        case .recordClass: .string("IN")
        case .type: .string("A")
        case .message: .structure(["Id": .unsigned(4711), "RecursionDesired": .boolean(true)])
        case .question: .structure(["Name": .string("192-0-2-7.IP.example."), "Qtype": .unsigned(1), "Qclass": .unsigned(1)])
        case .remote: .string("127.0.0.1")
        }
    }
    func group(_ name: String) -> String? { groups[name] }
    func metadata(_ label: String) -> String { label == "view/name" ? "v1" : "" }
}

@Suite("Text templates")
struct TextTemplateTests {
    private func render(_ text: String) throws -> String {
        var output = Array("> ".utf8)
        try TextTemplate(text).render(SketchedTemplateData(), to: &output)
        return String(decoding: output.dropFirst(2), as: UTF8.self)
    }

    private func fault(_ text: String) -> String? {
        do {
            _ = try TextTemplate(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "templates as people write them",
        arguments: [
            (
                "{{ .Name }} 60 IN A {{ .Group.a }}.{{ .Group.b }}.{{.Group.c}}.{{ .Group.d }}", "192-0-2-7.ip.example. 60 IN A 192.0.2.7"
            ),
            ("{{ .Type }} {{ .Class }} {{ .Zone }} {{ .Remote }}", "A IN ip.example. 127.0.0.1"),
            ("{{ index .Match 1 }} {{ index .Match 0 }}", "192 192-0-2-7.ip.example."),
            ("10.{{ parseInt .Group.hex 16 8 }} {{ .Group.hex | printf \"%s!\" }}", "10.123 7b!"),
            ("{{ .Meta \"view/name\" }}{{ .Meta \"none\" }}{{ \"view/name\" | .Meta }}{{ $.Meta `view/name` }}", "v1v1v1"),
            ("{{ .Question.Name }} {{ .Question.Qtype }} {{ .Message.Id }}", "192-0-2-7.IP.example. 1 4711"),
            ("{{ .Group.none }}|{{ index .Group \"none\" }}|{{ .Group.empty }}", "<no value>|||".replacing("|||", with: "||")),
            ("{{ if eq .Type \"A\" }}a{{ else }}b{{ end }}", "a"),
            ("{{ if eq .Type \"AAAA\" \"A\" }}a{{ end }}{{ if ne .Type \"A\" }}b{{ else if .Group.d }}c{{ else }}d{{ end }}", "ac"),
            ("{{ range .Match }}[{{ . }}]{{ end }}", "[192-0-2-7.ip.example.][192][0][2][7]"),
            (
                "{{ range $i, $m := .Match }}{{ if eq $i 0 }}{{ continue }}{{ end }}{{ if gt $i 2 }}{{ break }}{{ end }}{{ $i }}={{ $m }} {{ end }}",
                "1=192 2=0 "
            ),
            ("{{ range 3 }}{{ . }}{{ end }}{{ range slice .Match 5 }}x{{ else }}none{{ end }}", "012none"),
            ("{{ with .Group.a }}{{ . }} {{ $.Name }}{{ end }}{{ with .Group.empty }}x{{ else }}y{{ end }}", "192 192-0-2-7.ip.example.y"),
            ("{{ with .Group.empty }}x{{ else with .Group.a }}{{ . }}{{ end }}", "192"),
            (
                "{{ $x := .Group.a }}{{ $x }}{{ $x = \"b\" }}{{ if true }}{{ $x = \"c\" }}{{ $x := \"d\" }}{{ $x }}{{ end }}{{ $x }}",
                "192dc"
            ),
            ("a {{- /* c */ -}} b {{- .Type -}}\n c{{/* x */}}d", "abAcd"), ("{{ -3 }}{{- 3}}", "-33"),
            (
                "{{ and 1 0 2 }} {{ or 0 \"\" \"x\" }} {{ not 1 }} {{ or .Group.empty \"default\" }} {{ and .Type .Class }}",
                "0 x false default IN"
            ),
            ("{{ lt 1 2 }} {{ le 2 2 }} {{ gt \"b\" \"a\" }} {{ ge 1 2 }} {{ lt .Message.Id 5000 }}", "true true true false true"),
            ("{{ len .Name }} {{ len .Match }} {{ slice .Name 0 3 }} {{ slice .Name 18 }} {{ index .Name 0 }}", "21 5 192 le. 49"),
            ("{{ print 1 2 \"a\" 3 4 }}|{{ println 1 \"a\" }}|{{ print }}", "1 2a3 4|1 a\n||".replacing("||", with: "|")),
            (
                "{{ printf \"%03d|%-4s|%5s|%x|%X|%q|%v|%c|%t|%%|%T\" 7 \"a\" \"b\" 255 \"az\" \"q\" true 65 false 1 }}",
                "007|a   |    b|ff|617A|\"q\"|true|A|false|%|int"
            ),
            (
                "{{ printf \"%d %s\" \"x\" }}{{ printf \"a\" 1 }}{{ printf \"%s\" .Group.none }}",
                "%!d(string=x) %!s(MISSING)a%!(EXTRA int=1)%!s(<nil>)"
            ),
            ("{{ html \"<a&'b'>\" }} {{ urlquery \"a b/ü\" }}", "&lt;a&amp;&#39;b&#39;&gt; a+b%2F%C3%BC"),
            ("{{ (index .Match 1) | len }} {{ len (print 1 2) }} {{ eq (len .Match) 5 }}", "3 3 true"),
            (
                "{{ 0x1F }} {{ 0b11 }} {{ 0o17 }} {{ 017 }} {{ 1_000 }} {{ 'a' }} {{ 1.5 }} {{ 2.0 }} {{ \"\\x41\\u00e4\\n\" }}",
                "31 3 15 15 1000 97 1.5 2 Aä\n"
            ),
            ("{{ .Match }} {{ true }}", "[192-0-2-7.ip.example. 192 0 2 7] true"),
            ("plain } {", "plain } {"), ("", ""),
        ])
    func rendered(text: String, expected: String) throws { #expect(try render(text) == expected) }

    @Test(
        "what is not supported or wrong is refused with its place",
        arguments: [
            ("{{", "expected a value, found 'the end of the text' (at character 3)"),
            ("a {{ .Name", "expected }} for the action that opens here, found the end of the text (at character 3)"),
            ("{{ }}", "expected a value, found '}}' (at character 4)"),
            ("{{ if .Name }}x", "expected {{ end }} for the block that opens here, found the end of the text (at character 4)"),
            ("{{ end }}", "unexpected {{ end }}: no if, with or range is open here (at character 1)"),
            ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "a second else in one block (at character 21)"),
            ("{{ break }}", "'break' outside of range (at character 4)"),
            (
                "{{ define \"x\" }}{{ end }}",
                "'define' is not supported: each record is one template; there are if, else, with, range, break, continue and end (at character 4)"
            ),
            ("{{ $y }}", "unknown variable '$y'; variables are declared by {{ $y := value }} (at character 4)"),
            (
                "{{ if 1 }}{{ $y := 1 }}{{ end }}{{ $y }}",
                "unknown variable '$y'; variables are declared by {{ $y := value }} (at character 36)"
            ),
            ("{{ .Match.x }}", ".Match is a list: expected {{ index .Match 1 }} (at character 4)"),
            ("{{ .Name.x }}", ".Name is a text without fields (at character 4)"),
            (
                "{{ .Question.Name2 }}",
                "unknown field '.Question.Name2'; there are .Question.Name, .Question.Qtype, .Question.Qclass (at character 4)"
            ),
            (
                "{{ .Name \"x\" }}",
                "expected a function where values are given to it; there are \(TextTemplateFunction.listed), .Meta (at character 4)"
            ),
            ("{{ .Meta }}", "expected .Meta with one label, as in {{ .Meta \"zone/label\" }} (at character 4)"),
            ("{{ parseInt }}", "parseInt takes 3 values, found 0 (at character 4)"),
            ("{{ nil }}", "nil is no value of its own (at character 4)"),
            ("{{ print len }}", "expected a value, found 'len'; put parentheses around a call: (len …) (at character 10)"),
            ("{{ \"a\\.b\" }}", "unknown escape '\\.b'; a backslash itself is \\\\ (at character 6)"),
            ("{{ \"a }}", "expected a closing \" for the text that opens here (at character 4)"),
            ("{{ 12x }}", "expected a number, found '12x' (at character 4)"),
            ("{{ (.Name }}", "expected ) for the ( that opens here (at character 4)"),
            ("{{/* a }}", "expected */ for the comment that opens here, found the end of the text (at character 3)"),
            ("{{ printf \"%5.1f\" 1.5 }}", "printf: '%5.1f' is not supported; there are \(GoFormat.listed) (at character 11)"),
        ])
    func faults(text: String, message: String) { #expect(fault(text) == message) }

    @Test("unknown fields and functions are named with what there is")
    func unknown() throws {
        #expect(
            fault("{{ .Grup.d }}")
                == "unknown field '.Grup'; there are .Zone, .Name, .Regex, .Match, .Group, .Class, .Type, .Message, .Question, .Remote, .Meta; did you mean '.Group'? (at character 4)"
        )
        #expect(try #require(fault("{{ notAFunction }}")).hasPrefix("unknown function 'notAFunction'; there are and, or, not, "))
        #expect(try #require(fault("{{ call 1 }}")).hasPrefix("unknown function 'call'"))
    }

    @Test(
        "values that do not fit end the rendering and leave the output as it was",
        arguments: [
            "{{ index .Match 9 }}", "{{ parseInt .Group.a 2 8 }}", "{{ parseInt \"256\" 10 8 }}", "{{ parseInt .Group.none 10 8 }}",
            "{{ . }}",
            "{{ eq .Type 1 }}", "{{ lt true false }}", "{{ range .Name }}{{ end }}", "{{ len 3 }}", "{{ slice .Name 5 3 }}",
            "{{ with .Name }}{{ .x }}{{ end }}", "{{ printf 1 }}", "x{{ .Message }}", "{{ .Message.Rcode }}",
        ])
    func unfit(text: String) throws {
        var output = Array("kept".utf8)
        let template = try TextTemplate(text)
        #expect(throws: TextTemplateError.self) { try template.render(SketchedTemplateData(), to: &output) }
        #expect(output == Array("kept".utf8))
    }

    @Test("output, loops and nesting are bounded")
    func bounds() throws {
        var output: [UInt8] = []
        #expect(throws: TextTemplateError.tooManySteps) {
            try TextTemplate("{{ range 1000000 }}{{ end }}").render(SketchedTemplateData(), to: &output)
        }
        #expect(throws: TextTemplateError.tooLong) {
            try TextTemplate("{{ range 30000 }}0123456789{{ end }}").render(SketchedTemplateData(), to: &output)
        }
        #expect(throws: TextTemplateError.tooLong) {
            try TextTemplate("{{ $x := .Name }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}").render(SketchedTemplateData(), to: &output)
        }
        for open in ["{{ if 1 }}", "{{ with 1 }}", "{{ if 0 }}{{ else "] {
            #expect(fault(String(repeating: open, count: 10_000)) != nil)
        }
        #expect(fault("{{ " + String(repeating: "(", count: 10_000))?.contains("inside one another") == true)
        #expect(fault(String(repeating: "{{ if 1 }}", count: 60) + String(repeating: "{{ end }}", count: 60)) == nil)
    }

    @Test(
        "a label is the text as Go prints it",
        arguments: [
            ("{{ .Zone }} 60 IN SOA ns.{{ .Zone }}", "{{.Zone}} 60 IN SOA ns.{{.Zone}}"),
            ("a  {{- /* why */ -}}  b", "ab"),
            (#"{{ printf  "a  | b" (index .Match 1)|print }} c"#, #"{{printf "a  | b" (index .Match 1) | print}} c"#),
            ("{{ if eq .Type \"A\" }} x {{ else }}y{{ end }}", "{{if eq .Type \"A\"}} x {{else}}y{{end}}"),
        ])
    func labels(text: String, label: String) throws { #expect(try TextTemplate(text).label == label) }
}
