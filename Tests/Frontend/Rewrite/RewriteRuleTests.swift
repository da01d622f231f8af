import Testing

@testable import Frontend

@Suite("Rewrite's rules")
struct RewriteRuleTests {
    @Test(
        "names are compared as texts that end with a dot, label borders or not",
        arguments: [
            ("name exact a.b.org x.org", "a.b.org.", "x.org."),
            ("name exact a.b.org .", "a.b.org.", "."),
            ("name exact . x", ".", "x."),
            ("name exact b.org x.org", "a.b.org.", nil),
            ("name prefix a.b x.y.z", "a.b.org.", "x.y.z.org."),
            ("name prefix a x", "a.", "x."),
            ("name prefix a x", "ab.org.", nil),
            ("name suffix b.org x.org", "a.fob.org.", "a.fox.org."),
            ("name suffix b.org x.org", "b.org.", "x.org."),
            ("name suffix .b.org .x.org", "b.org.", nil),
            ("name suffix .b.org .x.y.org", "a.c.b.org.", "a.c.x.y.org."),
            ("name suffix .b.org .", "a.c.b.org.", "a.c."),
            ("name suffix b.org .", "ab.org.", "a."),
            ("name suffix . .x.org", "a.b.", "a.b.x.org."),
            ("name substring b.c x", "ab.c.ab.c.d.", "ax.ax.d."),
            ("name substring .a. .bb.", "x.a.a.a.y.", "x.bb.a.bb.y."),
            ("name substring mid x", "amidst.org.", nil),
            ("name regex ^([^.]+)-([0-9]+)\\. {2}.{1}.org", "web-1.example.", "1.web.org."),
            ("name regex (.)(.*) {2}{1}", "ab.cd.", "b.cd.a."),
            ("name regex a {0}{0}.b", "xay.", "aa.b."),
            ("name regex ^(.*)\\.org\\.$ {1}.net", "{1}{0}.org.", "{1}{0}.net."),
            ("name regex ^(.*)\\.org\\.$ {1}.net", #"a\.b\032c.org."#, #"a\.b\032c.net."#),
            ("name regex ^\\\\000\\.$ zero", #"\000."#, "zero."),
        ] as [(String, String, String?)])
    func names(rule: String, name: String, asked: String?) throws {
        #expect(try rewriteRules("rewrite \(rule)").name(for: name) == asked)
    }

    @Test("letter case does not matter, and the new name is lower case")
    func letterCase() throws {
        let rules = try rewriteRules("rewrite name suffix .B.Org .X.Org")
        var question = try rewriteQuestion("A.b.ORG.")
        #expect(try rules.apply(to: &question, of: rewriteClient) != nil)
        #expect("\(question.name) \(question.original)" == "a.x.org. a.x.org.")
    }

    @Test(
        "what becomes no name is an error that names the rule, and changes nothing",
        arguments: [
            ("name suffix b.org .x.org", "b.org."), ("name prefix a .", "a.b."), ("name regex (.*) {1}", "a."),
            ("name suffix .org .\(String(repeating: "x", count: 63)).org", String(repeating: "a.", count: 120) + "org."),
        ])
    func invalid(rule: String, name: String) throws {
        var question = try rewriteQuestion(name)
        let before = question
        let rules = try rewriteRules("rewrite type NS MX\nrewrite \(rule)")
        let error = #expect(throws: InvalidRewrite.self) { try rules.apply(to: &question, of: rewriteClient) }
        #expect(error == InvalidRewrite(rule: 1))
        #expect(question == before)
    }

    @Test("rules behind a match are asked only behind 'continue', with what it made; answers go back the other way around")
    func order() throws {
        let rules = try rewriteRules(
            "rewrite continue name exact a.org b.org\nrewrite continue name suffix b.org c.org answer auto\nrewrite name exact c.org d.org\nrewrite name exact d.org e.org"
        )
        #expect(try rules.name(for: "a.org.") == "d.org.")
        let answer = try rules.answer(to: "a.org.")
        #expect(try answer.owner("d.org.") == "a.org.")
        #expect(try answer.value("x.d.org.") == "x.a.org.")
        #expect(try rewriteRules("rewrite name exact a.org b.org\nrewrite name exact b.org c.org").name(for: "a.org.") == "b.org.")
        #expect(try rules.name(for: "z.org.") == nil)
    }

    @Test(
        "a name that a rule would match again is turned once",
        arguments: [
            ("name suffix .org .cdn.org answer auto", "a.org.", "a.cdn.org.", "a.cdn.org.", "a.org."),
            ("name suffix .cdn.org .org answer auto", "a.cdn.cdn.org.", "a.cdn.org.", "a.cdn.org.", "a.cdn.cdn.org."),
            ("name exact a.org x.a.org", "a.org.", "x.a.org.", "x.x.a.org.", "x.a.org."),
        ])
    func once(rule: String, name: String, asked: String, value: String, shown: String) throws {
        let rules = try rewriteRules("rewrite continue \(rule)")
        #expect(try rules.name(for: name) == asked)
        #expect(try rules.answer(to: name).value(value) == shown)
        // The target of a CNAME on the way is nobody's question.
        #expect(rules.answerRewrite(forLookupOf: try DNSName(name)) == nil)
    }

    @Test(
        "other kinds turn back the one name that they made, and what is below it",
        arguments: [
            ("prefix a b answer auto", "a.org.", "b.org.", "a.org."), ("prefix a b answer auto", "a.org.", "x.b.org.", "x.a.org."),
            ("prefix a b answer auto", "a.org.", "xb.org.", "xb.org."), ("prefix a b answer auto", "a.org.", "B.Org.", "a.org."),
            ("substring a.org b.org answer auto", "xa.org.", "xb.org.", "xa.org."),
            ("regex ^(.*)\\.a\\.$ {1}.b answer auto", "x.a.", "y.b.", "y.b."), ("regex ^(.*)\\.a\\.$ {1}.b", "x.a.", "x.b.", "x.b."),
            ("exact a b answer name ^(.*)\\.b\\.$ {1}.c", "a.", "x.b.", "x.c."),
        ])
    func restored(rule: String, question: String, owner: String, shown: String) throws {
        #expect(try rewriteRules("rewrite name \(rule)").answer(to: question).owner(owner) == shown)
    }

    @Test("a name in the answer that would become none stays")
    func unusable() throws {
        let answer = try rewriteRules("rewrite name regex ^a\\.$ b answer value (.*) {1}").answer(to: "a.")
        #expect(try answer.value("x.y.") == "x.y.")
    }

    @Test(
        "CNAMEs' targets are compared as written",
        arguments: [
            ("prefix chat.open bard.goo", "chat.openai.com.", "bard.gooai.com."), ("suffix uvw. xyz.", "www.uvw.", "www.xyz."),
            ("suffix .uvw .xyz", "www.uvw.", nil), ("substring fg zz.w", "a.efgh.fg.", "a.ezz.wh.zz.w."),
            ("exact def.example.com xyz.example.com", "DEF.example.com.", "xyz.example.com."),
            (#"regex (.*)\.web\.(.*)\.site\. {1}.webapp.{2}.org"#, "o.web.eu.site.", "o.webapp.eu.org."),
            ("exact a.org a.org", "a.org.", nil), ("suffix .org. ..", "a.org.", nil),
        ] as [(String, String, String?)])
    func canonicalNames(rule: String, target: String, new: String?) throws {
        #expect(try rewriteRules("rewrite cname \(rule)").answer(to: "q.org.").target(target) == new)
    }

    @Test("codes change once, the last rule first; TTLs pass all rules")
    func codesAndTimes() throws {
        let answer = try rewriteRules(
            "rewrite continue rcode suffix . NOERROR SERVFAIL\nrewrite continue rcode suffix . 3 0\nrewrite continue ttl prefix a -10\nrewrite ttl substring a. 20-"
        ).answer(to: "a.org.")
        #expect(answer.code(3) == 2)
        #expect(answer.code(5) == 5)
        #expect(answer.timeToLive(0) == 10)
        #expect(answer.changesRecords && !answer.changesValues)
    }
}
