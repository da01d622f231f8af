import KubernetesObjects
import NIOCore

/// Documents that tell clients what there is: from a capture as captured, else from the catalog.
struct Discovery: Sendable {
    /// By path, for example `/apis/apps/v1`.
    private var documents: [String: ByteBuffer] = [:]

    /// - Parameters:
    ///   - captured: bodies by path; they come before our own.
    ///   - hasMetricsAPI: whether `metrics.k8s.io` is announced.
    init(captured: [String: [UInt8]], hasMetricsAPI: Bool) {
        var trees = Self.builtIn(hasMetricsAPI: hasMetricsAPI)
        var verbatim: [String: ByteBuffer] = [:]
        for (path, body) in captured {
            guard let tree = try? JSONValue(parsing: body) else { continue }
            if path == "/apis" {
                trees[path] = Self.groups(tree, hasMetricsAPI: hasMetricsAPI)
                if !hasMetricsAPI { verbatim[path] = ByteBuffer(bytes: body) }
                continue
            }
            trees[path] = tree
            verbatim[path] = ByteBuffer(bytes: body)
        }
        for group in trees["/apis"]?["groups"]?.array ?? [] { Self.addGroup(group, to: &trees) }
        for (path, tree) in Self.openAPI(trees) { trees[path] = tree }
        documents = trees.mapValues { ByteBuffer(bytes: $0.encoded) }.merging(verbatim) { $1 }
    }

    /// - Parameter custom: what there is beside the catalog at the moment.
    func answer(_ path: String, custom: CustomDefinitions) -> APIServer.Answer? {
        switch path {
        case "/readyz", "/livez", "/healthz": return .text("ok")
        default: break
        }
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        if let tree = self.custom(trimmed, custom) { return .json(tree) }
        return documents[trimmed].map { APIServer.Answer(body: .bytes($0)) }
    }

    /// A document that custom resources make or change.
    private func custom(_ path: String, _ custom: CustomDefinitions) -> JSONValue? {
        let groups = custom.groups.map { group -> JSONValue in
            let versions = group.versions.map { version -> JSONValue in
                ["groupVersion": .string("\(group.name)/\(version)"), "version": .string(version)]
            }
            return ["name": .string(group.name), "versions": .array(versions), "preferredVersion": versions.first ?? [:]]
        }
        if path == "/apis", !groups.isEmpty {
            guard var list = documents[path].flatMap({ try? JSONValue(parsing: Array($0.readableBytesView)) }) else { return nil }
            list["groups"] = .array((list["groups"]?.array ?? []) + groups)
            return list
        }
        if var group = groups.first(where: { path == "/apis/\($0["name"]?.string ?? "")" }) {
            group["kind"] = "APIGroup"
            group["apiVersion"] = "v1"
            return group
        }
        let types = custom.types.filter { $0.resource.groupPath == path }
        guard let first = types.first else { return nil }
        var list = Self.resourceList(first.apiVersion)
        list["resources"] = .array(types.flatMap(Self.entries))
        return list
    }

    private static func builtIn(hasMetricsAPI: Bool) -> [String: JSONValue] {
        var trees: [String: JSONValue] = [
            "/": ["paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/readyz", "/version"]],
            "/version": [
                "major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "", "gitTreeState": "",
                "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.26", "compiler": "gc",
                "platform": "linux/amd64",
            ],
            "/api": [
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"]],
            ],
        ]
        var groups: [String] = []
        for type in ResourceCatalog.rows {
            if !type.resource.group.isEmpty, !groups.contains(type.resource.group) {
                groups.append(type.resource.group)
            }
            let path = type.resource.groupPath
            var list = trees[path] ?? resourceList(type.apiVersion)
            list["resources"] = .array((list["resources"]?.array ?? []) + entries(type))
            trees[path] = list
        }
        for (group, kinds) in reviews {
            groups.append(group)
            var list = resourceList("\(group)/v1")
            list["resources"] = .array(
                kinds.map {
                    [
                        "name": .string($0.lowercased() + "s"), "singularName": .string($0.lowercased()),
                        "namespaced": false, "kind": .string($0), "verbs": ["create"],
                    ]
                })
            trees["/apis/\(group)/v1"] = list
        }
        let all: JSONValue = [
            "kind": "APIGroupList", "apiVersion": "v1",
            "groups": .array(
                groups.map { name in
                    let version = ResourceCatalog.rows.first { $0.resource.group == name }?.resource.version ?? "v1"
                    return Self.group(name, version)
                }),
        ]
        trees["/apis"] = Self.groups(all, hasMetricsAPI: hasMetricsAPI)
        return trees
    }

    private static let reviews = [
        ("authentication.k8s.io", ["TokenReview", "SelfSubjectReview"]),
        ("authorization.k8s.io", ["SubjectAccessReview", "SelfSubjectAccessReview"]),
    ]

    private static func group(_ name: String, _ version: String) -> JSONValue {
        let entry: JSONValue = ["groupVersion": .string("\(name)/\(version)"), "version": .string(version)]
        return ["name": .string(name), "versions": [entry], "preferredVersion": entry]
    }

    private static func groups(_ list: JSONValue, hasMetricsAPI: Bool) -> JSONValue {
        var list = list
        var groups = (list["groups"]?.array ?? []).filter { $0["name"]?.string != MetricsProxy.group }
        if hasMetricsAPI { groups.append(group(MetricsProxy.group, "v1beta1")) }
        list["groups"] = .array(groups)
        return list
    }

    /// `/apis/GROUP`, and an empty resource list for versions that the simulator does not store.
    private static func addGroup(_ group: JSONValue, to trees: inout [String: JSONValue]) {
        let name = group["name"]?.string ?? ""
        if name == MetricsProxy.group { return }  // passed through
        var document: JSONValue = ["kind": "APIGroup", "apiVersion": "v1"]
        for (key, value) in group.object?.members ?? [] { document[key] = value }
        trees["/apis/\(name)"] = document
        for version in group["versions"]?.array ?? [] {
            let groupVersion = version["groupVersion"]?.string ?? ""
            if trees["/apis/\(groupVersion)"] == nil { trees["/apis/\(groupVersion)"] = resourceList(groupVersion) }
        }
    }

    private static func resourceList(_ groupVersion: String) -> JSONValue {
        ["kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(groupVersion), "resources": []]
    }

    private static func entries(_ type: ResourceType) -> [JSONValue] {
        let strings = { (texts: [String]) -> JSONValue? in texts.isEmpty ? nil : .array(texts.map(JSONValue.string)) }
        let main = JSONValue.present([
            "name": .string(type.resource.plural), "singularName": .string(type.singular),
            "namespaced": .bool(type.resource.isNamespaced), "kind": .string(type.kind),
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
            "shortNames": strings(type.shortNames), "categories": strings(type.categories),
        ])
        let others = type.subresources.map { name -> JSONValue in
            .present([
                "name": .string("\(type.resource.plural)/\(name)"), "singularName": "",
                "namespaced": .bool(type.resource.isNamespaced),
                "group": name == "scale" ? "autoscaling" : nil, "version": name == "scale" ? "v1" : nil,
                "kind": name == "scale" ? "Scale" : .string(type.kind), "verbs": ["get", "patch", "update"],
            ])
        }
        return [main] + others
    }

    /// Just enough of OpenAPI for kubectl to leave the validation of fields to the server.
    private static func openAPI(_ trees: [String: JSONValue]) -> [String: JSONValue] {
        var index: JSONValue = [:]
        var result: [String: JSONValue] = [:]
        for path in Set(ResourceCatalog.rows.map(\.resource.groupPath)).sorted() {
            let name = String(path.dropFirst())
            index[name] = ["serverRelativeURL": .string("/openapi/v3/\(name)")]
            var paths: JSONValue = [:]
            for type in ResourceCatalog.rows where type.resource.groupPath == path {
                let target = type.resource.path(namespace: "{namespace}", name: "{name}")
                paths[target] = [
                    "patch": [
                        "parameters": [["name": "fieldValidation", "in": "query", "schema": ["type": "string"]]],
                        "responses": [:],
                        "x-kubernetes-action": "patch",
                        "x-kubernetes-group-version-kind": [
                            "group": .string(type.resource.group), "version": .string(type.resource.version),
                            "kind": .string(type.kind),
                        ],
                    ]
                ]
            }
            result["/openapi/v3/\(name)"] = [
                "openapi": "3.0.0", "info": ["title": "cluster-simulator", "version": "v1.36.2"], "paths": paths,
                "components": ["schemas": [:]],
            ]
        }
        result["/openapi/v3"] = ["paths": index]
        return result
    }
}
