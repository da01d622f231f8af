import KubernetesObjects

/// What the stored CustomResourceDefinitions add to the API. Each version that is served has objects of its own: nothing is converted.
struct CustomDefinitions: Sendable {
    static let resource = Resource(
        group: "apiextensions.k8s.io", version: "v1", plural: "customresourcedefinitions", kind: "CustomResourceDefinition",
        isNamespaced: false)

    /// In the order of the definitions' names and of their versions.
    let types: [ResourceType]

    init(_ store: ObjectStore) {
        let definitions = (try? store.read { database throws(StatusError) in Array(database.objects(Self.resource)) }) ?? []
        types = definitions.flatMap { Self.types(of: $0.tree) }
    }

    static func types(of definition: JSONValue) -> [ResourceType] {
        guard let spec = definition["spec"], let group = spec["group"]?.string, let plural = spec.at("names", "plural")?.string,
            let kind = spec.at("names", "kind")?.string
        else { return [] }
        return (spec["versions"]?.array ?? []).compactMap { version in
            guard let name = version["name"]?.string, version["served"]?.bool ?? true else { return nil }
            return ResourceType(
                Resource(
                    group: group, version: name, plural: plural, kind: kind, isNamespaced: spec["scope"]?.string == "Namespaced"))
        }
    }

    func type(group: String, version: String, plural: String) -> ResourceType? {
        types.first { $0.resource.group == group && $0.resource.version == version && $0.resource.plural == plural }
    }

    /// By group, each version once.
    var groups: [(name: String, versions: [String])] {
        var groups: [(name: String, versions: [String])] = []
        for resource in types.map(\.resource) {
            let place = groups.firstIndex { $0.name == resource.group } ?? groups.count
            if place == groups.count { groups.append((resource.group, [])) }
            if !groups[place].versions.contains(resource.version) { groups[place].versions.append(resource.version) }
        }
        return groups
    }
}

extension ObjectDatabase {
    /// As the server's controller does before a definition is gone.
    mutating func deleteObjects(definedBy definition: StoredObject) {
        for type in CustomDefinitions.types(of: definition.tree) {
            for object in objects(type.resource) {
                _ = try? delete(ObjectReference(type: type, namespace: object.namespace, name: object.name))
            }
        }
    }
}
