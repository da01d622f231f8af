/// One word of a Corefile.
struct Token: Hashable, Sendable {
    var text: String
    var file: String
    /// The line on which the word begins, counted from 1.
    var line: Int
    /// Whether the word is the first of its row. A row ends at a line end that is neither inside quotes nor after a
    /// backslash.
    var startsRow: Bool
    /// A quoted word is never a brace, a comma or a keyword.
    var isQuoted: Bool

    var opensBlock: Bool { !isQuoted && text == "{" }
    var closesBlock: Bool { !isQuoted && text == "}" }
    var isImport: Bool { !isQuoted && startsRow && text == "import" }
}

/// Splits a Corefile into words.
///
/// The rules are the Caddyfile's, as CoreDNS uses it: white space separates; a word that begins with `"` goes to the
/// closing quote and may
/// span lines; inside quotes only `\"` is an escape, any other backslash stands for itself; `#` outside quotes comments
/// out the rest of the
/// line, also in the middle of a word; a byte order mark and carriage returns are skipped. A backslash right before the
/// line end joins
/// two lines into one row.
struct Lexer {
    private let file: String
    private var scalars: ArraySlice<Unicode.Scalar>
    private var line = 1
    private var atRowStart = true

    /// - Throws: when `bytes` is not UTF-8 or a quote is left open.
    static func tokens(of bytes: [UInt8], file: String) throws(CorefileError) -> [Token] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let valid = bytes.prefix(firstInvalidOffset(bytes))
            let line = 1 + valid.count(where: { $0 == UInt8(ascii: "\n") })
            throw CorefileError(file: file, line: line, message: "expected UTF-8 text, found other bytes")
        }
        var lexer = Lexer(file: file, scalars: Array(text.unicodeScalars)[...])
        if lexer.scalars.first == "\u{FEFF}" { lexer.scalars.removeFirst() }
        var tokens: [Token] = []
        while let token = try lexer.next() { tokens.append(token) }
        return tokens
    }

    private init(file: String, scalars: ArraySlice<Unicode.Scalar>) {
        self.file = file
        self.scalars = scalars
    }

    private static func firstInvalidOffset(_ bytes: [UInt8]) -> Int {
        // A fault is rare and files are small: the longest prefix that decodes, found by halving.
        var low = 0
        var high = bytes.count
        while low < high {
            let middle = (low + high + 1) / 2
            // A prefix may end inside a character, so up to 3 bytes less count as valid too.
            let decodes = (0...3).contains {
                middle >= $0 && String(validating: bytes.prefix(middle - $0), as: UTF8.self) != nil
            }
            if decodes { low = middle } else { high = middle - 1 }
        }
        return low
    }

    private mutating func next() throws(CorefileError) -> Token? {
        while let scalar = scalars.first {
            if scalar == "#" {
                skipComment()
            } else if scalar == "\\", skipContinuation() {
                continue
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

    /// A backslash before a line end is taken out together with the line end.
    private mutating func skipContinuation() -> Bool {
        var rest = scalars.dropFirst()
        if rest.first == "\r" { rest.removeFirst() }
        guard rest.first == "\n" else { return false }
        scalars = rest.dropFirst()
        line += 1
        return true
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
        while let scalar = scalars.first {
            if scalar == "\r" {
                scalars.removeFirst()
                continue
            }
            if scalar.properties.isWhitespace || scalar == "#" { break }
            if scalar == "\\", skipContinuation() { break }
            text.append(scalar)
            scalars.removeFirst()
        }
        token.text = String(text)
        return token
    }

    private mutating func start(isQuoted: Bool) -> Token {
        defer { atRowStart = false }
        return Token(text: "", file: file, line: line, startsRow: atRowStart, isQuoted: isQuoted)
    }
}
