import KubernetesObjects

private typealias MutatingWebhookConfigurationFamily = MetricFamily<MutatingWebhookConfiguration>

let mutatingWebhookConfigurationFamilies: [MetricFamily<MutatingWebhookConfiguration>] = [
    MutatingWebhookConfigurationFamily(
        "kube_mutatingwebhookconfiguration_info", .alpha, "1 for each configuration of mutating webhooks that there is."
    ) { _, out in out.sample(1) },
    .created("kube_mutatingwebhookconfiguration_created", .alpha),
    .resourceVersion("kube_mutatingwebhookconfiguration_metadata_resource_version"),
    MutatingWebhookConfigurationFamily(
        "kube_mutatingwebhookconfiguration_webhook_clientconfig_service", .alpha,
        "Each webhook of the configuration, with the service that answers it; empty labels if it is reached by a URL."
    ) { configuration, out in
        configuration.webhooks.forEach { webhook in
            out.info { label in label.webhook(webhook.name, webhook.clientConfig) }
        }
    },
]
