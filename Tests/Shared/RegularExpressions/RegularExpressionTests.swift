import RegularExpressions
import Testing

/// The parts of `text` that a match's groups are, the whole match first.
private func groups(_ pattern: String, _ text: String) throws -> [String?]? {
    let expression = try RegularExpression(pattern)
    guard let captures = expression.firstMatch(in: text) else { return nil }
    let octets = Array(text.utf8)
    return (0...expression.groupCount).map { number in captures[number].map { String(decoding: octets[$0], as: UTF8.self) } }
}

private func isFound(_ pattern: String, in octets: [UInt8], memory: Int = 1 << 20) throws -> Bool {
    try RegularExpression(pattern, memory: memory).matches(octets.span)
}

@Suite("Regular expressions")
struct RegularExpressionTests {
    @Test(
        "a search is not anchored and finds the leftmost match as Perl would",
        arguments: [
            ("b+", "abbbc", ["bbb"]),
            ("a|ab", "xab", ["a"]),
            ("a*?", "aaa", [""]),
            ("(?i)EXAMPLE", "an example", ["example"]),
            (#"\d{2,3}"#, "1 1234", ["123"]),
            ("^b", "ab\nb", nil),
            ("(?m)^b", "ab\nb", ["b"]),
            ("a.b", "a\nb", nil),
            ("(?s)a.b", "a\nb", ["a\nb"]),
            ("b$", "ab\n", nil),
            (#"\bx\b"#, "ax x", ["x"]),
            (#"\Qa.b\E+"#, "aXb a.bb", ["a.bb"]),
            ("[[:upper:]]+", "abCDe", ["CD"]),
            (#"\p{Greek}+\pN"#, "aλόγος1", ["λόγος1"]),
            ("ü.", "Düne", ["ün"]),
            ("", "", [""]),
        ] as [(String, String, [String?]?)])
    func search(pattern: String, text: String, expected: [String?]?) throws {
        #expect(try groups(pattern, text) == expected)
        #expect(try RegularExpression(pattern).matches(text) == (expected != nil))
    }

    @Test("groups are ranges of octets by number; one that took no part has none")
    func captures() throws {
        #expect(try groups(#"(.+)\.(.+)\.k8s\.example\.$"#, "web.prod.k8s.example.") == ["web.prod.k8s.example.", "web", "prod"])
        #expect(try groups("(a)|(b)", "b") == ["b", nil, "b"])
        let expression = try RegularExpression("ü(x)")
        let captures = try #require(expression.firstMatch(in: "üüx"))
        #expect(captures[0] == 2..<5)
        #expect(captures[1] == 4..<5)
        #expect(captures[2] == nil)
        #expect(captures[-1] == nil)
    }

    @Test("more groups than RE2's shim keeps on its stack are all found")
    func manyGroups() throws {
        let text = String(repeating: "ab", count: 20)
        #expect(try groups(String(repeating: "(a)(b)", count: 20), text)?.count == 41)
        #expect(try groups(String(repeating: "(a)(b)", count: 20), text)?.last == "b")
    }

    @Test("groups have names, in Go's two forms")
    func names() throws {
        let expression = try RegularExpression(#"(?P<host>\w+)-(\d+)\.(?<zone>.*)"#)
        #expect(expression.groupCount == 3)
        #expect(expression.groupNames == ["host", nil, "zone"])
        let captures = try #require(expression.firstMatch(in: "web-1.a.b"))
        #expect(captures["host"] == 0..<3)
        #expect(captures["zone"] == 6..<9)
        #expect(captures["port"] == nil)
    }

    @Test(
        "the short form of a named group is only a group where a group can be",
        arguments: [
            (#"\(?<x"#, "a(<x", "(<x"),
            ("[(?<]+", "a(?<b", "(?<"),
            ("[](?<]+", "a](?<b", "](?<"),
            ("[^](?<]+", "](?<ab", "ab"),
            ("[[:alpha:](?<]+", "1a(?<", "a(?<"),
            (#"\Q(?<\E"#, "a(?<b", "(?<"),
        ])
    func notGroups(pattern: String, text: String, expected: String) throws {
        #expect(try groups(pattern, text) == [expected])
    }

    @Test(
        "what is refused is refused with RE2's reason and its place",
        arguments: [
            ("(", "missing ): (", nil),
            ("a)b", "unexpected ): a)b", nil),
            ("x*a**", "bad repetition operator: **", 3),
            ("ab[z-a]", "invalid character class range: z-a", 3),
            ("a[b", "missing ]: [b", 1),
            ("*a", "no argument for repetition operator: *", 0),
            (#"a\"#, #"trailing \"#, nil),
            (#"ab\1"#, #"invalid escape sequence: \1"#, 2),
            (#"\Z"#, #"invalid escape sequence: \Z"#, nil),
            ("a(?=b)", "invalid perl operator: (?=", 1),
            ("a{1001}", "invalid repetition size: {1001}", 1),
            (#"\p{Klingon}x"#, #"invalid character class range: \p{Klingon}"#, 0),
            ("(?P<n>a)(?P<n>b)", "duplicate group name: n", nil),
        ] as [(String, String, Int?)])
    func refusals(pattern: String, reason: String, offset: Int?) {
        let error = #expect(throws: RegularExpressionError.self) { try RegularExpression(pattern) }
        #expect(error?.reason == reason)
        #expect(error?.offset == offset)
    }

    @Test("a pattern that needs more memory than it may have is refused")
    func memory() throws {
        #expect(throws: RegularExpressionError.self) { try RegularExpression("((a{100}){100}){100}") }
        _ = try RegularExpression("(a{10}){10}", memory: 64 << 10)
        #expect(throws: RegularExpressionError.self) { try RegularExpression("(ab{100}c){10}", memory: 8 << 10) }
    }

    @Test("what differs from Go: \\C is an octet, and an octet that is not UTF-8 is no character")
    func differences() throws {
        let broken: [UInt8] = [0x61, 0xFF, 0x62]
        #expect(try isFound(#"a\Cb"#, in: broken))
        #expect(try !isFound("a.b", in: broken))
        #expect(try isFound("b", in: broken))
        #expect(throws: RegularExpressionError.self) { try RegularExpression(#"\p{Letter}"#) }
    }

    @Test(
        "patterns that a backtracking engine never ends on end on a megabyte, with captures too",
        arguments: [
            "(a+)+b", "(a|a)*b", "(a|aa)+$b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y|(a*)*b", "(.*)(.*)(.*)(.*)(.*)b",
        ])
    func linear(pattern: String) throws {
        let expression = try RegularExpression(pattern)
        let text = String(repeating: "a", count: 1 << 20)
        #expect(!expression.matches(text))
        #expect(expression.firstMatch(in: String(repeating: "a", count: 1 << 14)) == nil)
    }

    @Test("an expression whose automaton outgrows its memory still answers")
    func outgrown() throws {
        // Its automaton has 2^20 states.
        var text = (0..<100_000).map { $0 &* 2_654_435_761 >> 7 & 1 == 0 ? UInt8(ascii: "a") : UInt8(ascii: "b") }
        text[text.count - 21] = UInt8(ascii: "a")
        #expect(try isFound("a.{20}$", in: text, memory: 64 << 10))
        text[text.count - 21] = UInt8(ascii: "b")
        #expect(try !isFound("a.{20}$", in: text, memory: 64 << 10))
    }

    @Test("many threads search with one expression at once")
    func threads() async throws {
        let expression = try RegularExpression(#"^(?:n(\d+)\.)+example\.$"#)
        let wrong = await withTaskGroup(of: Int.self, returning: Int.self) { group in
            for task in 0..<8 { group.addTask { Self.wrongAnswers(of: expression, task: task) } }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }

    private static func wrongAnswers(of expression: RegularExpression, task: Int) -> Int {
        var captures = RegularExpression.Captures()
        return (0..<2_000).count { number in
            let text = "n\(task).n\(number).example."
            let isFound = expression.firstMatch(in: text.utf8.span, captures: &captures)
            let end = text.utf8.count - 9
            let expected = (end - "\(number)".utf8.count)..<end
            return !isFound || captures[1] != expected || expression.matches("n\(number).")
        }
    }
}
