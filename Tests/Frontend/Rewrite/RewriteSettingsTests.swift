import Testing

@testable import Frontend

@Suite("Rewrite's statements")
struct RewriteSettingsTests {
    @Test(
        "all of these are rules",
        arguments: [
            "rewrite continue name a.org b.org", "rewrite NAME EXACT a.org b.org", "rewrite stop name prefix a. b.",
            "rewrite name suffix a.org b.org answer auto", "rewrite name suffix . .b.org",
            "rewrite name regex (a) {1}.b answer name (b) {1}.a value (c) {1}.a",
            "rewrite name exact a b answer value x y answer value z w",
            "rewrite name regex a b answer auto value x y",
            "rewrite stop {\nname suffix .arpa .arpa\nanswer name auto\nanswer value a b\n}",
            "rewrite {\nname regex a\nb\n}", "rewrite {\ntype A AAAA\n}", "rewrite continue {\nttl regex (.*)\\.a 15\n}",
            "rewrite type nsap-ptr Https", "rewrite class any ch", "rewrite ttl a 0", "rewrite ttl exact a 0-4294967295",
            "rewrite ttl substring a 30-", "rewrite rcode a 2 NotImp", "rewrite rcode regex (.*) 23 0", "rewrite cname a b",
            "rewrite cname regex (.*).cdn.example.net. {1}.other.", "rewrite edns0 local set 0xffee {client_ip}",
            "rewrite edns0 local replace 65001 {kubernetes/client-namespace} revert", "rewrite edns0 LOCAL unset 0o17",
            "rewrite edns0 nsid append revert", "rewrite edns0 nsid unset", "rewrite edns0 subnet unset",
            "rewrite edns0 subnet set 0 128 revert",
        ])
    func rules(line: String) throws { #expect(try rewriteSettings(line).map { $0.rule == nil } == [false]) }

    @Test("line ends inside braces mean nothing")
    func braces() throws {
        #expect(
            try rewriteSettings("rewrite continue {\nname suffix a. b.\nanswer auto\nvalue x y\n}")
                == rewriteSettings("rewrite continue name suffix a. b. answer auto answer value x y"))
    }

    @Test(
        "a fault says where it is, what was expected and what was found",
        arguments: [
            (
                "rewrite",
                "2: rewrite: expected a field (name, type, class, ttl, rcode, cname, edns0), found the end of the rule; usage: rewrite [continue|stop] FIELD ..."
            ),
            (
                "rewrite nmae a b",
                "2: rewrite: expected one of name, type, class, ttl, rcode, cname, edns0, found 'nmae'; did you mean 'name'?"
            ),
            ("rewrite answer auto", "2: rewrite: expected 'answer' behind a name rule, in the same statement"),
            (
                "rewrite name a b {\nanswer auto\n}",
                "3: rewrite: expected either the whole rule before the '{' or at most 'continue' or 'stop'"
            ),
            (
                "rewrite name a",
                "2: rewrite: expected the name that it becomes, found the end of the rule; usage: rewrite [continue|stop] FIELD ..."
            ),
            ("rewrite name a.org b.org answer auto", "2: rewrite: expected one of exact, prefix, suffix, substring, regex, found 'a.org'"),
            (
                "rewrite name exact a..b c",
                "2: rewrite: expected a domain name or a part of one, found 'a..b': there is nothing between two dots"
            ),
            ("rewrite name exact a b c", "2: rewrite: expected 'answer' or the end of the rule behind the new name, found 'c'"),
            ("rewrite name exact a b answer both", "2: rewrite: expected auto, name or value behind 'answer', found 'both'"),
            ("rewrite name suffix a b answer auto name x y", "2: rewrite: expected either 'answer auto' or 'answer name', found both"),
            ("rewrite name regex ( b", "2: rewrite: expected a regular expression, found '(': missing ): ("),
            ("rewrite name regex (a) {2}", "2: rewrite: expected at most {1} in '{2}', found {2}: the pattern '(a)' has 1 groups"),
            ("rewrite type A B", "2: rewrite: expected a record type such as A, MX or ANY, found 'B'"),
            ("rewrite type A AAAA NS", "2: rewrite: expected the end of the rule, found 'NS'"),
            ("rewrite class IN X", "2: rewrite: expected a class (IN, CH, HS, CS, NONE or ANY), found 'X'"),
            (
                "rewrite ttl a 60-30",
                "2: rewrite: expected seconds, or a range such as 30-300, 30- or -300 with its lower end first, found '60-30'"
            ),
            ("rewrite ttl a -", "2: rewrite: expected seconds, or a range such as 30-300, 30- or -300 with its lower end first, found '-'"),
            (
                "rewrite ttl a 4294967296",
                "2: rewrite: expected seconds, or a range such as 30-300, 30- or -300 with its lower end first, found '4294967296'"
            ),
            ("rewrite rcode a 24 0", "2: rewrite: expected a response code such as NXDOMAIN, or its number up to 23, found '24'"),
            ("rewrite edns0 local add 1 x", "2: rewrite: expected one of set, append, replace, unset, found 'add'"),
            ("rewrite edns0 local set 0x10000 x", "2: rewrite: expected an option code up to 65535 or 0xffff, found '0x10000'"),
            ("rewrite edns0 local set 1 0xabc", "2: rewrite: expected an even number of hex digits behind 0x, found '0xabc'"),
            ("rewrite edns0 local unset 1 x", "2: rewrite: expected the end of the rule, found 'x'"),
            ("rewrite edns0 subnet set 33 56", "2: rewrite: expected the number of bits of an IPv4 address, at most 32, found '33'"),
        ])
    func faults(line: String, error: String) {
        let thrown = #expect(throws: CorefileError.self) { try rewriteSettings(line) }
        #expect(thrown?.description == "Corefile:\(error)")
    }

    @Test("a pattern has at most 10,000 bytes, and a variable has to be one")
    func limits() throws {
        let pattern = String(repeating: "a", count: 10_000)
        _ = try rewriteSettings("rewrite name regex \(pattern) b")
        let long = #expect(throws: CorefileError.self) { try rewriteSettings("rewrite name regex \(pattern)a b") }
        #expect(long?.message == "rewrite: expected a regular expression of at most 10000 bytes, found 10001")
        let variable = #expect(throws: CorefileError.self) { try rewriteSettings("rewrite edns0 local set 1 {clientip}") }
        #expect(variable?.message.hasSuffix("found '{clientip}'") == true)
    }
}
