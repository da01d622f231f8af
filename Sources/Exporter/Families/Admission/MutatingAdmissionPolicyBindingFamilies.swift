import KubernetesObjects

private typealias MutatingAdmissionPolicyBindingFamily = MetricFamily<MutatingAdmissionPolicyBinding>

let mutatingAdmissionPolicyBindingFamilies: [MetricFamily<MutatingAdmissionPolicyBinding>] = [
    MutatingAdmissionPolicyBindingFamily(
        "kube_mutatingadmissionpolicybinding_info", .alpha,
        "Which policy is in force by the binding, with which object as its parameters."
    ) { binding, out in
        out.info { label in
            label("policy_name", binding.spec.policyName)
            label.parameters(binding.spec.paramRef)
        }
    },
    .created("kube_mutatingadmissionpolicybinding_created", .alpha),
]
