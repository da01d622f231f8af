import Names
import KubernetesObjects

/// A field selector: `metadata.name=a,status.phase!=Running`.
struct FieldSelector: Sendable {
    struct Requirement: Sendable {
        var path: [String]
        var value: String
        var isNegated: Bool
    }

    var requirements: [Requirement] = []

    static let everything = FieldSelector()

    /// Both sides of the first occurrence of a symbol, without spaces around them.
    private static func cut(_ text: String, at symbol: String) -> (String, String)? {
        guard let range = text.firstRange(of: symbol) else { return nil }
        return (trimmed(text[..<range.lowerBound]), trimmed(text[range.upperBound...]))
    }

    private static func trimmed(_ text: Substring) -> String {
        var rest = text
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }

    private init() {}

    init(_ text: String, type: ResourceType) throws(StatusError) {
        for part in text.split(separator: ",").map(String.init) {
            var found: (field: String, value: String, isNegated: Bool)?
            for (symbol, negated) in [("!=", true), ("==", false), ("=", false)] where found == nil {
                if let (field, value) = Self.cut(part, at: symbol) { found = (field, value, negated) }
            }
            guard let found else {
                throw .badRequest("invalid selector: '\(part)'; can't understand '\(part)'")
            }
            guard
                ["metadata.name", "metadata.namespace"].contains(found.field)
                    || type.selectableFields.contains(found.field)
            else {
                throw .badRequest(
                    "Unable to find \"\(type.resource.group.isEmpty ? "" : type.resource.group + "/")"
                        + "\(type.resource.version), Resource=\(type.resource.plural)\" that match label selector \"\", "
                        + "field selector \"\(text)\": field label not supported: \(found.field)")
            }
            requirements.append(
                Requirement(
                    path: found.field.split(separator: ".").map(String.init), value: found.value,
                    isNegated: found.isNegated))
        }
    }

    func matches(_ object: StoredObject) -> Bool {
        var tree: JSONValue?
        for requirement in requirements {
            let value: String
            switch requirement.path {
            case ["metadata", "name"]: value = object.name
            case ["metadata", "namespace"]: value = object.namespace
            case ["spec", "nodeName"] where object.type.kind == "Pod": value = object.nodeName ?? ""
            default:
                let known = tree ?? object.tree
                tree = known
                value = Self.text(known.at(requirement.path[...]), at: requirement.path)
            }
            if (value == requirement.value) == requirement.isNegated { return false }
        }
        return true
    }

    /// An absent boolean is false and an absent number 0, as in the fields of Go's structs.
    private static func text(_ value: JSONValue?, at path: [String]) -> String {
        switch value {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        case nil, .null, .double, .array, .object:
            switch path.last {
            case "unschedulable", "hostNetwork": "false"
            case "replicas", "successful": "0"
            case .some, nil: ""
            }
        }
    }
}

/// What of a list a request asks for.
struct Selection: Sendable {
    var namespace: String?
    var labels: LabelQuery
    var fields: FieldSelector

    var isEverything: Bool { labels.requirements.isEmpty && fields.requirements.isEmpty }

    func matches(_ object: StoredObject) -> Bool {
        (namespace == nil || object.namespace == namespace) && labels.matches(object) && fields.matches(object)
    }
}
