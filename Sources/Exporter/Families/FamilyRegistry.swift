import KubernetesObjects

/// Every metric family of Kubernetes objects that is built: the one place that names them all.
///
/// A new resource is a file with its rows and one entry here; a new family is a row.
enum FamilyRegistry {
    /// In the order in which an exposition shows them.
    static let all: [ResourceFamilies] = [
        ResourceFamilies(deploymentFamilies) { deployment in
            [("namespace", deployment.metadata.namespace.string), ("deployment", deployment.metadata.name.string)]
        },
        ResourceFamilies(nodeFamilies) { node in [("node", node.metadata.name.string)] },
        ResourceFamilies(
            podFamilies,
            identity: { pod in
                [
                    ("namespace", pod.metadata.namespace.string), ("pod", pod.metadata.name.string),
                    ("uid", pod.metadata.uid.string),
                ]
            },
            node: { $0.spec.nodeName.string }),
        ResourceFamilies(serviceFamilies) { service in
            [
                ("namespace", service.metadata.namespace.string), ("service", service.metadata.name.string),
                ("uid", service.metadata.uid.string),
            ]
        },
    ]

    static func families(of resource: Resource) -> ResourceFamilies? { all.first { $0.resource == resource } }

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
