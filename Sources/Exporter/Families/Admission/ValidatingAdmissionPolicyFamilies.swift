import KubernetesObjects

private typealias ValidatingAdmissionPolicyFamily = MetricFamily<ValidatingAdmissionPolicy>

let validatingAdmissionPolicyFamilies: [MetricFamily<ValidatingAdmissionPolicy>] = [
    ValidatingAdmissionPolicyFamily(
        "kube_validatingadmissionpolicy_info", .alpha,
        "Where the policy takes its parameters from, and what happens to requests when it cannot be evaluated."
    ) { policy, out in
        out.info { label in
            label.parameters(policy.spec.paramKind)
            label("failure_policy", policy.spec.failurePolicy.orEmpty)
        }
    },
    .created("kube_validatingadmissionpolicy_created", .alpha),
]
