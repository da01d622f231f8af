import KubernetesObjects
import Names

private typealias PodFamily = MetricFamily<Pod>

let podFamilies: [MetricFamily<Pod>] =
    podIdentityFamilies + podPlacementFamilies + podStatusFamilies + podTimeFamilies
    + containerFamilies(.regular) + containerFamilies(.initial)

private let podIdentityFamilies: [MetricFamily<Pod>] = [
    PodFamily("kube_pod_info", .stable, "Where the pod runs, its addresses and what made it.") { pod, out in
        let owner = pod.metadata.ownerReferences.first { $0.controller == true }
        out.info(
            ("host_ip", pod.status.hostIP), ("pod_ip", pod.status.podIP), ("node", pod.spec.nodeName),
            ("created_by_kind", owner?.kind ?? ""), ("created_by_name", owner?.name ?? ""),
            ("priority_class", pod.spec.priorityClassName), ("host_network", pod.spec.hostNetwork ? "true" : "false"))
    },
    PodFamily("kube_pod_ips", .alpha, "Each address of the pod, with its family: 4 or 6.") { pod, out in
        for text in pod.status.podIPs {
            guard let family = addressFamily(text) else { continue }
            out.info(("ip", text), ("ip_family", family))
        }
    },
    PodFamily("kube_pod_owner", .stable, "Each owner of the pod; one sample with empty labels if it has none.") {
        pod, out in
        let owners = pod.metadata.ownerReferences
        if owners.isEmpty { out.info(("owner_kind", ""), ("owner_name", ""), ("owner_is_controller", "")) }
        for owner in owners {
            out.info(
                ("owner_kind", owner.kind), ("owner_name", owner.name),
                ("owner_is_controller", owner.controller == true ? "true" : "false"))
        }
    },
    .created("kube_pod_created"),
    .deleted("kube_pod_deletion_timestamp"),
    .labels("kube_pod_labels"),
    .annotations("kube_pod_annotations"),
    PodFamily("kube_pod_restart_policy", .stable, "When the containers of the pod are started again.") { pod, out in
        out.info(("type", pod.spec.restartPolicy))
    },
    PodFamily("kube_pod_service_account", .alpha, "As which service account the pod runs.") { pod, out in
        out.info(("service_account", pod.spec.serviceAccountName))
    },
    PodFamily("kube_pod_runtimeclass_name_info", .alpha, "The runtime class of the pod, if it names one.") { pod, out in
        if let name = pod.spec.runtimeClassName { out.info(("runtimeclass_name", name)) }
    },
    PodFamily(
        "kube_pod_resourceclaim_info", .alpha,
        "Each device claim of the pod: its name in the pod, the claim object and the template it came from."
    ) { pod, out in
        for claim in pod.spec.resourceClaims {
            guard claim.resourceClaimName != nil || claim.resourceClaimTemplateName != nil else { continue }
            // A claim made from a template gets its name when it is created; the status tells it.
            let made = pod.status.resourceClaimStatuses.last { $0.name == claim.name && $0.resourceClaimName != nil }
            out.info(
                ("claim_name", claim.name),
                ("resourceclaim_name", claim.resourceClaimName ?? made?.resourceClaimName ?? ""),
                ("resourceclaim_template_name", claim.resourceClaimTemplateName ?? ""))
        }
    },
]

private let podPlacementFamilies: [MetricFamily<Pod>] = [
    PodFamily("kube_pod_scheduler", .alpha, "Which scheduler places the pod.") { pod, out in
        out.info(("name", pod.spec.schedulerName))
    },
    PodFamily("kube_pod_tolerations", .alpha, "Each taint that the pod tolerates, the same one once.") { pod, out in
        var seen: Set<Pod.Toleration> = []
        for toleration in pod.spec.tolerations where seen.insert(toleration).inserted {
            out.info(
                ("key", toleration.key), ("operator", toleration.operator), ("value", toleration.value),
                ("effect", toleration.effect),
                ("toleration_seconds", toleration.tolerationSeconds.map(String.init) ?? ""))
        }
    },
    PodFamily(
        "kube_pod_nodeselectors", .alpha, isOptIn: true, "The labels that the pod's node must have, each as a label."
    ) { pod, out in
        out.sample(1, labels: MetadataLabels.make(pod.spec.nodeSelector, prefix: "nodeselector"))
    },
    PodFamily("kube_pod_overhead_cpu_cores", .alpha, "Cores that running the pod takes beside its containers.") {
        pod, out in
        if let cores = pod.spec.overhead["cpu"] { out.sample(ResourceAmounts.fractional(cores)) }
    },
    PodFamily("kube_pod_overhead_memory_bytes", .alpha, "Memory that running the pod takes beside its containers.") {
        pod, out in
        if let memory = pod.spec.overhead["memory"] { out.sample(Double(memory.value)) }
    },
    PodFamily(
        "kube_pod_spec_volumes_persistentvolumeclaims_info", .stable,
        "Each volume of the pod that has a claim, its own or an ephemeral one."
    ) { pod, out in
        for claim in claims(of: pod) {
            out.info(
                ("volume", claim.volume), ("persistentvolumeclaim", claim.name), ("ephemeral", claim.isEphemeral))
        }
    },
    PodFamily(
        "kube_pod_spec_volumes_persistentvolumeclaims_readonly", .stable,
        "Whether the pod mounts the claim read-only; ephemeral claims never are."
    ) { pod, out in
        for claim in claims(of: pod) {
            out.flag(
                claim.isReadOnly, ("volume", claim.volume), ("persistentvolumeclaim", claim.name),
                ("ephemeral", claim.isEphemeral))
        }
    },
]

private struct VolumeClaim {
    var volume: String
    var name: String
    var isReadOnly: Bool
    var isEphemeral: String
}

private func claims(of pod: Pod) -> [VolumeClaim] {
    pod.spec.volumes.compactMap { volume in
        if let claim = volume.persistentVolumeClaim {
            VolumeClaim(volume: volume.name, name: claim.claimName, isReadOnly: claim.readOnly, isEphemeral: "false")
        } else if volume.isEphemeral {
            VolumeClaim(
                volume: volume.name, name: "\(pod.metadata.name)-\(volume.name)", isReadOnly: false,
                isEphemeral: "true")
        } else {
            nil
        }
    }
}

/// `4` or `6`; an IPv4 address written as IPv6 counts as 4. nil for what is no address.
private func addressFamily(_ text: String) -> String? {
    let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(parts[0]) else { return nil }
    switch address {
    case .v4: return parts.count == 1 ? "4" : nil
    case .v6(let high, let low):
        if parts.count == 2 { return parts[1].isEmpty ? nil : "6" }
        return high == 0 && low >> 32 == 0xffff ? "4" : "6"
    }
}
