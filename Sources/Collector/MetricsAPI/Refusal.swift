/// A refusal, in the form in which API servers give them: `kind: Status`.
struct Refusal: Error, Hashable, Sendable {
    struct Details: Hashable, Sendable {
        var name = ""
        var group = ""
        var kind = ""
    }

    var code: Int
    var reason: String
    var message: String
    var details: Details?

    var json: JSONValue {
        .members([
            "kind": .string("Status"), "apiVersion": .string("v1"), "metadata": .object([]),
            "status": .string("Failure"), "message": .string(message), "reason": .string(reason),
            "details": details.map { details in
                .members([
                    "name": details.name.isEmpty ? nil : .string(details.name),
                    "group": details.group.isEmpty ? nil : .string(details.group),
                    "kind": details.kind.isEmpty ? nil : .string(details.kind),
                ])
            },
            "code": .integer(code),
        ])
    }

    var protobuf: [UInt8] {
        ProtobufWriter.envelope(apiVersion: "v1", kind: "Status") { writer in
            writer.message(1) { meta in
                for field in UInt64(1)...3 { meta.string(field, "") }
            }
            writer.string(2, "Failure")
            writer.string(3, message)
            writer.string(4, reason)
            if let details {
                writer.message(5) { inner in
                    inner.string(1, details.name)
                    inner.string(2, details.group)
                    inner.string(3, details.kind)
                    inner.integer(5, 0)
                    inner.string(6, "")
                }
            }
            writer.integer(6, Int64(code))
        }
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

    static let notAcceptable = Refusal(
        code: 406, reason: "NotAcceptable",
        message: "only the following media types are accepted: application/json, application/yaml, "
            + "application/vnd.kubernetes.protobuf")
}
