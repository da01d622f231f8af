import KubernetesObjects

private typealias NetworkPolicyFamily = MetricFamily<NetworkPolicy>

let networkPolicyFamilies: [MetricFamily<NetworkPolicy>] = [
    NetworkPolicyFamily("kube_networkpolicy_created", .alpha, "When the object was created, in seconds since 1970.") {
        policy, out in
        out.requiredTime(policy.metadata.creationTimestamp)
    },
    .annotations("kube_networkpolicy_annotations"),
    .labels("kube_networkpolicy_labels", .alpha),
    NetworkPolicyFamily(
        "kube_networkpolicy_spec_ingress_rules", .alpha, "How many rules let traffic in to the pods that the policy selects."
    ) { policy, out in out.sample(Double(policy.spec.ingress.count)) },
    NetworkPolicyFamily(
        "kube_networkpolicy_spec_egress_rules", .alpha, "How many rules let traffic out of the pods that the policy selects."
    ) { policy, out in out.sample(Double(policy.spec.egress.count)) },
]
