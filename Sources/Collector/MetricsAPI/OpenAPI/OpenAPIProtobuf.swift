/// OpenAPI 2.0 in protobuf: messages and field numbers of gnostic's `openapi.v2`, which clients of Kubernetes read faster than JSON.
extension OpenAPIDocuments {
    static let v2Protobuf: [UInt8] = {
        var writer = ProtobufWriter()
        writer.string(1, "2.0")
        writer.message(2) { info in
            info.string(1, title)
            info.string(2, version)
        }
        writer.message(8) { paths in
            for operation in OpenAPIOperation.all.sorted(by: { $0.path < $1.path }) {
                paths.named(2, operation.path) { item in item.message(2) { $0.write(operation) } }
            }
        }
        writer.message(9) { definitions in
            for schema in OpenAPISchemas.closure(of: OpenAPIOperation.all.map(\.result)) {
                definitions.named(1, schema.name) { $0.write(schema) }
            }
        }
        writer.message(12) { security in security.named(1, bearerTokenName) { _ in } }
        writer.message(13) { definitions in
            definitions.named(1, bearerTokenName) { item in
                item.message(2) { key in
                    for (field, text) in [(1, "apiKey"), (2, "authorization"), (3, "header"), (4, bearerTokenDescription)] {
                        key.string(UInt64(field), text)
                    }
                }
            }
        }
        return writer.bytes
    }()
}

extension ProtobufWriter {
    /// A pair of a name and a message.
    fileprivate mutating func named(_ field: UInt64, _ name: String, _ value: (inout ProtobufWriter) -> Void) {
        message(field) { pair in
            pair.string(1, name)
            pair.message(2, value)
        }
    }

    /// A field that OpenAPI does not know, as YAML.
    fileprivate mutating func `extension`(_ field: UInt64, _ name: String, _ value: JSONValue) {
        named(field, name) { $0.bytes(2, value.yaml()) }
    }

    // MARK: Operations

    fileprivate mutating func write(_ operation: OpenAPIOperation) {
        string(1, operation.tag)
        string(3, operation.description)
        string(5, operation.identifier)
        for type in operation.mediaTypes { string(6, type) }
        string(7, "*/*")
        for parameter in operation.parameters {
            message(8) { item in item.message(1) { $0.message(2) { $0.write(parameter) } } }
        }
        message(9) { responses in
            responses.named(1, "200") { value in
                value.message(1) { response in
                    response.string(1, "OK")
                    response.message(2) { item in item.message(1) { $0.write(.reference(operation.result), description: nil) } }
                }
            }
            responses.named(1, "401") { value in value.message(1) { $0.string(1, "Unauthorized") } }
        }
        string(10, "https")
        if let action = operation.action {
            `extension`(13, "x-kubernetes-action", .string(action.name))
            `extension`(13, "x-kubernetes-group-version-kind", OpenAPIVersion.kind(action.kind))
        }
    }

    private mutating func write(_ parameter: OpenAPIOperation.Parameter) {
        let isInPath = parameter.place == "path"
        message(isInPath ? 4 : 3) { inner in
            if isInPath { inner.integer(1, 1) }
            inner.string(2, parameter.place)
            inner.string(3, parameter.description)
            inner.string(4, parameter.name)
            // Query parameters have a field before these.
            let type: UInt64 = isInPath ? 5 : 6
            switch parameter.shape {
            case .flag: inner.string(type, "boolean")
            case .integer(let bits):
                inner.string(type, "integer")
                inner.string(type + 1, "int\(bits)")
            case .formatted(let format):
                inner.string(type, "string")
                inner.string(type + 1, format)
            // No parameter is anything but one value.
            case .text, .list, .map, .reference: inner.string(type, "string")
            }
            inner.integer(isInPath ? 19 : 20, 1)
        }
    }

    // MARK: Schemas

    fileprivate mutating func write(_ schema: OpenAPISchema) {
        if let scalar = schema.scalar { return write(scalar, description: schema.description) }
        string(4, schema.description)
        for field in schema.fields where field.isRequired { string(19, field.name) }
        message(22) { $0.string(1, "object") }
        if !schema.fields.isEmpty {
            message(25) { properties in
                for field in schema.fields.sorted(by: { $0.name < $1.name }) {
                    properties.named(1, field.name) { $0.write(field.shape, description: field.description) }
                }
            }
        }
        if !schema.kinds.isEmpty { `extension`(31, "x-kubernetes-group-version-kind", OpenAPIVersion.kinds(schema.kinds)) }
    }

    /// A schema of this shape.
    private mutating func write(_ shape: OpenAPIShape, description: String?) {
        if case .reference(let name) = shape { string(1, "#/definitions/\(name)") }
        switch shape {
        case .formatted(let format): string(2, format)
        case .integer(let bits): string(2, "int\(bits)")
        case .text, .flag, .list, .map, .reference: break
        }
        if let description { string(4, description) }
        if case .map(let value) = shape { message(21) { item in item.message(1) { $0.write(value, description: nil) } } }
        let type: String? =
            switch shape {
            case .text, .formatted: "string"
            case .flag: "boolean"
            case .integer: "integer"
            case .list: "array"
            case .map: "object"
            case .reference: nil
            }
        if let type { message(22) { $0.string(1, type) } }
        if case .list(let element) = shape { message(23) { items in items.message(1) { $0.write(element, description: nil) } } }
    }
}
