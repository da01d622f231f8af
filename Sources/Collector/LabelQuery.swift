/// A label selector in the text form of `kubectl -l` and `labelSelector=`.
struct LabelQuery: Sendable, Equatable {
    enum Requirement: Sendable, Equatable {
        case exists(String)
        case doesNotExist(String)
        case isIn(String, Set<String>)
        /// Also true of objects without the label.
        case notIn(String, Set<String>)
        /// Strictly; both sides are whole numbers.
        case greaterThan(String, Int64)
        case lessThan(String, Int64)
    }

    /// All of them must hold; none selects everything.
    var requirements: [Requirement] = []

    func matches(_ labels: [String: String]) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .exists(let key): labels[key] != nil
            case .doesNotExist(let key): labels[key] == nil
            case .isIn(let key, let values): labels[key].map(values.contains) ?? false
            case .notIn(let key, let values): labels[key].map { !values.contains($0) } ?? true
            case .greaterThan(let key, let bound): labels[key].flatMap { Int64($0) }.map { $0 > bound } ?? false
            case .lessThan(let key, let bound): labels[key].flatMap { Int64($0) }.map { $0 < bound } ?? false
            }
        }
    }

    struct SyntaxError: Error, Equatable {
        var message: String
    }

    init() {}

    init(_ text: String) throws(SyntaxError) {
        var parser = Parser(text)
        requirements = try parser.requirements()
    }
}

/// Reads the grammar of apimachinery's `labels.Parse`; errors are worded as clients know them.
private struct Parser {
    enum Token: Equatable {
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

    private mutating func advance() {
        rest = rest.drop { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\n" }
        let symbols: [(String, Token)] = [
            ("==", .doubleEqual), ("!=", .notEqual), ("=", .equal), ("!", .not), ("(", .open), (")", .close),
            (",", .comma), (">", .greater), ("<", .less),
        ]
        for (text, token) in symbols where rest.hasPrefix(text) {
            rest = rest.dropFirst(text.count)
            current = token
            return
        }
        let word = rest.prefix { !"=!(),><".contains($0) && !$0.isWhitespace }
        rest = rest.dropFirst(word.count)
        current = word.isEmpty ? .end : .word(String(word))
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
                default:
                    throw .init(message: "found '\(current.text)', expected: identifier after ','")
                }
            default: throw .init(message: "found '\(current.text)', expected: ',' or 'end of string'")
            }
        }
    }

    private mutating func requirement() throws(LabelQuery.SyntaxError) -> LabelQuery.Requirement {
        let negated = current == .not
        if negated { advance() }
        guard case .word(let key) = current else { throw failure(expected: "identifier") }
        try Self.checkKey(key)
        advance()
        if negated { return .doesNotExist(key) }
        switch current {
        case .end, .comma: return .exists(key)
        case .equal, .doubleEqual:
            advance()
            return .isIn(key, [try exactValue()])
        case .notEqual:
            advance()
            return .notIn(key, [try exactValue()])
        case .greater:
            advance()
            return .greaterThan(key, try number())
        case .less:
            advance()
            return .lessThan(key, try number())
        case .word("in"):
            advance()
            return .isIn(key, try values())
        case .word("notin"):
            advance()
            return .notIn(key, try values())
        case .not, .open, .close, .word:
            throw failure(expected: "in, notin, =, ==, !=, gt, lt")
        }
    }

    private mutating func exactValue() throws(LabelQuery.SyntaxError) -> String {
        switch current {
        case .end, .comma: return ""
        case .word(let value):
            try Self.checkValue(value)
            advance()
            return value
        default: throw failure(expected: "identifier")
        }
    }

    private mutating func number() throws(LabelQuery.SyntaxError) -> Int64 {
        guard case .word(let text) = current, let value = Int64(text) else { throw failure(expected: "an integer") }
        advance()
        return value
    }

    private mutating func values() throws(LabelQuery.SyntaxError) -> Set<String> {
        guard current == .open else { throw failure(expected: "'('") }
        advance()
        var values: Set<String> = []
        while true {
            switch current {
            case .word(let value):
                try Self.checkValue(value)
                values.insert(value)
                advance()
            case .comma, .close: values.insert("")
            default: throw failure(expected: "',', ')' or identifier")
            }
            switch current {
            case .comma: advance()
            case .close:
                advance()
                return values
            default: throw failure(expected: "',' or ')'")
            }
        }
    }

    private static func checkKey(_ key: String) throws(LabelQuery.SyntaxError) {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        let isValid =
            switch parts.count {
            case 1: isName(parts[0])
            case 2: isName(parts[1]) && !parts[0].isEmpty && parts[0].utf8.count <= 253
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
        return isEdge(first) && isEdge(last)
            && text.allSatisfy { isEdge($0) || $0 == "-" || $0 == "_" || $0 == "." }
    }
}
