import KubernetesObjects

private typealias ClusterRoleBindingFamily = MetricFamily<ClusterRoleBinding>

let clusterRoleBindingFamilies: [MetricFamily<ClusterRoleBinding>] = [
    .annotations("kube_clusterrolebinding_annotations"),
    .labels("kube_clusterrolebinding_labels", .alpha),
    ClusterRoleBindingFamily("kube_clusterrolebinding_info", .alpha, "Which role the binding grants in the whole cluster.") {
        binding, out in
        out.role(binding.roleRef)
    },
    .created("kube_clusterrolebinding_created", .alpha),
    .resourceVersion("kube_clusterrolebinding_metadata_resource_version"),
]
