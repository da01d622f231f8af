import KubernetesObjects

/// A failure as the API server tells it: the fields of `meta.v1.Status`.
public struct StatusError: Error, Sendable, CustomStringConvertible {
    public struct Cause: Sendable {
        public var reason: String
        public var message: String
        public var field: String?
    }

    public struct Details: Sendable {
        public var name: String?
        public var group: String?
        public var kind: String?
        public var uid: String?
        public var causes: [Cause] = []
        public var retryAfterSeconds: Int?
    }

    public var code: Int
    public var reason: String
    public var message: String
    public var details: Details?

    public var description: String { "\(code) \(reason): \(message)" }

    var json: JSONValue {
        .present([
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason), "details": details.map(Self.json), "code": .integer(Int64(code)),
        ])
    }

    private static func json(of details: Details) -> JSONValue {
        .present([
            "name": details.name.map(JSONValue.string), "group": details.group.map(JSONValue.string),
            "kind": details.kind.map(JSONValue.string), "uid": details.uid.map(JSONValue.string),
            "causes": details.causes.isEmpty
                ? nil
                : .array(
                    details.causes.map {
                        .present([
                            "reason": .string($0.reason), "message": .string($0.message),
                            "field": $0.field.map(JSONValue.string),
                        ])
                    }),
            "retryAfterSeconds": details.retryAfterSeconds.map { .integer(Int64($0)) },
        ])
    }

    /// The bare `meta.v1.Status` message, with every field that Go's encoder writes even when it is empty.
    var protobuf: [UInt8] {
        var message = ProtobufWriter()
        message.message(1) { metadata in
            metadata.string(1, "")
            metadata.string(2, "")
            metadata.string(3, "")
        }
        message.string(2, "Failure")
        message.string(3, self.message)
        message.string(4, reason)
        if let details {
            message.message(5) { field in
                field.string(1, details.name ?? "")
                field.string(2, details.group ?? "")
                field.string(3, details.kind ?? "")
                for cause in details.causes {
                    field.message(4) {
                        $0.string(1, cause.reason)
                        $0.string(2, cause.message)
                        $0.string(3, cause.field ?? "")
                    }
                }
                field.varint(5, UInt64(details.retryAfterSeconds ?? 0))
                field.string(6, details.uid ?? "")
            }
        }
        message.varint(6, UInt64(code))
        return message.bytes
    }
}

extension StatusError {
    static let unauthorized = StatusError(code: 401, reason: "Unauthorized", message: "Unauthorized")
    static let noSuchResource = StatusError(
        code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: Details())
    static let methodNotAllowed = StatusError(
        code: 405, reason: "MethodNotAllowed",
        message: "the server does not allow this method on the requested resource", details: Details())

    static func notFound(_ type: ResourceType, _ name: String) -> StatusError {
        StatusError(
            code: 404, reason: "NotFound", message: "\(type.qualifiedName) \"\(name)\" not found",
            details: details(type, name))
    }

    static func alreadyExists(_ type: ResourceType, _ name: String) -> StatusError {
        StatusError(
            code: 409, reason: "AlreadyExists", message: "\(type.qualifiedName) \"\(name)\" already exists",
            details: details(type, name))
    }

    static func conflict(
        _ type: ResourceType, _ name: String,
        _ why: String = "the object has been modified; please apply your changes to the latest version and try again"
    ) -> StatusError {
        StatusError(
            code: 409, reason: "Conflict",
            message: "Operation cannot be fulfilled on \(type.qualifiedName) \"\(name)\": \(why)",
            details: details(type, name))
    }

    static func invalid(_ type: ResourceType, _ name: String, field: String, _ message: String) -> StatusError {
        var details = Details(name: name, group: nonEmpty(type.resource.group), kind: type.kind)
        details.causes = [Cause(reason: "FieldValueInvalid", message: message, field: field)]
        let kind = type.resource.group.isEmpty ? type.kind : "\(type.kind).\(type.resource.group)"
        return StatusError(
            code: 422, reason: "Invalid", message: "\(kind) \"\(name)\" is invalid: \(field): \(message)",
            details: details)
    }

    static func badRequest(_ message: String) -> StatusError {
        StatusError(code: 400, reason: "BadRequest", message: message)
    }

    static func forbidden(user: String, verb: String, group: String, resource: String, namespace: String?)
        -> StatusError
    {
        let name = group.isEmpty ? resource : "\(resource).\(group)"
        let scope = namespace.map { "in the namespace \"\($0)\"" } ?? "at the cluster scope"
        return StatusError(
            code: 403, reason: "Forbidden",
            message: "\(name) is forbidden: User \"\(user)\" cannot \(verb) resource \"\(resource)\" "
                + "in API group \"\(group)\" \(scope)",
            details: Details(group: nonEmpty(group), kind: resource))
    }

    static func forbidden(user: String, verb: String, path: String) -> StatusError {
        StatusError(
            code: 403, reason: "Forbidden",
            message: "forbidden: User \"\(user)\" cannot \(verb) path \"\(path)\"", details: Details())
    }

    /// A watch or an exact list that asks for history which is gone.
    static func expired(requested: UInt64, oldest: UInt64) -> StatusError {
        StatusError(code: 410, reason: "Expired", message: "too old resource version: \(requested) (\(oldest))")
    }

    static let expiredContinue = StatusError(
        code: 410, reason: "Expired",
        message: "The provided continue parameter is too old to display a consistent list result. "
            + "You must start a new list without the continue parameter.")

    static func tooLarge(requested: UInt64, current: UInt64) -> StatusError {
        let message = "Too large resource version: \(requested), current: \(current)"
        var details = Details(retryAfterSeconds: 1)
        details.causes = [Cause(reason: "ResourceVersionTooLarge", message: "Too large resource version")]
        return StatusError(code: 504, reason: "Timeout", message: "Timeout: \(message)", details: details)
    }

    static let notAcceptable = StatusError(
        code: 406, reason: "NotAcceptable",
        message: "only the following media types are accepted: application/json, application/vnd.kubernetes.protobuf")

    static let unsupportedMediaType = StatusError(
        code: 415, reason: "UnsupportedMediaType",
        message: "the body of the request was in an unknown format - accepted media types include: "
            + "application/json, application/yaml, application/vnd.kubernetes.protobuf")

    private static func details(_ type: ResourceType, _ name: String) -> Details {
        Details(name: name, group: nonEmpty(type.resource.group), kind: type.resource.plural)
    }

    private static func nonEmpty(_ text: String) -> String? { text.isEmpty ? nil : text }
}
