import Testing

@testable import Frontend

@Suite("Words of a Corefile")
struct LexerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        /// Rows of words.
        var rows: [[String]]
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "white space separates", text: "a  b\tc", rows: [["a", "b", "c"]]),
        Case(name: "line ends begin rows", text: "a b\nc\n\nd", rows: [["a", "b"], ["c"], ["d"]]),
        Case(name: "carriage returns are skipped", text: "a b\r\nc\r\n", rows: [["a", "b"], ["c"]]),
        Case(name: "a byte order mark is skipped", text: "\u{FEFF}a", rows: [["a"]]),
        Case(name: "a comment ends with its line", text: "a # b c\nd", rows: [["a"], ["d"]]),
        Case(name: "in the middle of a word a comment ends with the word", text: "ab#c d\ne", rows: [["ab", "d"], ["e"]]),
        Case(name: "a comment may follow a quote at once", text: "\"a b\"#c d\ne", rows: [["a b"], ["e"]]),
        Case(name: "quotes keep spaces and comment signs", text: #"a "b # c" d"#, rows: [["a", "b # c", "d"]]),
        Case(
            name: "quotes may span lines and stay one row", text: "a \"b\nc\" d\ne", rows: [["a", "b\nc", "d"], ["e"]]),
        Case(name: "an escaped quote is a quote", text: #""a\"b""#, rows: [["a\"b"]]),
        Case(name: "other backslashes in quotes stand for themselves", text: #""a\nb\\""#, rows: [[#"a\nb\\"#]]),
        Case(name: "an empty quoted word is a word", text: #"a """#, rows: [["a", ""]]),
        Case(name: "a quote inside a word is part of it", text: #"a"b c"#, rows: [["a\"b", "c"]]),
        Case(name: "a backslash at a line's end joins nothing", text: "a b \\\n c", rows: [["a", "b", "\\"], ["c"]]),
        Case(name: "a backslash at a word's end is part of it", text: "a b\\\r\nc", rows: [["a", "b\\"], ["c"]]),
        Case(name: "a backslash elsewhere is part of a word", text: #"a\.b"#, rows: [[#"a\.b"#]]),
        Case(name: "braces are words where they stand alone", text: "a {\n}\n", rows: [["a", "{"], ["}"]]),
        Case(name: "a brace at a word's end is part of it", text: "a{ b\n}", rows: [["a{", "b"], ["}"]]),
        Case(name: "quotes that touch are two words", text: #""a""b"c"#, rows: [["a", "b", "c"]]),
        Case(name: "spaces of other scripts separate too", text: "a\u{a0}b\u{2003}c", rows: [["a", "b", "c"]]),
        Case(name: "nothing is nothing", text: " \n # only a comment\n", rows: []),
    ]

    @Test("words and rows are as the Caddyfile has them", arguments: cases)
    func rows(example: Case) throws {
        var rows: [[String]] = []
        for token in try Lexer.tokens(of: Array(example.text.utf8), file: "Corefile") {
            if token.startsRow { rows.append([]) }
            rows[rows.count - 1].append(token.text)
        }
        #expect(rows == example.rows)
    }

    @Test("lines are counted through quotes")
    func lines() throws {
        let tokens = try Lexer.tokens(of: Array("a\n\"b\nc\" d\ne".utf8), file: "Corefile")
        #expect(tokens.map(\.line) == [1, 2, 3, 4])
    }

    @Test("an open quote is an error where it opens")
    func openQuote() {
        #expect(
            throws: CorefileError(
                file: "Corefile", line: 2,
                message: "expected a closing '\"' for the quote that opens here, found the end of the file")
        ) {
            try Lexer.tokens(of: Array("a\nb \"c\nd".utf8), file: "Corefile")
        }
    }

    @Test("bytes that are no UTF-8 are an error on their line")
    func notText() {
        #expect(throws: CorefileError(file: "Corefile", line: 3, message: "expected UTF-8 text, found other bytes")) {
            try Lexer.tokens(of: Array("a\nb\n".utf8) + [0xff, 0xfe], file: "Corefile")
        }
    }

    @Test("a comment may hold any bytes")
    func commentBytes() throws {
        let tokens = try Lexer.tokens(of: Array("a # caf".utf8) + [0xe9] + Array("\nb".utf8), file: "Corefile")
        #expect(tokens.map(\.text) == ["a", "b"])
    }
}
