import KubernetesObjects

private typealias SecretFamily = MetricFamily<Secret>

/// Of secrets nothing but their metadata and type is read; the watcher publishes nothing else of them.
let secretFamilies: [MetricFamily<Secret>] = [
    SecretFamily("kube_secret_info", .stable, "1 for each secret there is.") { _, out in out.sample(1) },
    SecretFamily("kube_secret_type", .stable, "What kind of content the secret says it has.") { secret, out in
        out.info("type", secret.type)
    },
    .annotations("kube_secret_annotations"),
    .labels("kube_secret_labels"),
    .created("kube_secret_created"),
    .resourceVersion("kube_secret_metadata_resource_version"),
    .owner("kube_secret_owner", .alpha),
]
