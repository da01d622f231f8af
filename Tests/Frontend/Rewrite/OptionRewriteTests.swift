import Names
import Testing

@testable import Frontend

@Suite("Rewrite's EDNS options")
struct OptionRewriteTests {
    private func apply(_ rules: String, sent: String?, client: RewriteClient = rewriteClient) throws -> (RewriteQuestion, AnswerRewrite?) {
        var question = try rewriteQuestion("Web.example.", "AAAA")
        question.options = sent.map { EDNSOptions(hexOctets($0).span) }
        let answer = try rewriteRules(rules).apply(to: &question, of: client)
        return (question, answer)
    }

    @Test(
        "set, append, replace and unset",
        arguments: [
            ("local set 0xffee 0x61", "ff ee 00 00", "ff ee 00 01 61", true), ("local set 0xffee 0x61", nil, "ff ee 00 01 61", true),
            ("local replace 0xffee a", "ff ee 00 02 31 32 00 03 00 00", "ff ee 00 01 61 00 03 00 00", true),
            ("local replace 0xffee a", nil, "", false),
            ("local append 0xffee a", "ff ee 00 00", "ff ee 00 00 ff ee 00 01 61", true),
            ("local append 0xffee {protocol}", "ff ee 00 00", "ff ee 00 00", false),
            ("local unset 0xffee", "ff ee 00 00 00 03 00 00 ff ee 00 01 61", "00 03 00 00", true),
            ("nsid set", "00 03 00 01 61", "00 03 00 00", true),
            ("nsid append", nil, "00 03 00 00", true), ("nsid unset", "00 03 00 00", "", true),
            ("subnet set 20 56", "00 08 00 04 00 01 00 00", "00 08 00 07 00 01 14 00 c0 00 00", true),
            ("subnet append 32 0", nil, "00 08 00 08 00 01 20 00 c0 00 02 4d", true),
            ("subnet append 32 0", "00 08 00 04 00 01 00 00", "00 08 00 04 00 01 00 00", false),
            ("subnet set 0 0", nil, "00 08 00 04 00 01 00 00", true), ("subnet unset", "00 08 00 04 00 01 00 00", "", true),
        ] as [(String, String?, String, Bool)])
    func actions(rule: String, sent: String?, asked: String, matches: Bool) throws {
        let (question, answer) = try apply("rewrite edns0 \(rule)", sent: sent)
        #expect(question.options?.octets == hexOctets(asked))
        #expect((answer != nil) == matches)
    }

    @Test("an IPv6 client's subnet has no octet more than its bits need")
    func subnet() throws {
        var client = rewriteClient
        client.address = .v6(high: 0x2001_0db8_ffff_ffff, low: 1)
        let (question, _) = try apply("rewrite edns0 subnet set 24 49", sent: nil, client: client)
        #expect(question.options?.octets == hexOctets("00 08 00 0b 00 02 31 00 20 01 0d b8 ff ff 80"))
    }

    @Test(
        "variables",
        arguments: [
            ("{qname}", "57 65 62 2e 65 78 61 6d 70 6c 65 2e"), ("{qtype}", "00 1c"), ("{client_ip}", "c0 00 02 4d"),
            ("{client_port}", "12 67"),
            ("{protocol}", "75 64 70"), ("{server_ip}", "c6 33 64 01"), ("{server_port}", "00 35"),
            ("{kubernetes/client-namespace}", "73 68 6f 70"), ("{kubernetes/endpoint}", nil),
        ] as [(String, String?)])
    func variables(word: String, data: String?) throws {
        let (question, answer) = try apply("rewrite edns0 local set 65001 \(word)", sent: nil)
        #expect(question.options?.data(of: 65_001) == data.map(hexOctets))
        #expect((answer == nil) == (data == nil))
    }

    @Test("revert puts the answer's option back to what was there before the rule")
    func revert() throws {
        let (question, answer) = try apply(
            "rewrite continue edns0 local set 0xffee abcd\nrewrite continue edns0 local replace 0xffee bcde revert\nrewrite edns0 nsid set revert",
            sent: "00 03 00 01 61")
        #expect(question.options?.octets == hexOctets("00 03 00 00 ff ee 00 04 62 63 64 65"))
        var options = try #require(question.options)
        answer?.rewriteOptions(&options)
        #expect(options.octets == hexOctets("00 03 00 01 61 ff ee 00 04 61 62 63 64"))
        let (added, removal) = try apply("rewrite edns0 local set 0xffee abcd revert", sent: nil)
        options = try #require(added.options)
        removal?.rewriteOptions(&options)
        #expect(options.octets == [])
    }

    @Test("only rules that look at options ask for them, and octets that are no option are left out")
    func needs() throws {
        #expect(try !rewriteRules("rewrite name a b").readsOptions)
        #expect(try rewriteRules("rewrite name a b\nrewrite edns0 nsid set").readsOptions)
        #expect(EDNSOptions(hexOctets("00 03 00 00 00 08 00 09 00").span).octets == hexOctets("00 03 00 00"))
    }
}
