import Testing

@testable import Frontend

@Suite("Words that are refused by name")
struct RefusedWordsTests {
    @Test("each refused directive is refused in its own words, once")
    func directives() {
        var seen: Set<String> = []
        for (_, words) in RefusedWords.directives {
            for (name, advice) in words {
                #expect(seen.insert(name).inserted, "\(name) stands twice in the table")
                #expect(!advice.isEmpty)
                let error = #expect(throws: CorefileError.self) { try parse(". {\n \(name)\n}") }
                #expect(error?.message == RefusedWords.message(directive: name))
            }
        }
        #expect(seen.count > 80)
    }

    @Test(
        "the message says whose word it is and what to do",
        arguments: [
            (
                "proxy . 192.0.2.1",
                "Corefile:2: directive 'proxy' belongs to older releases of CoreDNS, which themselves refuse it today: use 'forward', whose first word is a zone too; 'protocol force_tcp' is 'force_tcp' there, and TLS is a tls:// upstream"
            ),
            (
                "k8s_gateway a.org",
                "Corefile:2: directive 'k8s_gateway' is a plugin of special builds of CoreDNS: addresses of gateways and load balancers: use 'k8s_external' for services, or 'forward' the zone to the build that has the plugin"
            ),
            (
                "erratic",
                "Corefile:2: directive 'erratic' is not supported: it misbehaves on purpose, for tests; use 'template' or 'whoami' to answer something known"
            ),
        ])
    func messages(line: String, message: String) {
        let error = #expect(throws: CorefileError.self) { try parse(". {\n \(line)\n}") }
        #expect(error?.description == message)
    }

    @Test("no refused word is a directive that is built, and none is a word of no meaning")
    func apart() {
        for case .built(let directive) in DirectiveEntry.executionOrder {
            #expect(RefusedWords.message(directive: directive.name) == nil)
        }
        #expect(RefusedWords.message(directive: "frobnicate") == nil)
        #expect(RefusedWords.message(option: "ttl", of: "kubernetes") == nil)
    }

    @Test(
        "options of older releases are refused with what to do",
        arguments: [
            (
                "kubernetes {\n  upstream /etc/resolv.conf",
                "kubernetes: option 'upstream' belongs to older releases of CoreDNS: remove it; names outside the cluster are looked up by the directives that follow"
            ),
            (
                "kubernetes {\n  resyncperiod 5m",
                "kubernetes: option 'resyncperiod' belongs to older releases of CoreDNS: remove it; changes arrive as they happen"
            ),
            (
                "forward . 192.0.2.1 {\n  protocol force_tcp",
                "forward: option 'protocol' belongs to 'proxy' of older releases: write 'force_tcp' or 'prefer_udp', or a tls:// upstream"
            ),
        ])
    func options(line: String, message: String) {
        let error = #expect(throws: CorefileError.self) { try parse("cluster.local {\n \(line)\n }\n}") }
        #expect(error?.description == "Corefile:3: \(message)")
    }
}
