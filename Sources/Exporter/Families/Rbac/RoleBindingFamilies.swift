import KubernetesObjects

private typealias RoleBindingFamily = MetricFamily<RoleBinding>

let roleBindingFamilies: [MetricFamily<RoleBinding>] = [
    .annotations("kube_rolebinding_annotations"),
    .labels("kube_rolebinding_labels", .alpha),
    RoleBindingFamily("kube_rolebinding_info", .alpha, "Which role the binding grants in its namespace.") { binding, out in
        out.role(binding.roleRef)
    },
    .created("kube_rolebinding_created", .alpha),
    .resourceVersion("kube_rolebinding_metadata_resource_version"),
]

extension SampleWriter {
    /// One sample for what a binding, of a namespace or of the cluster, grants.
    mutating func role(_ role: Rbac.RoleRef) {
        info { label in
            label("roleref_kind", role.kind)
            label("roleref_name", role.name)
        }
    }
}
