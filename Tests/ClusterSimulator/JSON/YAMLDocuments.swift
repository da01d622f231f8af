import Yams

/// A manifest that cannot be read, with the file where it came from.
public struct ManifestError: Error, CustomStringConvertible {
    public var place: String
    public var reason: String

    public init(place: String, reason: String) {
        self.place = place
        self.reason = reason
    }

    public var description: String { "\(place): \(reason)" }
}

extension JSONValue {
    /// The documents of a YAML stream (JSON is YAML too). Empty documents are left out.
    static func documents(yaml: String, place: String) throws(ManifestError) -> [JSONValue] {
        do {
            var nodes = try compose_all(yaml: yaml)
            var documents: [JSONValue] = []
            // Not by `for` or `map`: they would iterate a copy, and the error below would be the copy's.
            while let node = nodes.next() {
                let document = JSONValue(node: node)
                if !document.isNull { documents.append(document) }
            }
            // The sequence ends early on a syntax error, and keeps it.
            if let error = nodes.error { throw error }
            return documents
        } catch {
            throw ManifestError(place: place, reason: "\(error)")
        }
    }

    /// Plain scalars become what YAML's core schema says; quoted ones stay strings.
    private init(node: Node) {
        switch node {
        case .mapping(let mapping):
            self = .object(
                JSONObject(
                    members: mapping.map { (key: $0.key.scalar?.string ?? "", value: JSONValue(node: $0.value)) }))
        case .sequence(let sequence):
            self = .array(sequence.map(JSONValue.init(node:)))
        case .scalar(let scalar):
            self = Self.value(of: scalar, node)
        case .alias:
            self = .null  // compose resolves aliases
        }
    }

    private static func value(of scalar: Node.Scalar, _ node: Node) -> JSONValue {
        if scalar.style != .plain && scalar.style != .any { return .string(scalar.string) }
        switch node.tag.rawValue {
        case Tag.Name.null.rawValue: return .null
        case Tag.Name.bool.rawValue: return node.bool.map(JSONValue.bool) ?? .string(scalar.string)
        case Tag.Name.int.rawValue: return node.int.map { .integer(Int64($0)) } ?? .string(scalar.string)
        case Tag.Name.float.rawValue: return node.float.map(JSONValue.double) ?? .string(scalar.string)
        default: return .string(scalar.string)
        }
    }
}
