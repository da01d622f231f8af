/// One word of a Corefile.
struct Token: Hashable, Sendable {
    var text: String
    var file: String
    /// The line on which the word begins, counted from 1.
    var line: Int
    /// Whether the word is the first of its row. A row ends at a line end that is not inside quotes.
    var startsRow: Bool
    /// A quoted word is never a brace, a comma or a keyword.
    var isQuoted: Bool

    var opensBlock: Bool { !isQuoted && text == "{" }
    var closesBlock: Bool { !isQuoted && text == "}" }
    var isImport: Bool { !isQuoted && startsRow && text == "import" }
}

/// Splits a Corefile into words.
///
/// The rules are the Caddyfile's, as CoreDNS uses it: white space separates; a word that begins with `"` goes to the closing quote and may
/// span lines; inside quotes only `\"` is an escape, any other backslash stands for itself; `#` between words comments out the rest of the
/// line, inside a word only the rest of that word; a backslash at a line's end joins nothing; a byte order mark and carriage returns are
/// skipped.
struct Lexer {
    private let file: String
    private var scalars: ArraySlice<Unicode.Scalar>
    private var line = 1
    private var atRowStart = true

    /// - Throws: when a word holds bytes that are no UTF-8 (comments may), or a quote is left open.
    static func tokens(of bytes: [UInt8], file: String) throws(CorefileError) -> [Token] {
        var lexer = Lexer(file: file, scalars: Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)[...])
        if lexer.scalars.first == "\u{FEFF}" { lexer.scalars.removeFirst() }
        var tokens: [Token] = []
        while let token = try lexer.next() {
            guard !token.text.unicodeScalars.contains("\u{FFFD}") else {
                throw token.error("expected UTF-8 text, found other bytes")
            }
            tokens.append(token)
        }
        return tokens
    }

    private init(file: String, scalars: ArraySlice<Unicode.Scalar>) {
        self.file = file
        self.scalars = scalars
    }

    private mutating func next() throws(CorefileError) -> Token? {
        while let scalar = scalars.first {
            if scalar == "#" {
                skipComment()
            } else if scalar == "\n" {
                scalars.removeFirst()
                line += 1
                atRowStart = true
            } else if scalar.properties.isWhitespace {
                scalars.removeFirst()
            } else if scalar == "\"" {
                return try quotedWord()
            } else {
                return plainWord()
            }
        }
        return nil
    }

    private mutating func skipComment() {
        while let scalar = scalars.first, scalar != "\n" { scalars.removeFirst() }
    }

    private mutating func quotedWord() throws(CorefileError) -> Token {
        var token = start(isQuoted: true)
        scalars.removeFirst()
        var text = String.UnicodeScalarView()
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\"":
                token.text = String(text)
                return token
            case "\\":
                guard let escaped = scalars.popFirst() else { break }
                if escaped != "\"" { text.append(scalar) }
                if escaped == "\n" { line += 1 }
                text.append(escaped)
            case "\n":
                line += 1
                text.append(scalar)
            default:
                text.append(scalar)
            }
        }
        throw token.error("expected a closing '\"' for the quote that opens here, found the end of the file")
    }

    private mutating func plainWord() -> Token {
        var token = start(isQuoted: false)
        var text = String.UnicodeScalarView()
        var isComment = false
        while let scalar = scalars.first {
            if scalar.properties.isWhitespace, scalar != "\r" { break }
            scalars.removeFirst()
            if scalar == "#" { isComment = true }
            if scalar != "\r", !isComment { text.append(scalar) }
        }
        token.text = String(text)
        return token
    }

    private mutating func start(isQuoted: Bool) -> Token {
        defer { atRowStart = false }
        return Token(text: "", file: file, line: line, startsRow: atRowStart, isQuoted: isQuoted)
    }
}
