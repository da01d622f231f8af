import KubernetesObjects

/// How an object is found in a request's path.
struct ObjectReference: Sendable {
    var type: ResourceType
    var namespace: String
    var name: String

    var key: String { StoredObject.key(namespace: type.resource.isNamespaced ? namespace : "", name: name) }
}

/// `meta.v1.DeleteOptions` as far as the simulator minds them.
struct DeleteOptions: Sendable {
    var uid: String?
    var resourceVersion: String?
    var orphansDependents = false

    init() {}

    init(_ body: JSONValue?) {
        uid = body?.at("preconditions", "uid")?.string
        resourceVersion = body?.at("preconditions", "resourceVersion")?.string
        orphansDependents = body?["propagationPolicy"]?.string == "Orphan" || body?["orphanDependents"]?.bool == true
    }
}

/// What clients do to objects, with an API server's checks. A dry run changes nothing but says what would come out.
extension ObjectDatabase {
    mutating func create(
        _ type: ResourceType, namespace: String, _ body: JSONValue, isDryRun: Bool = false
    ) throws(StatusError) -> StoredObject {
        var tree = try checkedBody(body, type, namespace: namespace)
        if tree.at("metadata", "name")?.string ?? "" == "" {
            guard let prefix = tree.at("metadata", "generateName")?.string, !prefix.isEmpty else {
                throw .invalid(
                    type, "", field: "metadata.name", "Required value: name or generateName is required")
            }
            tree.set(.string(prefix + random.nameSuffix()), at: "metadata", "name")
        }
        let name = tree.at("metadata", "name")?.string ?? ""
        try Admission.checkName(name, type)
        if type.resource.isNamespaced, object(.namespaces, name: namespace) == nil {
            throw .notFound(ResourceCatalog.type(.namespaces), namespace)
        }
        let reference = ObjectReference(type: type, namespace: namespace, name: name)
        if collection(type)[reference.key] != nil { throw .alreadyExists(type, name) }
        tree.set(nil, at: "metadata", "resourceVersion")
        tree.set(.string(random.uid()), at: "metadata", "uid")
        tree.set(.string(now), at: "metadata", "creationTimestamp")
        tree.set(nil, at: "metadata", "deletionTimestamp")
        if type.hasGeneration { tree.set(1, at: "metadata", "generation") }
        try Admission.prepare(&tree, type, before: nil, &self)
        if isDryRun { return StoredObject(type: type, tree: tree, resourceVersion: lastVersion) }
        return put(type, tree)
    }

    /// - Parameter subresource: `status` changes only the status, no subresource everything but the status.
    mutating func update(
        _ reference: ObjectReference, _ body: JSONValue, subresource: String? = nil, keepsStatus: Bool = false,
        isDryRun: Bool = false
    ) throws(StatusError) -> StoredObject {
        let type = reference.type
        guard let existing = collection(type)[reference.key] else { throw .notFound(type, reference.name) }
        let old = existing.tree
        var tree = try checkedBody(body, type, namespace: reference.namespace)
        if let name = tree.at("metadata", "name")?.string, name != reference.name {
            throw .badRequest(
                "the name of the object (\(name)) does not match the name on the URL (\(reference.name))")
        }
        if let version = tree.at("metadata", "resourceVersion")?.string, !version.isEmpty,
            version != String(existing.resourceVersion)
        {
            throw .conflict(type, reference.name)
        }
        if let uid = tree.at("metadata", "uid")?.string, uid != existing.uid {
            throw .conflict(
                type, reference.name,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(existing.uid)")
        }
        if subresource == "status" {
            let status = tree["status"]
            tree = old
            tree["status"] = status
        } else {
            for field in [
                "name", "namespace", "generateName", "uid", "creationTimestamp", "deletionTimestamp",
                "deletionGracePeriodSeconds", "generation",
            ] {
                tree.set(old.at("metadata", field), at: "metadata", field)
            }
            if type.hasStatus && !keepsStatus { tree["status"] = old["status"] }
            try Admission.prepare(&tree, type, before: old, &self)
        }
        return try commit(tree, over: existing, old: old, isDryRun: isDryRun)
    }

    private mutating func commit(
        _ tree: JSONValue, over existing: StoredObject, old: JSONValue, isDryRun: Bool
    ) throws(StatusError) -> StoredObject {
        var tree = tree
        tree["kind"] = nil
        tree["apiVersion"] = nil
        tree.set(.string(String(existing.resourceVersion)), at: "metadata", "resourceVersion")
        if tree == old { return existing }
        if existing.type.hasGeneration, Self.content(tree) != Self.content(old) {
            tree.set(
                .integer((old.at("metadata", "generation")?.integer ?? 0) + 1), at: "metadata", "generation")
        }
        if isDryRun { return StoredObject(type: existing.type, tree: tree, resourceVersion: existing.resourceVersion) }
        let stored = put(existing.type, tree)
        let isFinal = tree.at("metadata", "finalizers")?.array?.isEmpty ?? true
        return tree.at("metadata", "deletionTimestamp") != nil && isFinal ? remove(stored) : stored
    }

    /// Everything that counts for the generation.
    private static func content(_ tree: JSONValue) -> JSONValue {
        var tree = tree
        tree["metadata"] = nil
        tree["status"] = nil
        return tree
    }

    /// - Returns: the object as it was last, and whether it is gone (finalizers keep it).
    mutating func delete(
        _ reference: ObjectReference, _ options: DeleteOptions = DeleteOptions(), isDryRun: Bool = false
    ) throws(StatusError) -> (object: StoredObject, isGone: Bool) {
        let type = reference.type
        guard let existing = collection(type)[reference.key] else { throw .notFound(type, reference.name) }
        if let uid = options.uid, uid != existing.uid {
            throw .conflict(
                type, reference.name,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(existing.uid)")
        }
        if let version = options.resourceVersion, version != String(existing.resourceVersion) {
            throw .conflict(
                type, reference.name,
                "Precondition failed: ResourceVersion in precondition: \(version), ResourceVersion in object meta: "
                    + "\(existing.resourceVersion)")
        }
        if isDryRun { return (existing, true) }
        var tree = existing.tree
        if !(tree.at("metadata", "finalizers")?.array ?? []).isEmpty {
            if tree.at("metadata", "deletionTimestamp") != nil { return (existing, false) }
            tree.set(.string(now), at: "metadata", "deletionTimestamp")
            tree.set(0, at: "metadata", "deletionGracePeriodSeconds")
            return (put(type, tree), false)
        }
        if options.orphansDependents { GarbageCollector.orphan(dependentsOf: existing, &self) }
        if type.resource == .namespaces { NamespaceController.empty(existing, &self) }
        guard let last = collection(type)[reference.key] else { return (existing, true) }
        return (remove(last), true)
    }

    private func checkedBody(
        _ body: JSONValue, _ type: ResourceType, namespace: String
    ) throws(StatusError) -> JSONValue {
        guard body.object != nil else { throw .badRequest("the body is not an object") }
        if let kind = body["kind"]?.string, kind != type.kind {
            throw .badRequest(
                "\(type.kind) in version \"\(type.resource.version)\" cannot be handled as a \(type.kind): "
                    + "the body is a \(kind)")
        }
        if let version = body["apiVersion"]?.string, version != type.apiVersion {
            throw .badRequest(
                "the API version in the data (\(version)) does not match the expected API version (\(type.apiVersion))")
        }
        var tree = body
        tree["kind"] = nil
        tree["apiVersion"] = nil
        if type.resource.isNamespaced {
            if let given = tree.at("metadata", "namespace")?.string, !given.isEmpty, given != namespace {
                throw .badRequest(
                    "the namespace of the provided object does not match the namespace sent on the request")
            }
            tree.set(.string(namespace), at: "metadata", "namespace")
        } else {
            tree.set(nil, at: "metadata", "namespace")
        }
        return tree
    }
}
