/// A value of a template: Go's, as far as templates see their differences.
indirect enum TextTemplateValue: Sendable, Equatable {
    /// What a map has for a key that it does not have; prints as `<no value>`.
    case missing
    /// Go's nil.
    case null
    case boolean(Bool)
    case integer(Int64)
    case unsigned(UInt64)
    case float(Double)
    case string(String)
    case list([TextTemplateValue])
    case map([String: TextTemplateValue])
    /// Unlike a map it has no other members.
    case structure([String: TextTemplateValue])

    /// Whether `if` and `with` take it for true: not the zero of its kind.
    var isTrue: Bool {
        switch self {
        case .missing, .null: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .unsigned(let value): value != 0
        case .float(let value): value != 0
        case .string(let text): !text.utf8.isEmpty
        case .list(let values): !values.isEmpty
        case .map(let entries): !entries.isEmpty
        case .structure: true
        }
    }

    /// Go's name of its type, for messages.
    var typeName: String {
        switch self {
        case .missing, .null: "<nil>"
        case .boolean: "bool"
        case .integer: "int"
        case .unsigned: "uint64"
        case .float: "float64"
        case .string: "string"
        case .list: "[]string"
        case .map: "map[string]string"
        case .structure: "struct"
        }
    }

    /// As `{{ }}` and `%v` print it; nil for structures, whose text nobody needs in a record.
    var printed: String? {
        switch self {
        case .missing: return "<no value>"
        case .null: return "<nil>"
        case .boolean(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .unsigned(let value): return String(value)
        case .float(let value): return Self.printed(value)
        case .string(let text): return text
        case .list(let values):
            let texts = values.compactMap(\.printed)
            return texts.count == values.count ? "[" + texts.joined(separator: " ") + "]" : nil
        case .map(let entries):
            var texts: [String] = []
            for (key, value) in Self.sorted(entries) {
                guard let text = value.printed else { return nil }
                texts.append("\(key):\(text)")
            }
            return "map[" + texts.joined(separator: " ") + "]"
        case .structure: return nil
        }
    }

    private static func printed(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        if value.magnitude < 1e15, let whole = Int64(exactly: value) { return String(whole) }
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// The entries in the order in which Go goes through them: by the octets of the keys.
    static func sorted(_ entries: [String: TextTemplateValue]) -> [(key: String, value: TextTemplateValue)] {
        entries.map { (key: $0.key, value: $0.value) }.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}
