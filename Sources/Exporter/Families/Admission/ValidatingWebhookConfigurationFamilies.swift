import KubernetesObjects

private typealias ValidatingWebhookConfigurationFamily = MetricFamily<ValidatingWebhookConfiguration>

let validatingWebhookConfigurationFamilies: [MetricFamily<ValidatingWebhookConfiguration>] = [
    ValidatingWebhookConfigurationFamily(
        "kube_validatingwebhookconfiguration_info", .alpha, "1 for each configuration of validating webhooks that there is."
    ) { _, out in out.sample(1) },
    .created("kube_validatingwebhookconfiguration_created", .alpha),
    .resourceVersion("kube_validatingwebhookconfiguration_metadata_resource_version"),
    ValidatingWebhookConfigurationFamily(
        "kube_validatingwebhookconfiguration_webhook_clientconfig_service", .alpha,
        "Each webhook of the configuration, with the service that answers it; empty labels if it is reached by a URL."
    ) { configuration, out in
        configuration.webhooks.forEach { webhook in
            out.info { label in label.webhook(webhook.name, webhook.clientConfig) }
        }
    },
]
