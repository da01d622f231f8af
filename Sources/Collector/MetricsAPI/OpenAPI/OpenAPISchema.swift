/// What a field or a parameter can hold, in the words of JSON Schema.
indirect enum OpenAPIShape: Sendable {
    case text
    /// A text with a format that readers may know, such as `date-time`.
    case formatted(String)
    case flag
    case integer(Int)
    case list(OpenAPIShape)
    /// From texts.
    case map(OpenAPIShape)
    case reference(String)
}

/// One type of the API.
struct OpenAPISchema: Sendable {
    struct Field: Sendable {
        var name: String
        var shape: OpenAPIShape
        var description: String
        var isRequired = false
    }

    /// As kube-openapi names Go's types, so that what an API server puts together has each once.
    var name: String
    var description: String
    /// nil for a type that is an object.
    var scalar: OpenAPIShape?
    var fields: [Field] = []
    /// Its kind in `metrics.k8s.io/v1beta1`, or in `v1` for those of every group.
    var kinds: [GroupVersionKind] = []

    struct GroupVersionKind: Sendable {
        var group: String
        var version: String
        var kind: String
    }
}

/// OpenAPI 2.0 and 3.0 say the same in slightly other words.
enum OpenAPIVersion: Sendable {
    case v2, v3

    private var place: String {
        switch self {
        case .v2: "#/definitions/"
        case .v3: "#/components/schemas/"
        }
    }

    func reference(to name: String) -> JSONValue { .members(["$ref": .string(place + name)]) }

    func shape(_ shape: OpenAPIShape) -> JSONValue {
        switch shape {
        case .text: .members(["type": .string("string")])
        case .formatted(let format): .members(["format": .string(format), "type": .string("string")])
        case .flag: .members(["type": .string("boolean")])
        case .integer(let bits): .members(["format": .string("int\(bits)"), "type": .string("integer")])
        case .list(let element): .members(["items": self.shape(element), "type": .string("array")])
        case .map(let value): .members(["additionalProperties": self.shape(value), "type": .string("object")])
        case .reference(let name): reference(to: name)
        }
    }

    /// A description beside a reference counts nowhere in OpenAPI 3.0, so references stand in a list of one there.
    private func field(_ field: OpenAPISchema.Field) -> JSONValue {
        let description = JSONValue.string(field.description)
        if case .reference(let name) = field.shape, self == .v3 {
            return .members(["allOf": .array([reference(to: name)]), "description": description])
        }
        return shape(field.shape).adding("description", description)
    }

    static func kinds(_ kinds: [OpenAPISchema.GroupVersionKind]) -> JSONValue {
        .array(
            kinds.map { .members(["group": .string($0.group), "kind": .string($0.kind), "version": .string($0.version)]) })
    }

    /// Of `metrics.k8s.io/v1beta1`.
    static func kind(_ kind: String) -> JSONValue {
        .members(["group": .string("metrics.k8s.io"), "kind": .string(kind), "version": .string("v1beta1")])
    }

    func schema(_ schema: OpenAPISchema) -> JSONValue {
        let description = JSONValue.string(schema.description)
        if let scalar = schema.scalar { return shape(scalar).adding("description", description) }
        let required = schema.fields.filter(\.isRequired).map { JSONValue.string($0.name) }
        let properties = schema.fields.sorted { $0.name < $1.name }.map { JSONValue.Member(key: $0.name, value: field($0)) }
        return .members([
            "description": description,
            "properties": properties.isEmpty ? nil : .object(properties),
            "required": required.isEmpty ? nil : .array(required),
            "type": .string("object"),
            "x-kubernetes-group-version-kind": schema.kinds.isEmpty ? nil : Self.kinds(schema.kinds),
        ])
    }
}

extension JSONValue {
    /// The object with one more member, its members sorted.
    func adding(_ key: String, _ value: JSONValue) -> JSONValue {
        guard case .object(let members) = self else { return self }
        return .object((members + [Member(key: key, value: value)]).sorted { $0.key < $1.key })
    }
}
