/// A word of an expression.
struct ExpressionToken: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case name(String)
        case string(String)
        case integer(Int)
        case float(Double)
        case symbol(String)
        case end
    }

    var kind: Kind
    var offset: Int

    /// For messages.
    var shown: String {
        switch kind {
        case .name(let text), .symbol(let text): "'\(text)'"
        case .string(let text): "the text '\(text.prefix(20))'"
        case .integer(let number): "\(number)"
        case .float(let number): "\(number)"
        case .end: "the end"
        }
    }
}

/// Splits an expression into words.
struct ExpressionLexer {
    private let octets: [UInt8]
    private var at = 0

    static func tokens(of text: String) throws(ExpressionFault) -> [ExpressionToken] {
        guard text.utf8.count <= ViewExpression.textLimit else {
            throw ExpressionFault(
                offset: 0, message: "expected at most \(ViewExpression.textLimit) characters, found \(text.utf8.count)")
        }
        var lexer = ExpressionLexer(octets: Array(text.utf8))
        var tokens: [ExpressionToken] = []
        while let token = try lexer.next() { tokens.append(token) }
        tokens.append(ExpressionToken(kind: .end, offset: text.utf8.count))
        return tokens
    }

    private init(octets: [UInt8]) { self.octets = octets }

    private func octet(_ distance: Int = 0) -> UInt8? { at + distance < octets.count ? octets[at + distance] : nil }

    private mutating func next() throws(ExpressionFault) -> ExpressionToken? {
        try skipSpace()
        guard let first = octet() else { return nil }
        let start = at
        switch first {
        case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "`"):
            return ExpressionToken(kind: .string(try string(closedBy: first)), offset: start)
        case 0x30...0x39: return ExpressionToken(kind: try number(), offset: start)
        case UInt8(ascii: ".") where octet(1).map({ (0x30...0x39).contains($0) }) == true && !followsNumberOrClosing:
            return ExpressionToken(kind: try number(), offset: start)
        case _ where TextTemplateScanner.isWord(first):
            while let octet = octet(), TextTemplateScanner.isWord(octet) { at += 1 }
            return ExpressionToken(kind: .name(String(decoding: octets[start..<at], as: UTF8.self)), offset: start)
        default: return ExpressionToken(kind: .symbol(try symbol()), offset: start)
        }
    }

    /// `1..5` holds a range, not the number .5.
    private var followsNumberOrClosing: Bool { at > 0 && octets[at - 1] == UInt8(ascii: ".") }

    private mutating func skipSpace() throws(ExpressionFault) {
        while let first = octet() {
            if first == 0x20 || (0x09...0x0D).contains(first) {
                at += 1
            } else if first == UInt8(ascii: "/"), octet(1) == UInt8(ascii: "/") {
                while let octet = octet(), octet != 0x0A { at += 1 }
            } else if first == UInt8(ascii: "/"), octet(1) == UInt8(ascii: "*") {
                let start = at
                at += 2
                while at < octets.count, octet() != UInt8(ascii: "*") || octet(1) != UInt8(ascii: "/") { at += 1 }
                guard at < octets.count else {
                    throw ExpressionFault(offset: start, message: "expected */ for the comment that opens here")
                }
                at += 2
            } else {
                return
            }
        }
    }

    private static let symbols = [
        "==", "!=", "<=", ">=", "&&", "||", "**", "..", "??", "?.", "+", "-", "*", "/", "%", "^", "<", ">", "!", "?", ":", "(", ")", "[",
        "]",
        "{", "}", ",", ".", "|", "#", ";", "=",
    ]

    private mutating func symbol() throws(ExpressionFault) -> String {
        for symbol in Self.symbols where octets[at...].starts(with: symbol.utf8) {
            at += symbol.utf8.count
            return symbol
        }
        throw ExpressionFault(offset: at, message: "unexpected '\(String(decoding: [octets[at]], as: UTF8.self))'")
    }

    private mutating func string(closedBy quote: UInt8) throws(ExpressionFault) -> String {
        let start = at
        var result: [UInt8] = []
        at += 1
        while let octet = octet(), octet != quote {
            if octet != UInt8(ascii: "\\") || quote == UInt8(ascii: "`") {
                result.append(octet)
                at += 1
                continue
            }
            guard let length = GoText.escape(octets[at...], into: &result) else {
                let found = String(decoding: octets[at...].prefix(2), as: UTF8.self)
                throw ExpressionFault(offset: at, message: "unknown escape '\(found)'; a backslash itself is \\\\")
            }
            at += length
        }
        guard octet() == quote else {
            throw ExpressionFault(
                offset: start, message: "expected a closing \(Character(UnicodeScalar(quote))) for the text that opens here")
        }
        at += 1
        return String(decoding: result, as: UTF8.self)
    }

    private mutating func number() throws(ExpressionFault) -> ExpressionToken.Kind {
        let start = at
        var text = ""
        while let first = octet() {
            let isRange = first == UInt8(ascii: ".") && octet(1) == first
            let afterExponent = text.utf8.last.map { $0 | 0x20 == UInt8(ascii: "e") } == true && !text.lowercased().hasPrefix("0x")
            let isSign = (first == UInt8(ascii: "+") || first == UInt8(ascii: "-")) && afterExponent
            guard !isRange, TextTemplateScanner.isWord(first) || first == UInt8(ascii: ".") || isSign else { break }
            text.unicodeScalars.append(UnicodeScalar(first))
            at += 1
        }
        // Unlike in Go a leading 0 makes no octal number here.
        let head = text.prefix(2).lowercased()
        let isPlain = !["0x", "0o", "0b"].contains(head)
        switch GoText.number(isPlain ? Self.withoutLeadingZeros(text) : text) {
        case .integer(let number)?: return .integer(Int(number))
        case .float(let number)?: return .float(number)
        default: throw ExpressionFault(offset: start, message: "expected a number, found '\(text.prefix(40))'")
        }
    }

    private static func withoutLeadingZeros(_ text: String) -> String {
        var digits = text[...]
        while digits.hasPrefix("0"), let next = digits.utf8.dropFirst().first, (0x30...0x39).contains(next) { digits.removeFirst() }
        return String(digits)
    }
}
