import KubernetesObjects

/// One kind of object that the simulator stores, with what discovery says about it.
struct ResourceType: Sendable {
    var resource: Resource
    var singular: String
    var shortNames: [String]
    var categories: [String]
    /// `status`, `scale`.
    var subresources: [String]
    /// Whether a change of anything but metadata and status raises `metadata.generation`.
    var hasGeneration: Bool
    /// Fields beside `metadata.name` and `metadata.namespace` that field selectors may name.
    var selectableFields: [String]
    /// Whether there is a schema to encode it in Kubernetes' protobuf.
    let hasProtobuf: Bool

    init(
        _ resource: Resource, shortNames: [String] = [], categories: [String] = [], subresources: [String] = [],
        hasGeneration: Bool = false, selectableFields: [String] = []
    ) {
        self.resource = resource
        self.singular = resource.kind.lowercased()
        self.shortNames = shortNames
        self.categories = categories
        self.subresources = subresources
        self.hasGeneration = hasGeneration
        self.selectableFields = selectableFields
        self.hasProtobuf = Resource.all.contains(resource)
    }

    var kind: String { resource.kind }
    var apiVersion: String { resource.apiVersion }
    var hasStatus: Bool { subresources.contains("status") }

    /// As status messages name it: `pods`, `deployments.apps`.
    var qualifiedName: String { resource.description }
}

/// The kinds of objects of a simulated cluster: one row each. A new kind is a new row.
enum ResourceCatalog {
    static let rows: [ResourceType] = coreRows + workloadRows + otherRows

    static func type(group: String, version: String, plural: String) -> ResourceType? {
        byPath["\(group)/\(version)/\(plural)"]
    }

    static func type(apiVersion: String, kind: String) -> ResourceType? { byKind["\(apiVersion)/\(kind)"] }

    /// - Precondition: the resource stands in the catalog, as all of `Resource.all` do.
    static func type(_ resource: Resource) -> ResourceType {
        byPath["\(resource.group)/\(resource.version)/\(resource.plural)"] ?? ResourceType(resource)
    }

    private static let byPath = Dictionary(
        rows.map { ("\($0.resource.group)/\($0.resource.version)/\($0.resource.plural)", $0) },
        uniquingKeysWith: { first, _ in first })
    private static let byKind = Dictionary(
        rows.map { ("\($0.apiVersion)/\($0.kind)", $0) }, uniquingKeysWith: { first, _ in first })

    private static let coreRows: [ResourceType] = [
        ResourceType(.configMaps, shortNames: ["cm"]),
        ResourceType(.endpoints, shortNames: ["ep"]),
        ResourceType(
            resource("", "events", "Event"), shortNames: ["ev"],
            selectableFields: [
                "involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "involvedObject.uid",
                "reason", "type", "reportingComponent", "source",
            ]),
        ResourceType(.limitRanges, shortNames: ["limits"]),
        ResourceType(
            .namespaces, shortNames: ["ns"], subresources: ["status"], selectableFields: ["status.phase"]),
        ResourceType(
            .nodes, shortNames: ["no"], subresources: ["status"], selectableFields: ["spec.unschedulable"]),
        ResourceType(.persistentVolumeClaims, shortNames: ["pvc"], subresources: ["status"]),
        ResourceType(.persistentVolumes, shortNames: ["pv"], subresources: ["status"]),
        ResourceType(
            .pods, shortNames: ["po"], categories: ["all"], subresources: ["status"], hasGeneration: true,
            selectableFields: [
                "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
                "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName",
            ]),
        ResourceType(resource("", "podtemplates", "PodTemplate")),
        ResourceType(
            .replicationControllers, shortNames: ["rc"], categories: ["all"], subresources: ["status", "scale"],
            hasGeneration: true, selectableFields: ["status.replicas"]),
        ResourceType(.resourceQuotas, shortNames: ["quota"], subresources: ["status"]),
        ResourceType(.secrets, selectableFields: ["type"]),
        ResourceType(.serviceAccounts, shortNames: ["sa"]),
        ResourceType(
            .services, shortNames: ["svc"], categories: ["all"], subresources: ["status"],
            selectableFields: ["spec.clusterIP", "spec.type"]),
    ]

    private static let workloadRows: [ResourceType] = [
        ResourceType(
            .daemonSets, shortNames: ["ds"], categories: ["all"], subresources: ["status"], hasGeneration: true),
        ResourceType(
            .deployments, shortNames: ["deploy"], categories: ["all"], subresources: ["status", "scale"],
            hasGeneration: true),
        ResourceType(
            .replicaSets, shortNames: ["rs"], categories: ["all"], subresources: ["status", "scale"],
            hasGeneration: true, selectableFields: ["status.replicas"]),
        ResourceType(
            .statefulSets, shortNames: ["sts"], categories: ["all"], subresources: ["status", "scale"],
            hasGeneration: true),
        ResourceType(resource("apps", "controllerrevisions", "ControllerRevision")),
        ResourceType(.cronJobs, shortNames: ["cj"], categories: ["all"], subresources: ["status"], hasGeneration: true),
        ResourceType(
            .jobs, categories: ["all"], subresources: ["status"], hasGeneration: true,
            selectableFields: ["status.successful"]),
        ResourceType(
            .horizontalPodAutoscalers, shortNames: ["hpa"], categories: ["all"], subresources: ["status"]),
        ResourceType(.podDisruptionBudgets, shortNames: ["pdb"], subresources: ["status"], hasGeneration: true),
    ]

    private static let otherRows: [ResourceType] = {
        let described: [ResourceType] = [
            ResourceType(.endpointSlices, hasGeneration: true),
            ResourceType(.ingresses, shortNames: ["ing"], subresources: ["status"], hasGeneration: true),
            ResourceType(.networkPolicies, shortNames: ["netpol"], hasGeneration: true),
            ResourceType(
                .certificateSigningRequests, shortNames: ["csr"], subresources: ["status"],
                selectableFields: ["spec.signerName"]),
            ResourceType(.storageClasses, shortNames: ["sc"]),
            ResourceType(resource("apiregistration.k8s.io", "apiservices", "APIService", isNamespaced: false)),
            ResourceType(CustomDefinitions.resource, shortNames: ["crd"]),
            ResourceType(
                resource("scheduling.k8s.io", "priorityclasses", "PriorityClass", isNamespaced: false),
                shortNames: ["pc"]),
        ]
        let named = Set((coreRows + workloadRows + described).map(\.resource))
        return described + Resource.all.filter { !named.contains($0) }.map { ResourceType($0) }
    }()

    private static func resource(
        _ group: String, _ plural: String, _ kind: String, isNamespaced: Bool = true
    ) -> Resource {
        Resource(group: group, version: "v1", plural: plural, kind: kind, isNamespaced: isNamespaced)
    }
}
