import KubernetesObjects
import Synchronization

/// One version of one object, immutable. Holds its JSON text, and its protobuf message once somebody asked for it;
/// the tree is parsed again when needed, which keeps 150,000 pods at a few kilobytes each.
final class StoredObject: Sendable {
    let type: ResourceType
    /// `namespace/name`, or the name alone: the order of keys is the order of lists.
    let key: String
    let namespace: String
    let name: String
    let uid: String
    let resourceVersion: UInt64
    let labels: [(key: String, value: String)]
    /// `spec.nodeName` of a pod.
    let nodeName: String?
    /// UIDs of `metadata.ownerReferences`.
    let owners: [String]
    /// JSON without `kind` and `apiVersion`, as items of lists are.
    let json: [UInt8]

    private let cache = Mutex(Cache())

    private struct Cache {
        var protobuf: [UInt8]?
        var pod: PodFacts?
        var service: ServiceFacts?
    }

    init(type: ResourceType, tree: JSONValue, resourceVersion: UInt64) {
        var bare = tree
        bare["kind"] = nil
        bare["apiVersion"] = nil
        bare.set(.string(String(resourceVersion)), at: "metadata", "resourceVersion")
        let metadata = bare["metadata"]
        self.type = type
        namespace = type.resource.isNamespaced ? metadata?["namespace"]?.string ?? "" : ""
        name = metadata?["name"]?.string ?? ""
        key = Self.key(namespace: namespace, name: name)
        uid = metadata?["uid"]?.string ?? ""
        labels = metadata?["labels"]?.stringMembers ?? []
        owners = (metadata?["ownerReferences"]?.array ?? []).compactMap { $0["uid"]?.string }
        nodeName = type.kind == "Pod" ? bare.at("spec", "nodeName")?.string : nil
        self.resourceVersion = resourceVersion
        json = bare.encoded
    }

    static func key(namespace: String, name: String) -> String { namespace.isEmpty ? name : "\(namespace)/\(name)" }

    func label(_ key: String) -> String? { labels.first { $0.key == key }?.value }

    /// The object without `kind` and `apiVersion`.
    var tree: JSONValue { (try? JSONValue(parsing: json)) ?? .null }

    /// The object with `kind` and `apiVersion`.
    var typedTree: JSONValue {
        var object = tree.object ?? JSONObject()
        object.prepend("apiVersion", .string(type.apiVersion))
        object.prepend("kind", .string(type.kind))
        return .object(object)
    }

    /// JSON with `kind` and `apiVersion`, as single objects and watch events are.
    var typedJSON: [UInt8] {
        Array("{\"kind\":\"\(type.kind)\",\"apiVersion\":\"\(type.apiVersion)\"".utf8)
            + (json.count > 2 ? [UInt8(ascii: ",")] : []) + json.dropFirst()
    }

    /// The bare protobuf message; encoded once.
    /// - Throws: `notAcceptable` when there is no schema for its type or it does not fit it.
    func protobuf() throws(StatusError) -> [UInt8] {
        if let known = cache.withLock({ $0.protobuf }) { return known }
        guard type.hasProtobuf else { throw .notAcceptable }
        do {
            let encoded = try ObjectTranscoder.protobuf(fromJSON: json, resource: type.resource)
            cache.withLock { $0.protobuf = encoded }
            return encoded
        } catch {
            throw StatusError(
                code: 500, reason: "InternalError", message: "\(type.kind) \(key) does not encode: \(error)")
        }
    }

    /// What controllers and kubelets need of a pod; parsed once.
    var podFacts: PodFacts {
        if let known = cache.withLock({ $0.pod }) { return known }
        let facts = PodFacts(tree)
        cache.withLock { $0.pod = facts }
        return facts
    }

    /// What the endpoint slice controller needs of a service; parsed once.
    var serviceFacts: ServiceFacts {
        if let known = cache.withLock({ $0.service }) { return known }
        let facts = ServiceFacts(tree)
        cache.withLock { $0.service = facts }
        return facts
    }
}
