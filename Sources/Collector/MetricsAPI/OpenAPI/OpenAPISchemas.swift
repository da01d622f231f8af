/// The types that the API's documents are made of, in our words. What is said of a field is what a server of metrics makes of it.
enum OpenAPISchemas {
    private static let metrics = "io.k8s.metrics.pkg.apis.metrics.v1beta1."
    private static let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
    private static let quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity"
    private static let versionInfo = "io.k8s.apimachinery.pkg.version.Info"

    static let nodeMetrics = metrics + "NodeMetrics"
    static let nodeMetricsList = metrics + "NodeMetricsList"
    static let podMetrics = metrics + "PodMetrics"
    static let podMetricsList = metrics + "PodMetricsList"
    static let group = meta + "APIGroup"
    static let groupList = meta + "APIGroupList"
    static let resourceList = meta + "APIResourceList"
    static let version = versionInfo

    /// Those that a document needs: the named ones, and what they hold.
    static func closure(of names: [String]) -> [OpenAPISchema] {
        var wanted: Set<String> = []
        var open = names
        while let name = open.popLast() {
            guard wanted.insert(name).inserted, let schema = all.first(where: { $0.name == name }) else { continue }
            open += schema.fields.compactMap { $0.shape.referenced }
        }
        return all.filter { wanted.contains($0.name) }.sorted { $0.name < $1.name }
    }

    static let all: [OpenAPISchema] = measured + metadata + discovery

    private static func kind(
        _ kind: String, group: String = "metrics.k8s.io", version: String = "v1beta1"
    ) -> [OpenAPISchema.GroupVersionKind] {
        [.init(group: group, version: version, kind: kind)]
    }

    private static let type: [OpenAPISchema.Field] = [
        .init(name: "apiVersion", shape: .text, description: "Group and version in which this object is written."),
        .init(name: "kind", shape: .text, description: "Type of this object."),
    ]

    private static func joined(_ parts: [OpenAPISchema.Field]...) -> [OpenAPISchema.Field] { Array(parts.joined()) }

    // MARK: Metrics

    private static let window: [OpenAPISchema.Field] = [
        .init(
            name: "timestamp", shape: .reference(meta + "Time"),
            description: "End of the time that was measured: when the kubelet took the newer of the two measurements.", isRequired: true),
        .init(
            name: "window", shape: .reference(meta + "Duration"),
            description: "Length of that time. CPU is an average over it; memory is as it was at its end.", isRequired: true),
    ]
    private static let objectMetadata = OpenAPISchema.Field(
        name: "metadata", shape: .reference(meta + "ObjectMeta"),
        description: "Name, namespace and labels of what was measured. The creation time is that of the answer.")
    private static let listMetadata = OpenAPISchema.Field(
        name: "metadata", shape: .reference(meta + "ListMeta"), description: "Always empty: lists of metrics have no versions and no parts."
    )

    private static let measured: [OpenAPISchema] = [
        .init(
            name: nodeMetrics, description: "CPU and memory that a node uses, all its pods and its own processes together.",
            fields: joined(
                type,
                [
                    objectMetadata,
                    .init(
                        name: "usage", shape: .map(.reference(quantity)),
                        description: "What is used: cpu in cores, memory as the working set in bytes.", isRequired: true),
                ], window), kinds: kind("NodeMetrics")),
        .init(
            name: nodeMetricsList, description: "Metrics of several nodes.",
            fields: joined(
                type,
                [
                    listMetadata,
                    .init(name: "items", shape: .list(.reference(nodeMetrics)), description: "By name of the node.", isRequired: true),
                ]), kinds: kind("NodeMetricsList")),
        .init(
            name: podMetrics, description: "CPU and memory that the containers of a running pod use.",
            fields: joined(
                type,
                [
                    objectMetadata,
                    .init(
                        name: "containers", shape: .list(.reference(metrics + "ContainerMetrics")),
                        description: "What each container uses. All are measured at nearly the same time.", isRequired: true),
                ], window), kinds: kind("PodMetrics")),
        .init(
            name: podMetricsList, description: "Metrics of several pods.",
            fields: joined(
                type,
                [
                    listMetadata,
                    .init(
                        name: "items", shape: .list(.reference(podMetrics)), description: "By namespace, then by name of the pod.",
                        isRequired: true),
                ]), kinds: kind("PodMetricsList")),
        .init(
            name: metrics + "ContainerMetrics", description: "CPU and memory that one container uses.",
            fields: [
                .init(name: "name", shape: .text, description: "Name of the container in its pod's specification.", isRequired: true),
                .init(
                    name: "usage", shape: .map(.reference(quantity)),
                    description: "What is used: cpu in cores, memory as the working set in bytes.", isRequired: true),
            ]),
        .init(
            name: quantity,
            description: """
                An amount: a decimal number with an optional suffix, decimal (n, u, m, k, M, G, T, P, E) or binary (Ki, Mi, Gi, Ti, Pi, Ei).
                """,
            scalar: .text),
    ]

    // MARK: Metadata

    private static let metadata: [OpenAPISchema] = [
        .init(name: meta + "Time", description: "A moment, in RFC 3339.", scalar: .formatted("date-time")),
        .init(name: meta + "Duration", description: "A length of time as Go writes it: 15s, 1m30s.", scalar: .text),
        .init(
            name: meta + "ListMeta", description: "What a list says of itself.",
            fields: [
                .init(name: "continue", shape: .text, description: "Where the next part of the list begins; never set here."),
                .init(name: "remainingItemCount", shape: .integer(64), description: "How many items are left; never set here."),
                .init(name: "resourceVersion", shape: .text, description: "Version of the list; never set here."),
                .init(name: "selfLink", shape: .text, description: "Deprecated; never set."),
            ]),
        .init(
            name: meta + "ObjectMeta",
            description: "What every object says of itself. Metrics have no more than the first five fields here.",
            fields: [
                .init(name: "name", shape: .text, description: "Name of the object, unique in its namespace."),
                .init(name: "namespace", shape: .text, description: "Namespace of the object; empty for nodes."),
                .init(name: "labels", shape: .map(.text), description: "Labels of the object, by which selectors choose."),
                .init(name: "creationTimestamp", shape: .reference(meta + "Time"), description: "When the object was made."),
                .init(name: "annotations", shape: .map(.text), description: "Texts that programs leave with the object."),
                .init(name: "uid", shape: .text, description: "Identity of the object over all time."),
                .init(name: "resourceVersion", shape: .text, description: "Version of the object."),
                .init(name: "generation", shape: .integer(64), description: "Counts what was asked of the object."),
                .init(name: "generateName", shape: .text, description: "Beginning of a name that a server makes up."),
                .init(name: "selfLink", shape: .text, description: "Deprecated; never set."),
                .init(name: "deletionTimestamp", shape: .reference(meta + "Time"), description: "When the object is to go."),
                .init(
                    name: "deletionGracePeriodSeconds", shape: .integer(64), description: "Seconds that the object may take to go."),
                .init(name: "finalizers", shape: .list(.text), description: "Who has to agree before the object goes."),
                .init(
                    name: "ownerReferences", shape: .list(.reference(meta + "OwnerReference")),
                    description: "Objects without which this one has no use."),
                .init(
                    name: "managedFields", shape: .list(.reference(meta + "ManagedFieldsEntry")),
                    description: "Who set which fields."),
            ]),
        .init(
            name: meta + "OwnerReference", description: "Another object that owns this one.",
            fields: [
                .init(name: "apiVersion", shape: .text, description: "Group and version of the owner.", isRequired: true),
                .init(name: "kind", shape: .text, description: "Type of the owner.", isRequired: true),
                .init(name: "name", shape: .text, description: "Name of the owner.", isRequired: true),
                .init(name: "uid", shape: .text, description: "Identity of the owner.", isRequired: true),
                .init(name: "controller", shape: .flag, description: "Whether the owner manages this object."),
                .init(name: "blockOwnerDeletion", shape: .flag, description: "Whether the owner waits for this object to go first."),
            ]),
        .init(
            name: meta + "ManagedFieldsEntry", description: "Fields that one manager has set.",
            fields: [
                .init(name: "apiVersion", shape: .text, description: "Version in which the fields are named."),
                .init(name: "fieldsType", shape: .text, description: "How the fields are written."),
                .init(name: "fieldsV1", shape: .reference(meta + "FieldsV1"), description: "The fields."),
                .init(name: "manager", shape: .text, description: "Who set them."),
                .init(name: "operation", shape: .text, description: "By which kind of change: Apply or Update."),
                .init(name: "subresource", shape: .text, description: "Through which subresource."),
                .init(name: "time", shape: .reference(meta + "Time"), description: "When."),
            ]),
        .init(name: meta + "FieldsV1", description: "A set of fields, as a tree of their names."),
    ]

    // MARK: Discovery

    private static let discovery: [OpenAPISchema] = [
        .init(
            name: groupList, description: "The groups of an API server.",
            fields: joined(
                type,
                [
                    .init(name: "groups", shape: .list(.reference(group)), description: "The groups.", isRequired: true)
                ]), kinds: kind("APIGroupList", group: "", version: "v1")),
        .init(
            name: group, description: "A group of resources and its versions.",
            fields: joined(
                type,
                [
                    .init(name: "name", shape: .text, description: "Name of the group.", isRequired: true),
                    .init(
                        name: "versions", shape: .list(.reference(meta + "GroupVersionForDiscovery")),
                        description: "Versions in which the group is served.", isRequired: true),
                    .init(
                        name: "preferredVersion", shape: .reference(meta + "GroupVersionForDiscovery"),
                        description: "The version to choose if nothing speaks for another."),
                    .init(
                        name: "serverAddressByClientCIDRs", shape: .list(.reference(meta + "ServerAddressByClientCIDR")),
                        description: "Where clients reach the group, by their own address."),
                ]), kinds: kind("APIGroup", group: "", version: "v1")),
        .init(
            name: meta + "GroupVersionForDiscovery", description: "One version of a group.",
            fields: [
                .init(name: "groupVersion", shape: .text, description: "Group and version, with a slash between.", isRequired: true),
                .init(name: "version", shape: .text, description: "The version alone.", isRequired: true),
            ]),
        .init(
            name: meta + "ServerAddressByClientCIDR", description: "Where clients from one network reach a server.",
            fields: [
                .init(name: "clientCIDR", shape: .text, description: "The network.", isRequired: true),
                .init(name: "serverAddress", shape: .text, description: "Address of the server, with its port.", isRequired: true),
            ]),
        .init(
            name: resourceList, description: "The resources of one version of a group.",
            fields: joined(
                type,
                [
                    .init(name: "groupVersion", shape: .text, description: "Group and version.", isRequired: true),
                    .init(
                        name: "resources", shape: .list(.reference(meta + "APIResource")), description: "The resources.", isRequired: true),
                ]), kinds: kind("APIResourceList", group: "", version: "v1")),
        .init(
            name: meta + "APIResource", description: "One resource.",
            fields: [
                .init(name: "name", shape: .text, description: "Name of the resource, in the plural.", isRequired: true),
                .init(name: "singularName", shape: .text, description: "Its name in the singular.", isRequired: true),
                .init(name: "namespaced", shape: .flag, description: "Whether its objects are in namespaces.", isRequired: true),
                .init(name: "kind", shape: .text, description: "Type of its objects.", isRequired: true),
                .init(name: "verbs", shape: .list(.text), description: "What can be done with it.", isRequired: true),
                .init(name: "group", shape: .text, description: "Its group, where that is not the list's."),
                .init(name: "version", shape: .text, description: "Its version, where that is not the list's."),
                .init(name: "shortNames", shape: .list(.text), description: "Short names for command lines."),
                .init(name: "categories", shape: .list(.text), description: "Sets of resources that it belongs to."),
                .init(name: "storageVersionHash", shape: .text, description: "Stands for the version that is stored."),
            ]),
        .init(
            name: versionInfo, description: "Which program answers.",
            fields: [
                "major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform",
            ].map { .init(name: $0, shape: .text, description: "The program's \($0).", isRequired: true) }),
    ]
}

extension OpenAPIShape {
    fileprivate var referenced: String? {
        switch self {
        case .reference(let name): name
        case .list(let element), .map(let element): element.referenced
        case .text, .formatted, .flag, .integer: nil
        }
    }
}
