import KubernetesObjects

private typealias RoleFamily = MetricFamily<Role>

let roleFamilies: [MetricFamily<Role>] = [
    .annotations("kube_role_annotations"),
    .labels("kube_role_labels", .alpha),
    RoleFamily("kube_role_info", .alpha, "1 for each role that there is.") { _, out in out.sample(1) },
    .created("kube_role_created", .alpha),
    .resourceVersion("kube_role_metadata_resource_version"),
]
