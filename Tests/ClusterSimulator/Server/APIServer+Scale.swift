import HTTPTypes
import KubernetesObjects

/// The `/scale` subresource: replicas of a workload, seen as `autoscaling/v1` Scale.
extension APIServer {
    func scale(_ call: Call, _ reference: ObjectReference) throws(StatusError) -> Answer {
        switch call.method {
        case .get: return .json(Self.scale(of: try find(reference)))
        case .put, .patch:
            var jsonCall = call
            jsonCall.contentType = "application/json"
            guard let body = try jsonCall.tree(nil) else { throw .badRequest("the request has no body") }
            let stored = try store.write { database throws(StatusError) in
                guard let existing = database.collections[reference.type.resource]?[reference.key] else {
                    throw .notFound(reference.type, reference.name)
                }
                var wanted = Self.scale(of: existing)
                if call.method == .put {
                    wanted = body
                } else {
                    guard let kind = PatchKind(contentType: call.contentType ?? "") else { throw .unsupportedMediaType }
                    wanted = try kind.apply(body, to: wanted)
                }
                guard let replicas = wanted.at("spec", "replicas")?.integer, replicas >= 0 else {
                    throw .invalid(
                        reference.type, reference.name, field: "spec.replicas",
                        "Invalid value: must be greater than or equal to 0")
                }
                var tree = existing.tree
                if call.method == .put {
                    tree.set(wanted.at("metadata", "resourceVersion"), at: "metadata", "resourceVersion")
                }
                tree.set(.integer(replicas), at: "spec", "replicas")
                return try database.update(reference, tree, isDryRun: call.isDryRun)
            }
            return .json(Self.scale(of: stored))
        default: throw .methodNotAllowed
        }
    }

    private static func scale(of object: StoredObject) -> JSONValue {
        let tree = object.tree
        let labels = tree.at("spec", "selector", "matchLabels") ?? tree.at("spec", "selector")
        let selector = (labels?.stringMembers ?? []).map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": .present([
                "name": .string(object.name), "namespace": .string(object.namespace), "uid": .string(object.uid),
                "resourceVersion": .string(String(object.resourceVersion)),
                "creationTimestamp": tree.at("metadata", "creationTimestamp"),
            ]),
            "spec": ["replicas": tree.at("spec", "replicas") ?? 0],
            "status": [
                "replicas": tree.at("status", "replicas") ?? 0, "selector": .string(selector),
            ],
        ]
    }
}
