import Testing

@testable import Frontend

/// CoreDNS 1.13.1's captured answers (dns-cases/rewrite-*), as far as rules decide them.
@Suite("Rewriting as CoreDNS was seen to do it")
struct RewriteCapturedTests {
    private static let names = #"""
        rewrite name exact api.example.com web.s1-prod.svc.cluster.local
        rewrite name suffix .svc.corp.example .svc.cluster.local
        rewrite name prefix old- new-
        rewrite name substring staging prod
        rewrite name regex ^(.+)\.(.+)\.k8s\.example\.$ {1}.{2}.svc.cluster.local
        rewrite name alias.example.org ok.test
        """#

    @Test(
        "rewrite-names: what is asked",
        arguments: [
            ("api.example.com.", "web.s1-prod.svc.cluster.local."),
            ("API.Example.com.", "web.s1-prod.svc.cluster.local."),
            ("web.s1-prod.svc.corp.example.", "web.s1-prod.svc.cluster.local."),
            ("nope.s1-prod.svc.corp.example.", "nope.s1-prod.svc.cluster.local."),
            ("old-ok.test.", nil),
            ("ok.staging.example.", "ok.prod.example."),
            ("web.s1-prod.k8s.example.", "web.s1-prod.svc.cluster.local."),
            ("headless-a.s1-prod.k8s.example.", "headless-a.s1-prod.svc.cluster.local."),
            ("alias.example.org.", "ok.test."),
            ("x.alias.example.org.", nil),
            ("web.s1-prod.svc.cluster.local.", nil),
        ] as [(String, String?)])
    func askedNames(name: String, asked: String?) throws {
        #expect(try rewriteRules(Self.names).name(for: name) == asked)
    }

    @Test(
        "rewrite-names: owners in the answer",
        arguments: [
            ("API.Example.com.", "web.s1-prod.svc.cluster.local.", "api.example.com."),
            ("web.s1-prod.svc.corp.example.", "web.s1-prod.svc.cluster.local.", "web.s1-prod.svc.cluster.local."),
            ("nope.s1-prod.svc.corp.example.", "cluster.local.", "cluster.local."),
            ("ok.staging.example.", "ok.prod.example.", "ok.prod.example."),
            ("web.s1-prod.k8s.example.", "web.s1-prod.svc.cluster.local.", "web.s1-prod.svc.cluster.local."),
            ("alias.example.org.", "ok.test.", "alias.example.org."),
            ("alias.example.org.", "test.", "test."),
        ])
    func owners(question: String, owner: String, shown: String) throws {
        #expect(try rewriteRules(Self.names).answer(to: question).owner(owner) == shown)
    }

    private static let answers = #"""
        rewrite stop {
            name regex (.*)\.corp\.example\.$ {1}.s1-prod.svc.cluster.local
            answer name (.*)\.s1-prod\.svc\.cluster\.local\.$ {1}.corp.example
        }
        rewrite stop {
            name suffix .auto.example .s1-prod.svc.cluster.local answer auto
        }
        rewrite stop {
            name suffix .val.example .test
            answer name (.*)\.test\. {1}.val.example
            answer value (.*)\.test\. {1}.val.example
        }
        rewrite name suffix .noauto.example .test
        """#

    @Test(
        "rewrite-answers: what is asked",
        arguments: [
            ("web.corp.example.", "web.s1-prod.svc.cluster.local."), ("web.auto.example.", "web.s1-prod.svc.cluster.local."),
            ("chain.val.example.", "chain.test."), ("ok.noauto.example.", "ok.test."), ("auto.example.", nil),
        ] as [(String, String?)])
    func askedAnswers(name: String, asked: String?) throws {
        #expect(try rewriteRules(Self.answers).name(for: name) == asked)
    }

    @Test(
        "rewrite-answers: owners and names in records",
        arguments: [
            ("web.corp.example.", "web.s1-prod.svc.cluster.local.", "web.corp.example.", "web.s1-prod.svc.cluster.local."),
            ("ext.corp.example.", "ext.s1-prod.svc.cluster.local.", "ext.corp.example.", "ext.s1-prod.svc.cluster.local."),
            ("ext.corp.example.", "db.example.com.", "db.example.com.", "db.example.com."),
            ("nope.corp.example.", "cluster.local.", "cluster.local.", "cluster.local."),
            ("web.auto.example.", "web.s1-prod.svc.cluster.local.", "web.auto.example.", "web.auto.example."),
            ("chain.val.example.", "b.chain.test.", "b.chain.val.example.", "b.chain.val.example."),
            ("mx.val.example.", "mail2.test.", "mail2.val.example.", "mail2.val.example."),
            ("nx.val.example.", "test.", "test.", "test."),
            ("nx.val.example.", "ns.test.", "ns.val.example.", "ns.val.example."),
            ("chain.noauto.example.", "b.chain.test.", "b.chain.test.", "b.chain.test."),
        ])
    func turnedBack(question: String, name: String, owner: String, value: String) throws {
        let answer = try rewriteRules(Self.answers).answer(to: question)
        #expect(try answer.owner(name) == owner)
        #expect(try answer.value(name) == value)
    }

    private static let others = #"""
        rewrite type ANY HINFO
        rewrite class CH IN
        rewrite continue ttl ok.test 11
        rewrite continue ttl regex ^(ttl.*)$ 30-60
        rewrite continue ttl suffix .max.test -20
        rewrite continue ttl suffix .min.test 400-
        rewrite rcode suffix .masked.test NXDOMAIN NOERROR
        rewrite cname exact b.chain.test. ok.test.
        """#

    @Test("rewrite-others: type and class change, and their rules end the list")
    func typeAndClass() throws {
        let rules = try rewriteRules(Self.others)
        var question = try rewriteQuestion("ok.test.", "ANY")
        #expect(try rules.apply(to: &question, of: rewriteClient) == AnswerRewrite())
        #expect(question == (try rewriteQuestion("ok.test.", "HINFO")))
        question = try rewriteQuestion("ok.test.", recordClass: 3)
        #expect(try rules.apply(to: &question, of: rewriteClient) == AnswerRewrite())
        #expect(question == (try rewriteQuestion("ok.test.")))
    }

    @Test(
        "rewrite-others: TTLs",
        arguments: [
            ("ok.test.", 300, 11), ("ttl600.test.", 600, 60), ("ttl7.test.", 7, 30), ("ok.max.test.", 300, 20), ("ok.min.test.", 300, 400),
            ("chain.test.", 60, 60), ("max.test.", 300, 300),
        ] as [(String, UInt32, UInt32)])
    func timesToLive(question: String, ttl: UInt32, shown: UInt32) throws {
        #expect(try rewriteRules(Self.others).answer(to: question).timeToLive(ttl) == shown)
    }

    @Test("rewrite-others: codes")
    func codes() throws {
        let answer = try rewriteRules(Self.others).answer(to: "nx.masked.test.")
        #expect(answer.code(3) == 0)
        #expect(answer.code(2) == 2)
        #expect(try rewriteRules(Self.others).answer(to: "masked.test.").code(3) == 3)
    }

    @Test("rewrite-others: a CNAME's new target, and the rules that its look-up passes")
    func canonicalNames() throws {
        let rules = try rewriteRules(Self.others)
        let answer = try rules.answer(to: "chain.test.")
        #expect(try answer.target("b.chain.test.") == "ok.test.")
        #expect(try answer.target("B.Chain.test.") == "ok.test.")
        #expect(try answer.target("c.chain.test.") == nil)
        let lookup = try #require(rules.answerRewrite(forLookupOf: try DNSName("ok.test.")))
        #expect(lookup.timeToLive(300) == 11)
        #expect(try lookup.target("b.chain.test.") == nil)
    }

    private static let options = """
        rewrite edns0 local set 0xffee hello-world
        rewrite edns0 local append 0xffed 0x0102
        rewrite edns0 nsid set
        rewrite edns0 subnet set 24 56
        rewrite stop name exact x.test echo.test
        """

    @Test(
        "rewrite-edns0: the first rule always matches, adds its option and ends the list",
        arguments: [
            nil, "", "00 03 00 00", "00 08 00 07 00 01 18 00 c6 33 64",
        ])
    func addedOption(sent: String?) throws {
        var question = try rewriteQuestion("x.test.", "TXT")
        question.options = sent.map { EDNSOptions(hexOctets($0).span) }
        #expect(try rewriteRules(Self.options).apply(to: &question, of: rewriteClient) == AnswerRewrite())
        #expect(question.options?.octets == hexOctets(sent ?? "") + hexOctets("ff ee 00 0b 68 65 6c 6c 6f 2d 77 6f 72 6c 64"))
        #expect("\(question.name)" == "x.test.")
    }
}

func hexOctets(_ text: String) -> [UInt8] { text.split(separator: " ").compactMap { UInt8($0, radix: 16) } }
