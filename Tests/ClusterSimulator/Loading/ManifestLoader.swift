import KubernetesObjects

/// Creates or changes objects from manifests, like `kubectl apply` but with statuses and without asking for namespaces first.
enum ManifestLoader {
    /// - Returns: the objects as stored, in the manifest's order.
    @discardableResult
    static func apply(
        _ documents: [JSONValue], place: String, _ database: inout ObjectDatabase
    ) throws(StatusError) -> [StoredObject] {
        var stored: [StoredObject] = []
        // Namespaces and nodes first: what else stands in the manifests needs them.
        let ordered = documents.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
        for (_, document) in ordered {
            guard let version = document["apiVersion"]?.string, let kind = document["kind"]?.string,
                let type = ResourceCatalog.type(apiVersion: version, kind: kind)
            else {
                throw .badRequest(
                    "\(place): no kind \"\(document["kind"]?.string ?? "")\" of \"\(document["apiVersion"]?.string ?? "")\""
                )
            }
            stored.append(try apply(document, type, &database))
        }
        return stored
    }

    static func apply(
        _ document: JSONValue, _ type: ResourceType, _ database: inout ObjectDatabase
    ) throws(StatusError) -> StoredObject {
        let namespace = type.resource.isNamespaced ? document.at("metadata", "namespace")?.string ?? "default" : ""
        if type.resource.isNamespaced { try ensureNamespace(namespace, &database) }
        let name = document.at("metadata", "name")?.string ?? ""
        let reference = ObjectReference(type: type, namespace: namespace, name: name)
        guard let existing = database.collections[type.resource]?[reference.key] else {
            return try database.create(type, namespace: namespace, document)
        }
        var tree = document
        tree.set(nil, at: "metadata", "resourceVersion")
        return try database.update(reference, StrategicMerge.apply(tree, to: existing.tree), keepsStatus: true)
    }

    static func ensureNamespace(_ name: String, _ database: inout ObjectDatabase) throws(StatusError) {
        if database.object(.namespaces, name: name) == nil {
            _ = try database.create(
                ResourceCatalog.type(.namespaces), namespace: "", ["metadata": ["name": .string(name)]])
        }
    }

    /// What every cluster has.
    static func addSystemObjects(_ database: inout ObjectDatabase) throws(StatusError) {
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            try ensureNamespace(name, &database)
        }
        if database.object(.services, namespace: "default", name: "kubernetes") == nil {
            _ = try database.create(
                ResourceCatalog.type(.services), namespace: "default",
                [
                    "metadata": [
                        "name": "kubernetes", "labels": ["component": "apiserver", "provider": "kubernetes"],
                    ],
                    "spec": [
                        "clusterIP": "10.96.0.1",
                        "ports": [["name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443]],
                    ],
                ])
            _ = try database.create(
                ResourceCatalog.type(.endpointSlices), namespace: "default",
                [
                    "metadata": [
                        "name": "kubernetes", "labels": ["kubernetes.io/service-name": "kubernetes"],
                    ],
                    "addressType": "IPv4",
                    "endpoints": [["addresses": ["127.0.0.1"], "conditions": ["ready": true]]],
                    "ports": [["name": "https", "protocol": "TCP", "port": 6443]],
                ])
        }
    }
}

extension JSONValue {
    fileprivate var rank: Int {
        switch self["kind"]?.string {
        case "Namespace": 0
        case "Node": 1
        case nil, .some: 2
        }
    }
}
