/// One path of the API: all that can be done with it is to read it.
struct OpenAPIOperation: Sendable {
    /// Under which of version 3's documents it stands.
    var place: String
    var path: String
    var identifier: String
    var description: String
    var tag: String
    /// Name of the schema of its result.
    var result: String
    var parameters: [Parameter] = []
    var mediaTypes = resourceMediaTypes
    /// What Kubernetes' clients go by, where it reads objects: `list` or `get`, and the kind.
    var action: (name: String, kind: String)?

    struct Parameter: Sendable {
        var name: String
        /// `query` or `path`.
        var place = "query"
        var shape: OpenAPIShape
        var description: String
    }

    static let resourceMediaTypes = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]

    func document(_ version: OpenAPIVersion) -> JSONValue {
        let schema = version.reference(to: result)
        let types = mediaTypes.map(JSONValue.string)
        let success: JSONValue
        switch version {
        case .v2: success = .members(["description": .string("OK"), "schema": schema])
        case .v3:
            let content = mediaTypes.map { JSONValue.Member(key: $0, value: .members(["schema": schema])) }
            success = .members(["content": .object(content), "description": .string("OK")])
        }
        return .members([
            "description": .string(description),
            "consumes": version == .v2 ? .array([.string("*/*")]) : nil,
            "operationId": .string(identifier),
            "parameters": parameters.isEmpty ? nil : .array(parameters.map { parameter($0, version) }),
            "produces": version == .v2 ? .array(types) : nil,
            "responses": .members(["200": success, "401": .members(["description": .string("Unauthorized")])]),
            "schemes": version == .v2 ? .array([.string("https")]) : nil,
            "tags": .array([.string(tag)]),
            "x-kubernetes-action": action.map { .string($0.name) },
            "x-kubernetes-group-version-kind": action.map { OpenAPIVersion.kind($0.kind) },
        ])
    }

    private func parameter(_ parameter: Parameter, _ version: OpenAPIVersion) -> JSONValue {
        let isInPath = parameter.place == "path"
        let head = JSONValue.members([
            "description": .string(parameter.description), "in": .string(parameter.place), "name": .string(parameter.name),
            "required": isInPath ? .bool(true) : nil, "uniqueItems": version == .v2 ? .bool(true) : nil,
        ])
        guard version == .v2 else { return head.adding("schema", version.shape(parameter.shape).adding("uniqueItems", .bool(true))) }
        // In version 2 the type of a parameter stands in it.
        guard case .object(let members) = version.shape(parameter.shape) else { return head }
        return members.reduce(head) { $0.adding($1.key, $1.value) }
    }

    // MARK: All

    static let all: [OpenAPIOperation] = documents + nodes + pods

    private static let base = "/apis/metrics.k8s.io/v1beta1"

    private static let pretty = Parameter(
        name: "pretty", shape: .text,
        description: "Anything but 0 and false: the answer is indented. Programs that people use get it so anyway.")

    private static let listing: [Parameter] = [
        .init(
            name: "allowWatchBookmarks", shape: .flag, description: "Of watches, which metrics have none of."),
        .init(name: "continue", shape: .text, description: "Has no effect: lists of metrics come whole."),
        .init(
            name: "fieldSelector", shape: .text,
            description: "Chooses by metadata.name and metadata.namespace: terms with =, == or !=, separated by commas."),
        .init(name: "labelSelector", shape: .text, description: "Chooses by the labels of the nodes or pods that are measured."),
        .init(name: "limit", shape: .integer(32), description: "Has no effect: lists of metrics come whole."),
        .init(name: "resourceVersion", shape: .text, description: "Has no effect: metrics have no versions."),
        .init(name: "resourceVersionMatch", shape: .text, description: "Has no effect, and needs a resourceVersion."),
        .init(name: "sendInitialEvents", shape: .flag, description: "Of watches, which metrics have none of."),
        .init(name: "timeoutSeconds", shape: .integer(32), description: "Has no effect: lists of metrics do not wait."),
        .init(name: "watch", shape: .flag, description: "Metrics cannot be watched: refused."),
        pretty,
    ]

    private static let name = Parameter(name: "name", place: "path", shape: .text, description: "Name of the node or pod.")
    private static let namespace = Parameter(name: "namespace", place: "path", shape: .text, description: "Namespace of the pods.")

    private static func document(_ place: String, _ identifier: String, _ description: String, _ tag: String, _ result: String) -> Self {
        // As API servers have them, with a slash at the end.
        OpenAPIOperation(
            place: place, path: "/\(place)/", identifier: identifier, description: description, tag: tag, result: result)
    }

    private static let documents: [OpenAPIOperation] = [
        document("apis", "getAPIVersions", "the groups that are served", "apis", OpenAPISchemas.groupList),
        document(
            "apis/metrics.k8s.io", "getMetricsAPIGroup", "the versions of the group that are served", "metrics", OpenAPISchemas.group),
        document(
            "apis/metrics.k8s.io/v1beta1", "getMetricsV1beta1APIResources", "the resources that are served", "metrics_v1beta1",
            OpenAPISchemas.resourceList),
        OpenAPIOperation(
            place: "version", path: "/version/", identifier: "getCodeVersion", description: "which program answers", tag: "version",
            result: OpenAPISchemas.version, mediaTypes: ["application/json"]),
    ]

    private static func resource(
        _ path: String, _ identifier: String, _ description: String, _ action: String, _ kind: String, _ result: String,
        _ parameters: [Parameter]
    ) -> OpenAPIOperation {
        OpenAPIOperation(
            place: "apis/metrics.k8s.io/v1beta1", path: base + path, identifier: identifier, description: description,
            tag: "metrics_v1beta1", result: result, parameters: parameters, action: (action, kind))
    }

    private static let nodes: [OpenAPIOperation] = [
        resource(
            "/nodes", "listMetricsV1beta1NodeMetrics", "what the nodes use", "list", "NodeMetrics", OpenAPISchemas.nodeMetricsList,
            listing),
        resource(
            "/nodes/{name}", "readMetricsV1beta1NodeMetrics", "what a node uses", "get", "NodeMetrics", OpenAPISchemas.nodeMetrics,
            [name, pretty]),
    ]

    private static let pods: [OpenAPIOperation] = [
        resource(
            "/pods", "listMetricsV1beta1PodMetricsForAllNamespaces", "what the pods of all namespaces use", "list", "PodMetrics",
            OpenAPISchemas.podMetricsList, listing),
        resource(
            "/namespaces/{namespace}/pods", "listMetricsV1beta1NamespacedPodMetrics", "what the pods of a namespace use", "list",
            "PodMetrics", OpenAPISchemas.podMetricsList, listing + [namespace]),
        resource(
            "/namespaces/{namespace}/pods/{name}", "readMetricsV1beta1NamespacedPodMetrics", "what a pod uses", "get", "PodMetrics",
            OpenAPISchemas.podMetrics, [name, namespace, pretty]),
    ]
}
