import KubernetesObjects

private typealias ClusterRoleFamily = MetricFamily<ClusterRole>

let clusterRoleFamilies: [MetricFamily<ClusterRole>] = [
    .annotations("kube_clusterrole_annotations"),
    .labels("kube_clusterrole_labels", .alpha),
    ClusterRoleFamily("kube_clusterrole_info", .alpha, "1 for each cluster role that there is.") { _, out in out.sample(1) },
    .created("kube_clusterrole_created", .alpha),
    .resourceVersion("kube_clusterrole_metadata_resource_version"),
]
