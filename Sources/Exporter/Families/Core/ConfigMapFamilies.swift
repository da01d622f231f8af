import KubernetesObjects

/// Of config maps nothing but their metadata is read; the watcher publishes nothing else of them.
let configMapFamilies: [MetricFamily<ConfigMap>] = [
    .annotations("kube_configmap_annotations"),
    .labels("kube_configmap_labels"),
    MetricFamily("kube_configmap_info", .stable, "1 for each config map there is.") { _, out in out.sample(1) },
    .created("kube_configmap_created"),
    .resourceVersion("kube_configmap_metadata_resource_version"),
]
