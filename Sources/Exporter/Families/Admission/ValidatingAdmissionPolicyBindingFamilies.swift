import KubernetesObjects

private typealias ValidatingAdmissionPolicyBindingFamily = MetricFamily<ValidatingAdmissionPolicyBinding>

let validatingAdmissionPolicyBindingFamilies: [MetricFamily<ValidatingAdmissionPolicyBinding>] = [
    ValidatingAdmissionPolicyBindingFamily(
        "kube_validatingadmissionpolicybinding_info", .alpha,
        "Which policy is in force by the binding, with which object as its parameters."
    ) { binding, out in
        out.info { label in
            label("policy_name", binding.spec.policyName)
            label.parameters(binding.spec.paramRef)
        }
    },
    .created("kube_validatingadmissionpolicybinding_created", .alpha),
    ValidatingAdmissionPolicyBindingFamily(
        "kube_validatingadmissionpolicybinding_validation_action", .alpha,
        "Each thing that is done about a request that breaks the policy."
    ) { binding, out in
        binding.spec.validationActions.forEach { action in out.info("action", action) }
    },
]
