/// A refusal, in the form in which API servers give them: `kind: Status`.
struct Refusal: Error, Hashable, Sendable {
    struct Details: Hashable, Sendable {
        var name = ""
        var group = ""
        var kind = ""
        var causes: [Cause] = []
    }

    /// What is wrong with one field.
    struct Cause: Hashable, Sendable {
        var reason: String
        var message: String
        var field: String
    }

    var code: Int
    var reason: String
    var message: String
    var details: Details?

    var json: JSONValue {
        .members([
            "kind": .string("Status"), "apiVersion": .string("v1"), "metadata": .object([]),
            "status": .string("Failure"), "message": message.isEmpty ? nil : .string(message), "reason": .string(reason),
            "details": details.map { details in
                .members([
                    "name": details.name.isEmpty ? nil : .string(details.name),
                    "group": details.group.isEmpty ? nil : .string(details.group),
                    "kind": details.kind.isEmpty ? nil : .string(details.kind),
                    "causes": details.causes.isEmpty
                        ? nil
                        : .array(
                            details.causes.map { cause in
                                .members([
                                    "reason": .string(cause.reason), "message": .string(cause.message), "field": .string(cause.field),
                                ])
                            }),
                ])
            },
            "code": .integer(code),
        ])
    }

    var protobuf: [UInt8] {
        ProtobufWriter.envelope(apiVersion: "v1", kind: "Status") { writer in
            writer.writeListMetadata()
            writer.string(2, "Failure")
            writer.string(3, message)
            writer.string(4, reason)
            if let details {
                writer.message(5) { inner in
                    inner.string(1, details.name)
                    inner.string(2, details.group)
                    inner.string(3, details.kind)
                    for cause in details.causes {
                        inner.message(4) {
                            $0.string(1, cause.reason)
                            $0.string(2, cause.message)
                            $0.string(3, cause.field)
                        }
                    }
                    inner.integer(5, 0)
                    inner.string(6, "")
                }
            }
            writer.integer(6, Int64(code))
        }
    }

    /// As Go quotes a text in a message.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += "\\\(scalar)"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case "\0"..<" ", "\u{7F}":
                let digits = String(scalar.value, radix: 16)
                out += "\\x" + (digits.count == 1 ? "0" : "") + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

extension Refusal.Cause {
    static func forbidden(_ field: String, _ why: String) -> Self {
        .init(reason: "FieldValueForbidden", message: "Forbidden: \(why)", field: field)
    }

    static func unsupported(_ field: String, _ value: String, _ known: [String]) -> Self {
        .init(
            reason: "FieldValueNotSupported",
            message: "Unsupported value: \(Refusal.quoted(value)): supported values: \(known.map(Refusal.quoted).joined(separator: ", "))",
            field: field)
    }
}

extension Refusal {
    static func badRequest(_ message: String) -> Refusal {
        Refusal(code: 400, reason: "BadRequest", message: message)
    }

    static let unauthorized = Refusal(code: 401, reason: "Unauthorized", message: "Unauthorized")

    /// - Parameter kind: as `kubectl` names it: `node`, `pods`, `nodemetrics`; with its group if it has one.
    static func notFound(kind: String, group: String = "", name: String) -> Refusal {
        let qualified = group.isEmpty ? kind : "\(kind).\(group)"
        return Refusal(
            code: 404, reason: "NotFound", message: "\(qualified) \"\(name)\" not found",
            details: Details(name: name, group: group, kind: kind))
    }

    static let unknownPath = Refusal(
        code: 404, reason: "NotFound", message: "the server could not find the requested resource",
        details: Details())

    static let methodNotAllowed = Refusal(
        code: 405, reason: "MethodNotAllowed",
        message: "the server does not allow this method on the requested resource", details: Details())

    static func watchUnsupported(_ resource: String) -> Refusal {
        Refusal(
            code: 405, reason: "MethodNotAllowed",
            message: "watch is not supported on resources of kind \"\(resource).metrics.k8s.io\"",
            details: Details(group: "metrics.k8s.io", kind: resource))
    }

    /// No media type of the client's is one of ours.
    static let unproducible = Refusal(
        code: 406, reason: "NotAcceptable",
        message: "the server was unable to respond with a content type that the client supports", details: Details())

    /// Their parameters ask for what there is not.
    static let notAcceptable = notAcceptable(
        "only the following media types are accepted: "
            + AnswerFormat.Encoding.allCases.map(\.contentType).joined(separator: ", "))

    static func notAcceptable(_ message: String) -> Refusal { Refusal(code: 406, reason: "NotAcceptable", message: message) }

    /// Of a body that nobody wants. (API servers leave the message out too.)
    static let unsupportedMediaType = Refusal(code: 415, reason: "UnsupportedMediaType", message: "", details: Details())

    static func invalid(kind: String, group: String, _ causes: [Cause]) -> Refusal {
        let texts = causes.map { "\($0.field): \($0.message)" }
        let all = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
        return Refusal(
            code: 422, reason: "Invalid", message: "\(kind).\(group) \"\" is invalid: \(all)",
            details: Details(group: group, kind: kind, causes: causes))
    }
}
