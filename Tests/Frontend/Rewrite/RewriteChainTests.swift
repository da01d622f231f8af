import Names
import Testing

@testable import Frontend

/// `rewrite` among other directives, on real sockets.
@Suite("Rewriting in the chain", .serialized)
struct RewriteChainTests {
    private func frontend(_ lines: String) async throws -> RunningFrontend {
        try await RunningFrontend(".:0 {\n bind 127.0.0.1\n\(lines)\n}")
    }

    @Test("the answer is to the question as it came, its owner the name that was asked for")
    func exact() async throws {
        let frontend = try await frontend(
            "rewrite name exact api.example.com a.very.long.name.inside\n hosts {\n 192.0.2.1 a.very.long.name.inside\n}")
        let octets = try await frontend.octets("API.Example.com")
        #expect(try octets.question == "API.Example.com. A")
        #expect(try MessageText(octets).answer == ["api.example.com. 3600 IN A 192.0.2.1"])
        #expect(try await frontend.ask("a.very.long.name.inside").answer == ["a.very.long.name.inside. 3600 IN A 192.0.2.1"])
        try await frontend.stop()
    }

    @Test("without 'answer' a suffix rule leaves the names of the answer as they are")
    func suffixAlone() async throws {
        let frontend = try await frontend("rewrite name suffix .corp.example .inside\n hosts {\n 192.0.2.1 a.inside\n}")
        let octets = try await frontend.octets("a.corp.example")
        #expect(try octets.question == "a.corp.example. A")
        #expect(try MessageText(octets).answer == ["a.inside. 3600 IN A 192.0.2.1"])
        try await frontend.stop()
    }

    @Test("a CNAME to a name that a rule is for is followed as it is: nothing is rewritten twice")
    func neverTwice() async throws {
        let frontend = try await frontend(
            """
            rewrite name suffix .corp.example .inside answer auto
            template IN A inside {
              match ^db[.]inside[.]$
              answer "db.inside. 60 IN CNAME db.corp.example."
              fallthrough
            }
            template IN A other {
              answer "{{ .Name }} 60 IN CNAME web.corp.example."
            }
            hosts {
              192.0.2.9 db.corp.example
              192.0.2.66 web.corp.example
              192.0.2.10 web.inside
            }
            """)
        #expect(
            try await frontend.ask("db.corp.example").answer
                == ["db.corp.example. 3600 IN A 192.0.2.9", "db.corp.example. 60 IN CNAME db.corp.example."])
        // On behalf of a question that no rule was for it is the first time.
        #expect(
            try await frontend.ask("x.other").answer
                == ["web.corp.example. 3600 IN A 192.0.2.10", "x.other. 60 IN CNAME web.corp.example."])
        try await frontend.stop()
    }

    @Test("what a look-up for a rewritten question gets from the cache was not made for a client, nor the other way around")
    func cachedApart() async throws {
        let upstream = try TestUpstream(
            """
            corp.example. 300 SOA ns.corp.example. host.corp.example. 1 2 3 4 60
            db.corp.example. 300 A 192.0.2.9
            inside. 300 SOA ns.inside. host.inside. 1 2 3 4 60
            db.inside. 300 A 192.0.2.10
            """)
        let frontend = try await frontend(
            """
            cache
            rewrite name suffix .corp.example .inside answer auto
            template IN A inside {
              match ^alias[.]inside[.]$
              answer "{{ .Name }} 60 IN CNAME db.corp.example."
              fallthrough
            }
            forward . \(upstream.address)
            """)
        func addresses(_ name: String) async throws -> [String] {
            try await frontend.ask(name).answer.filter { $0.contains(" A ") }.map { String($0.split(separator: " ")[4]) }
        }
        for _ in 0..<2 {
            #expect(try await addresses("db.corp.example") == ["192.0.2.10"])
            #expect(try await addresses("alias.corp.example") == ["192.0.2.9"])
        }
        #expect(upstream.questions.filter { $0 == "udp db.inside. A" }.count == 1)
        try await frontend.stop()
        upstream.stop()
    }

    @Test("a rewritten question stays in its server block")
    func sameBlock() async throws {
        let frontend = try await RunningFrontend(
            """
            corp.example:0 {
              bind 127.0.0.1
              rewrite name suffix .corp.example .inside answer auto
              hosts none inside {
                192.0.2.1 a.inside
              }
            }
            inside:0 {
              bind 127.0.0.1
              hosts {
                192.0.2.2 a.inside
              }
            }
            """)
        #expect(try await frontend.ask("a.corp.example").answer == ["a.corp.example. 3600 IN A 192.0.2.1"])
        #expect(try await frontend.ask("a.inside").answer == ["a.inside. 3600 IN A 192.0.2.2"])
        try await frontend.stop()
    }

    @Test("what is cached is the rewritten answer, and an option for upstreams alone brings the client no OPT record")
    func cached() async throws {
        let upstream = try TestUpstream(ForwardTests.zone)
        let frontend = try await frontend(
            """
            cache
            rewrite continue edns0 local set 0xffee abc
            rewrite name exact q.corp.example one.example.com
            kubernetes cluster.local
            forward . \(upstream.address)
            """)
        for _ in 0..<3 {
            let octets = try await frontend.octets("Q.corp.example")
            #expect(try octets.question == "Q.corp.example. A")
            let text = try MessageText(octets)
            #expect(text.answer.map { String($0.split(separator: " ")[4]) } == ["192.0.2.1"])
            #expect(text.answer[0].lowercased().hasPrefix("q.corp.example. "))
            #expect(octets.span.word(at: 10) == 0)
        }
        #expect(upstream.questions == ["udp one.example.com. A"])
        try await frontend.stop()
        upstream.stop()
    }

    @Test("a name that is none gets SERVFAIL, with the question as it came")
    func invalid() async throws {
        let frontend = try await frontend("rewrite name regex ^(.*)[.]long[.]$ {1}.{1}.{1}.{1}.{1}.long\n hosts {\n 192.0.2.1 a.org\n}")
        let name = String(repeating: "a", count: 60) + ".long"
        let octets = try await frontend.octets(name)
        #expect(try octets.question == "\(name). A")
        #expect(try MessageText(octets).code == "SERVFAIL")
        #expect(try await frontend.ask("a.org").answer == ["a.org. 3600 IN A 192.0.2.1"])
        try await frontend.stop()
    }

    @Test("TTLs, codes and the question's type are changed where they stand")
    func inPlace() async throws {
        let upstream = try TestUpstream(ForwardTests.zone)
        let frontend = try await frontend(
            """
            rewrite type ANY A
            rewrite continue ttl suffix example.com -20
            rewrite rcode exact none.example.com NXDOMAIN NOERROR
            forward . \(upstream.address)
            """)
        let octets = try await frontend.octets("One.example.com", .any)
        #expect(try octets.question == "One.example.com. ANY")
        #expect(try MessageText(octets).answer == ["One.example.com. 300 IN A 192.0.2.1"])
        #expect(try await frontend.ask("one.example.com").answer == ["one.example.com. 20 IN A 192.0.2.1"])
        let masked = try await frontend.ask("none.example.com")
        #expect(masked.code == "NOERROR" && masked.authority.count == 1)
        try await frontend.stop()
        upstream.stop()
    }

    @Test("a CNAME gets another target, and what that resolves to")
    func canonicalName() async throws {
        let upstream = try TestUpstream(
            """
            example.com. 300 SOA ns.example.com. host.example.com. 1 2 3 4 60
            alias.example.com. 300 CNAME old.example.com.
            old.example.com. 300 A 192.0.2.1
            new.example.com. 300 A 192.0.2.2
            """)
        let frontend = try await frontend(
            "loadbalance\n rewrite cname exact old.example.com. new.example.com.\n forward . \(upstream.address)")
        for overStream in [false, true] {
            #expect(
                try await frontend.ask("alias.example.com", overStream: overStream).answer
                    == ["alias.example.com. 300 IN CNAME new.example.com.", "new.example.com. 300 IN A 192.0.2.2"])
        }
        #expect(try await frontend.ask("old.example.com").answer == ["old.example.com. 300 IN A 192.0.2.1"])
        upstream.behave(.refuses(5))
        #expect(try await frontend.ask("alias.example.com").code == "REFUSED")
        try await frontend.stop()
        upstream.stop()
    }

    @Test("an answer that longer names make too large for its client is cut, and whole over a stream")
    func growing() async throws {
        let name = String(repeating: "a", count: 60) + "." + String(repeating: "b", count: 60) + ".corp.example"
        let lines = (1...28).map { "192.0.2.\($0) b.inside" }.joined(separator: "\n")
        let frontend = try await frontend("rewrite name exact \(name) b.inside\n hosts {\n\(lines)\n}")
        let octets = try await frontend.octets(name)
        #expect(octets.count <= 512)
        #expect(try MessageText(octets).flags == "QR AA TC RD")
        let whole = try await frontend.ask(name, overStream: true)
        #expect(whole.flags == "QR AA RD" && whole.answer.count == 28)
        #expect(try await frontend.ask("b.inside").flags == "QR AA RD")
        try await frontend.stop()
    }
}
