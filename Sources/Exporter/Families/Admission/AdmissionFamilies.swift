import KubernetesObjects

/// The resources of `admissionregistration.k8s.io`. None is in a namespace, but all have that label, and it is empty.
let admissionFamilies: [ResourceFamilies] = [
    ResourceFamilies(mutatingAdmissionPolicyFamilies) { policy in .namespaced(policy.metadata, "mutatingadmissionpolicy") },
    ResourceFamilies(mutatingAdmissionPolicyBindingFamilies) { binding in
        .namespaced(binding.metadata, "mutatingadmissionpolicybinding")
    },
    ResourceFamilies(mutatingWebhookConfigurationFamilies) { configuration in
        .namespaced(configuration.metadata, "mutatingwebhookconfiguration")
    },
    ResourceFamilies(validatingAdmissionPolicyFamilies) { policy in
        .namespaced(policy.metadata, "validatingadmissionpolicy")
    },
    ResourceFamilies(validatingAdmissionPolicyBindingFamilies) { binding in
        .namespaced(binding.metadata, "validatingadmissionpolicybinding")
    },
    ResourceFamilies(validatingWebhookConfigurationFamilies) { configuration in
        .namespaced(configuration.metadata, "validatingwebhookconfiguration")
    },
]

extension SampleLabels {
    /// What kind of objects an admission policy takes its parameters from.
    mutating func parameters(_ kind: Admission.ParamKind?) {
        self("param_api_version", (kind?.apiVersion).orEmpty)
        self("param_kind", (kind?.kind).orEmpty)
    }

    /// Which objects a binding of an admission policy gives it as parameters. A selector of several objects shows nothing.
    mutating func parameters(_ reference: Admission.ParamRef?) {
        self("param_name", (reference?.name).orEmpty)
        self("param_namespace", (reference?.namespace).orEmpty)
        self("param_not_found_action", (reference?.parameterNotFoundAction).orEmpty)
    }

    /// Which service answers a webhook; empty for one that is reached by its URL.
    mutating func webhook(_ name: Text, _ client: Admission.WebhookClientConfig) {
        let service = client.service
        self("webhook_name", name)
        self("service_name", (service?.name).orEmpty)
        self("service_namespace", (service?.namespace).orEmpty)
    }
}
