/// A label selector in the text form of requests: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`, `a<1`.
struct LabelSelector: Sendable {
    enum Requirement: Sendable {
        case among(String, [String])
        case notAmong(String, [String])
        case exists(String)
        case missing(String)
        case greater(String, Int)
        case less(String, Int)
    }

    var requirements: [Requirement]

    static let everything = LabelSelector(requirements: [])

    init(requirements: [Requirement]) { self.requirements = requirements }

    init(matching labels: some Sequence<(key: String, value: String)>) {
        requirements = labels.map { .among($0.key, [$0.value]) }
    }

    init(_ text: String) throws(StatusError) {
        requirements = []
        for part in Self.split(text) { requirements.append(try Self.requirement(part)) }
    }

    /// A selector object as workloads hold it: `matchLabels` and `matchExpressions`.
    init(object: JSONValue?) {
        requirements = (object?["matchLabels"]?.stringMembers ?? []).map { .among($0.key, [$0.value]) }
        for expression in object?["matchExpressions"]?.array ?? [] {
            let key = expression["key"]?.string ?? ""
            let values = (expression["values"]?.array ?? []).compactMap(\.string)
            switch expression["operator"]?.string {
            case "In": requirements.append(.among(key, values))
            case "NotIn": requirements.append(.notAmong(key, values))
            case "DoesNotExist": requirements.append(.missing(key))
            case "Exists", nil, .some: requirements.append(.exists(key))
            }
        }
    }

    func matches(_ object: StoredObject) -> Bool { matches { object.label($0) } }

    func matches(_ label: (String) -> String?) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .among(let key, let values): label(key).map(values.contains) ?? false
            case .notAmong(let key, let values): label(key).map { !values.contains($0) } ?? true
            case .exists(let key): label(key) != nil
            case .missing(let key): label(key) == nil
            case .greater(let key, let bound): label(key).flatMap { Int($0) }.map { $0 > bound } ?? false
            case .less(let key, let bound): label(key).flatMap { Int($0) }.map { $0 < bound } ?? false
            }
        }
    }

    /// At commas outside parentheses.
    private static func split(_ text: String) -> [String] {
        var parts: [String] = [""]
        var depth = 0
        for character in text {
            if character == "(" { depth += 1 }
            if character == ")" { depth -= 1 }
            if character == "," && depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts.map(trimmed).filter { !$0.isEmpty }
    }

    private static func requirement(_ part: String) throws(StatusError) -> Requirement {
        for (symbol, negated) in [("!=", true), ("==", false), ("=", false)] {
            if let (key, value) = cut(part, at: symbol) {
                let key = try checked(key, in: part)
                return negated ? .notAmong(key, [value]) : .among(key, [value])
            }
        }
        if let (key, value) = cut(part, at: ">"), let bound = Int(value) {
            return .greater(try checked(key, in: part), bound)
        }
        if let (key, value) = cut(part, at: "<"), let bound = Int(value) {
            return .less(try checked(key, in: part), bound)
        }
        if part.hasPrefix("!") { return .missing(try checked(trimmed(String(part.dropFirst())), in: part)) }
        if let open = part.firstIndex(of: "("), part.hasSuffix(")") {
            let words = part[..<open].split(separator: " ").map(String.init)
            let values = part[part.index(after: open)...].dropLast()
                .split(separator: ",", omittingEmptySubsequences: false).map { trimmed(String($0)) }
            guard words.count == 2 else { throw fault(part) }
            switch words[1] {
            case "in": return .among(try checked(words[0], in: part), values)
            case "notin": return .notAmong(try checked(words[0], in: part), values)
            default: throw fault(part)
            }
        }
        return .exists(try checked(part, in: part))
    }

    private static func checked(_ key: String, in part: String) throws(StatusError) -> String {
        let allowed = key.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard allowed, !key.isEmpty else { throw fault(part) }
        return key
    }

    private static func fault(_ part: String) -> StatusError {
        .badRequest("unable to parse requirement: found '\(part)', expected: a label selector")
    }

    /// Both sides of the first occurrence of a symbol.
    static func cut(_ text: String, at symbol: String) -> (String, String)? {
        guard let range = text.firstRange(of: symbol) else { return nil }
        return (trimmed(String(text[..<range.lowerBound])), trimmed(String(text[range.upperBound...])))
    }

    private static func trimmed(_ text: String) -> String {
        var rest = text[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
