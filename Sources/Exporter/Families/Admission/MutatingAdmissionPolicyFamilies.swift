import KubernetesObjects

private typealias MutatingAdmissionPolicyFamily = MetricFamily<MutatingAdmissionPolicy>

let mutatingAdmissionPolicyFamilies: [MetricFamily<MutatingAdmissionPolicy>] = [
    MutatingAdmissionPolicyFamily(
        "kube_mutatingadmissionpolicy_info", .alpha,
        "Where the policy takes its parameters from, what happens to requests when it fails, and whether it may run again."
    ) { policy, out in
        out.info { label in
            label.parameters(policy.spec.paramKind)
            label("failure_policy", policy.spec.failurePolicy.orEmpty)
            label("reinvocation_policy", policy.spec.reinvocationPolicy)
        }
    },
    .created("kube_mutatingadmissionpolicy_created", .alpha),
]
