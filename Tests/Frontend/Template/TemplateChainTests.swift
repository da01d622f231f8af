import Names
import Testing

@testable import Frontend

/// `template` among other directives, on real sockets.
@Suite("Templates in the chain", .serialized)
struct TemplateChainTests {
    private func frontend(_ lines: String) async throws -> RunningFrontend {
        try await RunningFrontend("example:0 other:0 {\n bind 127.0.0.1\n prometheus 127.0.0.1:0\n\(lines)\n}")
    }

    @Test("templates are asked in order, until one matches or does not fall through")
    func order() async throws {
        let frontend = try await frontend(
            """
            template IN A example {
              match ^one[.]
              answer "{{ .Name }} 1 IN A 192.0.2.1"
              fallthrough
            }
            template IN ANY example {
              match (?P<what>^two)[.]
              answer "{{ .Name }} 2 IN TXT \\"{{ .Group.what }} {{ .Type }} {{ .Remote }} {{ .Question.Name }}\\""
              authority "example. 3 IN NS ns.example."
              additional "ns.example. 4 IN A 192.0.2.4"
            }
            hosts {
              192.0.2.9 three.other
            }
            """)
        #expect(try await frontend.ask("one.example").answer == ["one.example. 1 IN A 192.0.2.1"])
        let two = try await frontend.ask("Two.example")
        #expect(two.answer == [#"two.example. 2 IN TXT "two A 127.0.0.1 Two.example.""#] && two.flags == "QR AA RD")
        #expect(two.authority == ["example. 3 IN NS ns.example."] && two.additional == ["ns.example. 4 IN A 192.0.2.4"])
        #expect(try await frontend.ask("three.example").code == "SERVFAIL")
        #expect(try await frontend.ask("three.other").answer == ["three.other. 3600 IN A 192.0.2.9"])
        let labels = #"zone="example.",view="",class="IN",type="A""#
        #expect(frontend.metrics.contains("\(labels)} 2\n"))
        #expect(frontend.metrics.contains("coredns_template_matches_total{server="))
        try await frontend.stop()
    }

    @Test("a CNAME is followed for addresses, its own target's answer behind it")
    func aliases() async throws {
        let frontend = try await frontend(
            """
            template IN ANY example {
              match ^pair[.]
              answer "{{ .Name }} 5 IN CNAME one.other." "{{ .Name }} 5 IN CNAME two.other."
              fallthrough
            }
            template IN A example {
              answer "{{ .Name }} 5 IN CNAME {{ .Name }}"
            }
            hosts {
              192.0.2.1 one.other
              192.0.2.2 two.other
            }
            """)
        let octets = try await frontend.octets("pair.example")
        #expect(octets.span.word(at: 6) == 4)
        #expect(
            try MessageText(octets).answer == [
                "one.other. 3600 IN A 192.0.2.1", "pair.example. 5 IN CNAME one.other.", "pair.example. 5 IN CNAME two.other.",
                "two.other. 3600 IN A 192.0.2.2",
            ])
        #expect(try await frontend.ask("pair.example", .txt).answer.count == 2)
        // One that leads to itself ends.
        #expect(try await frontend.ask("self.example").code == "NOERROR")
        try await frontend.stop()
    }

    @Test("codes, an extended error, and texts that are no records")
    func codes() async throws {
        let frontend = try await frontend(
            """
            template IN A example {
              match ^blocked[.]
              rcode REFUSED
              ederror 15 "blocked here"
              fallthrough
            }
            template IN A example {
              match ^(.*)[.]example[.]$
              answer "{{ .Name }} 5 IN A {{ index .Match 1 }}"
            }
            template IN AAAA example {
              rcode SERVFAIL
            }
            """)
        let blocked = try await frontend.octets("blocked.example", advertisedSize: 1232)
        #expect(try MessageText(blocked).code == "REFUSED")
        #expect(blocked.suffix(18) == [0, 15, 0, 14, 0, 15] + Array("blocked here".utf8))
        #expect(try await frontend.ask("blocked.example").code == "REFUSED")
        #expect(try await frontend.ask("abc.example").code == "SERVFAIL")
        #expect(try await frontend.ask("abc.example", .aaaa).code == "SERVFAIL")
        #expect(
            frontend.metrics.contains(
                #"class="IN",type="A",section="answer",template="{{.Name}} 5 IN A {{index .Match 1}}"} 1"#))
        try await frontend.stop()
    }
}
