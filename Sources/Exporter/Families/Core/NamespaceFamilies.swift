import KubernetesObjects

private typealias NamespaceFamily = MetricFamily<Namespace>

let namespaceFamilies: [MetricFamily<Namespace>] = [
    .created("kube_namespace_created"),
    .annotations("kube_namespace_annotations"),
    .labels("kube_namespace_labels"),
    NamespaceFamily(
        "kube_namespace_status_phase", .stable,
        "Whether the namespace is in use or going away: 1 for the phase it is in, 0 for the other."
    ) { namespace, out in
        // Unlike other phases, both are there when none is set.
        out.states(["Active", "Terminating"], now: namespace.status.phase, label: "phase")
    },
    NamespaceFamily(
        "kube_namespace_status_condition", .alpha,
        "Conditions of the namespace, which it has while it goes away, one sample for each possible status."
    ) { namespace, out in out.conditions(namespace.status.conditions) },
]
