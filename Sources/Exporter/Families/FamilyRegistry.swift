import KubernetesObjects

/// Every metric family of Kubernetes objects: the one place that names the groups that have some.
///
/// A new resource is a file with its rows in the folder of its API group, and one entry in that folder's list; a new family is a row.
enum FamilyRegistry {
    /// In the order in which an exposition shows them: by the resources' names, as kube-state-metrics does.
    static let all: [ResourceFamilies] = groups.flatMap { $0 }.sorted { $0.resource.plural < $1.resource.plural }

    private static let groups: [[ResourceFamilies]] = [
        coreFamilies,
        appsFamilies,
        batchFamilies,
        autoscalingFamilies,
        policyFamilies,
        coordinationFamilies,
        certificatesFamilies,
        networkingFamilies,
        discoveryFamilies,
        storageFamilies,
        rbacFamilies,
        admissionFamilies,
    ]

    static func families(of resource: Resource) -> ResourceFamilies? { all.first { $0.resource == resource } }

    /// Of every family that can be served, usage among them; those of custom resources come from their configuration.
    static let names = Set(
        (all.flatMap(\.families) + nodeUsageFamilies.map(\.description) + podUsageFamilies.map(\.description)).map(\.name))

    /// What kube-state-metrics 2.20 serves when no `--resources` are given.
    static let defaultResources = [
        "certificatesigningrequests", "configmaps", "cronjobs", "daemonsets", "deployments", "endpointslices",
        "horizontalpodautoscalers", "ingresses", "jobs", "leases", "limitranges", "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings", "mutatingwebhookconfigurations", "namespaces", "networkpolicies", "nodes",
        "persistentvolumeclaims", "persistentvolumes", "poddisruptionbudgets", "pods", "replicasets",
        "replicationcontrollers", "resourcequotas", "secrets", "services", "statefulsets", "storageclasses",
        "validatingadmissionpolicies", "validatingadmissionpolicybindings", "validatingwebhookconfigurations",
        "volumeattachments",
    ]
}

/// The labels by which every sample of an object says which object it is about.
extension [(String, String)] {
    /// `namespace`, the label that the resource is known by, and for some resources `uid`.
    static func namespaced(_ metadata: Meta.ObjectMeta, _ label: String, hasUID: Bool = false) -> Self {
        [("namespace", metadata.namespace.string)] + clusterWide(metadata, label, hasUID: hasUID)
    }

    /// The same for resources without namespaces.
    static func clusterWide(_ metadata: Meta.ObjectMeta, _ label: String, hasUID: Bool = false) -> Self {
        [(label, metadata.name.string)] + (hasUID ? [("uid", metadata.uid.string)] : [])
    }
}
