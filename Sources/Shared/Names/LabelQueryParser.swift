/// Reads the grammar of apimachinery's `labels.Parse`; errors are worded as clients know them.
struct LabelQueryParser {
    private enum Token: Equatable {
        case end, open, close, comma, not, equal, doubleEqual, notEqual, greater, less
        case word(String)

        var text: String {
            switch self {
            case .end: ""
            case .open: "("
            case .close: ")"
            case .comma: ","
            case .not: "!"
            case .equal: "="
            case .doubleEqual: "=="
            case .notEqual: "!="
            case .greater: ">"
            case .less: "<"
            case .word(let word): word
            }
        }
    }

    private var rest: Substring
    private var current = Token.end

    init(_ text: String) {
        rest = text[...]
        advance()
    }

    /// Signs, the longer of two that begin alike first.
    private static let signs: [(String, Token)] = [
        ("==", .doubleEqual), ("!=", .notEqual), ("=", .equal), ("!", .not), ("(", .open), (")", .close),
        (",", .comma), (">", .greater), ("<", .less),
    ]

    private mutating func advance() {
        rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\n" || $0 == "\r\n" }
        for (text, token) in Self.signs where rest.hasPrefix(text) {
            rest = rest.dropFirst(text.count)
            current = token
            return
        }
        let word = rest.prefix { !"=!(),><".contains($0) && !$0.isWhitespace }
        rest = rest.dropFirst(word.count)
        // A space that is none of the grammar's is no end: it stands for itself, and no name has one.
        current = word.isEmpty ? (rest.popFirst().map { .word(String($0)) } ?? .end) : .word(String(word))
    }

    private func failure(expected: String) -> LabelQuery.SyntaxError {
        .init(message: "unable to parse requirement: found '\(current.text)', expected: \(expected)")
    }

    mutating func requirements() throws(LabelQuery.SyntaxError) -> [LabelQuery.Requirement] {
        var found: [LabelQuery.Requirement] = []
        if current == .end { return found }
        while true {
            found.append(try requirement())
            switch current {
            case .end: return found
            case .comma:
                advance()
                switch current {
                case .word, .not: continue
                case .end, .open, .close, .comma, .equal, .doubleEqual, .notEqual, .greater, .less:
                    throw .init(message: "found '\(current.text)', expected: identifier after ','")
                }
            case .open, .close, .not, .equal, .doubleEqual, .notEqual, .greater, .less, .word:
                throw .init(message: "found '\(current.text)', expected: ',' or 'end of string'")
            }
        }
    }

    private mutating func requirement() throws(LabelQuery.SyntaxError) -> LabelQuery.Requirement {
        let isNegated = current == .not
        if isNegated { advance() }
        guard case .word(let key) = current else { throw failure(expected: "identifier") }
        try Self.checkKey(key)
        advance()
        return .init(key: key, isNegated ? .absent : try condition())
    }

    private mutating func condition() throws(LabelQuery.SyntaxError) -> LabelQuery.Condition {
        switch current {
        case .end, .comma: return .exists
        case .equal, .doubleEqual:
            advance()
            return .isOne(of: [try exactValue()])
        case .notEqual:
            advance()
            return .isNone(of: [try exactValue()])
        case .greater:
            advance()
            return .isGreater(than: try number())
        case .less:
            advance()
            return .isLess(than: try number())
        case .word("in"):
            advance()
            return .isOne(of: try values())
        case .word("notin"):
            advance()
            return .isNone(of: try values())
        case .not, .open, .close, .word:
            throw failure(expected: "in, notin, =, ==, !=, gt, lt")
        }
    }

    private mutating func exactValue() throws(LabelQuery.SyntaxError) -> [UInt8] {
        switch current {
        case .end, .comma: return []
        case .word(let value):
            try Self.checkValue(value)
            advance()
            return Array(value.utf8)
        case .open, .close, .not, .equal, .doubleEqual, .notEqual, .greater, .less: throw failure(expected: "identifier")
        }
    }

    private mutating func number() throws(LabelQuery.SyntaxError) -> Int64 {
        guard case .word(let text) = current, let value = LabelQuery.Requirement.integer(Array(text.utf8).span) else {
            throw failure(expected: "an integer")
        }
        advance()
        return value
    }

    private mutating func values() throws(LabelQuery.SyntaxError) -> [[UInt8]] {
        guard current == .open else { throw failure(expected: "'('") }
        advance()
        var values: [[UInt8]] = []
        while true {
            var value: [UInt8] = []
            switch current {
            case .word(let text):
                try Self.checkValue(text)
                value = Array(text.utf8)
                advance()
            case .comma, .close: break
            case .end, .open, .not, .equal, .doubleEqual, .notEqual, .greater, .less:
                throw failure(expected: "',', ')' or identifier")
            }
            if !values.contains(value) { values.append(value) }
            switch current {
            case .comma: advance()
            case .close:
                advance()
                return values
            case .end, .open, .not, .equal, .doubleEqual, .notEqual, .greater, .less, .word:
                throw failure(expected: "',' or ')'")
            }
        }
    }

    // MARK: Names

    private static func checkKey(_ key: String) throws(LabelQuery.SyntaxError) {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        let isValid =
            switch parts.count {
            case 1: isName(parts[0])
            case 2: isName(parts[1]) && isDomain(parts[0])
            default: false
            }
        if !isValid { throw .init(message: "unable to parse requirement: key: Invalid value: \"\(key)\"") }
    }

    private static func checkValue(_ value: String) throws(LabelQuery.SyntaxError) {
        if !value.isEmpty, !isName(value[...]) {
            throw .init(message: "unable to parse requirement: values: Invalid value: \"\(value)\"")
        }
    }

    private static func isName(_ text: Substring) -> Bool {
        let isEdge = { (character: Character) in character.isASCII && (character.isLetter || character.isNumber) }
        guard let first = text.first, let last = text.last, text.utf8.count <= 63 else { return false }
        return isEdge(first) && isEdge(last) && text.allSatisfy { isEdge($0) || $0 == "-" || $0 == "_" || $0 == "." }
    }

    /// A DNS subdomain of RFC 1123, in lower case.
    private static func isDomain(_ text: Substring) -> Bool {
        guard text.utf8.count <= 253 else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.first, let last = label.last, first != "-", last != "-" else { return false }
            return label.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
        }
    }
}
