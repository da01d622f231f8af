import KubernetesObjects
import Names

private typealias PodFamily = MetricFamily<Pod>

let podFamilies: [MetricFamily<Pod>] =
    podIdentityFamilies + podPlacementFamilies + podStatusFamilies + podTimeFamilies
    + containerFamilies(.regular) + containerFamilies(.initial)

private let podIdentityFamilies: [MetricFamily<Pod>] = [
    PodFamily("kube_pod_info", .stable, "Where the pod runs, its addresses and what made it.") { pod, out in
        let owner = pod.metadata.ownerReferences.first { $0.controller == true }
        out.info { label in
            label("host_ip", pod.status.hostIP)
            label("pod_ip", pod.status.podIP)
            label("node", pod.spec.nodeName)
            label("created_by_kind", (owner?.kind).orEmpty)
            label("created_by_name", (owner?.name).orEmpty)
            label("priority_class", pod.spec.priorityClassName)
            label("host_network", pod.spec.hostNetwork ? "true" : "false")
        }
    },
    PodFamily("kube_pod_ips", .alpha, "Each address of the pod, with its family: 4 or 6.") { pod, out in
        pod.status.podIPs.forEach { address in
            guard let family = usualAddressFamily(address.ip.utf8) ?? addressFamily(address.ip.string) else { return }
            out.info { label in
                label("ip", address.ip)
                label("ip_family", family)
            }
        }
    },
    .owner("kube_pod_owner"),
    .created("kube_pod_created"),
    .deleted("kube_pod_deletion_timestamp"),
    .labels("kube_pod_labels"),
    .annotations("kube_pod_annotations"),
    PodFamily("kube_pod_restart_policy", .stable, "When the containers of the pod are started again.") { pod, out in
        out.info("type", pod.spec.restartPolicy)
    },
    PodFamily("kube_pod_service_account", .alpha, "As which service account the pod runs.") { pod, out in
        out.info("service_account", pod.spec.serviceAccountName)
    },
    PodFamily("kube_pod_runtimeclass_name_info", .alpha, "The runtime class of the pod, if it names one.") { pod, out in
        if let name = pod.spec.runtimeClassName { out.info("runtimeclass_name", name) }
    },
    PodFamily(
        "kube_pod_resourceclaim_info", .alpha,
        "Each device claim of the pod: its name in the pod, the claim object and the template it came from."
    ) { pod, out in
        pod.spec.resourceClaims.forEach { claim in
            guard claim.resourceClaimName != nil || claim.resourceClaimTemplateName != nil else { return }
            // A claim made from a template gets its name when it is created; the status tells it.
            let made = pod.status.resourceClaimStatuses.last { $0.name == claim.name && $0.resourceClaimName != nil }
            out.info { label in
                label("claim_name", claim.name)
                if let name = claim.resourceClaimName {
                    label("resourceclaim_name", name)
                } else {
                    label("resourceclaim_name", (made?.resourceClaimName).orEmpty)
                }
                label("resourceclaim_template_name", claim.resourceClaimTemplateName.orEmpty)
            }
        }
    },
]

private let podPlacementFamilies: [MetricFamily<Pod>] = [
    PodFamily("kube_pod_scheduler", .alpha, "Which scheduler places the pod.") { pod, out in
        out.info("name", pod.spec.schedulerName)
    },
    PodFamily("kube_pod_tolerations", .alpha, "Each taint that the pod tolerates, the same one once.") { pod, out in
        let tolerations = pod.spec.tolerations
        for index in 0..<tolerations.count {
            let toleration = tolerations[index]
            if (0..<index).contains(where: { isSame(tolerations[$0], toleration) }) { continue }
            out.info { label in
                label("key", toleration.key)
                label("operator", toleration.operator)
                label("value", toleration.value)
                label("effect", toleration.effect)
                label("toleration_seconds", toleration.tolerationSeconds.map(String.init) ?? "")
            }
        }
    },
    PodFamily(
        "kube_pod_nodeselectors", .alpha, isOptIn: true, "The labels that the pod's node must have, each as a label."
    ) { pod, out in
        out.sample(1, labels: MetadataLabels.make(pod.spec.nodeSelector.dictionary(), prefix: "nodeselector"))
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
            out.info { label in claim.write(to: &label) }
        }
    },
    PodFamily(
        "kube_pod_spec_volumes_persistentvolumeclaims_readonly", .stable,
        "Whether the pod mounts the claim read-only; ephemeral claims never are."
    ) { pod, out in
        for claim in claims(of: pod) {
            out.sample(claim.isReadOnly ? 1 : 0) { label in claim.write(to: &label) }
        }
    },
]

private struct VolumeClaim {
    var volume: String
    var name: String
    var isReadOnly: Bool
    var isEphemeral: String

    func write(to label: inout SampleLabels) {
        label("volume", volume)
        label("persistentvolumeclaim", name)
        label("ephemeral", isEphemeral)
    }
}

private func isSame(_ left: Core.Toleration, _ right: Core.Toleration) -> Bool {
    left.key == right.key && left.operator == right.operator && left.value == right.value && left.effect == right.effect
        && left.tolerationSeconds == right.tolerationSeconds
}

private func claims(of pod: Pod) -> [VolumeClaim] {
    pod.spec.volumes.compactMap { volume in
        if let claim = volume.volumeSource.persistentVolumeClaim {
            return VolumeClaim(volume: volume.name.string, name: claim.claimName.string, isReadOnly: claim.readOnly, isEphemeral: "false")
        }
        guard volume.volumeSource.ephemeral != nil else { return nil }
        let name = volume.name.string
        return VolumeClaim(
            volume: name, name: "\(pod.metadata.name.string)-\(name)", isReadOnly: false, isEphemeral: "true")
    }
}

/// The same for addresses as everybody writes them, without a copy; nil for those that need a longer look.
func usualAddressFamily(_ text: Span<UInt8>) -> String? { isUsualIPv4(text) ? "4" : isUsualIPv6(text) ? "6" : nil }

private func isUsualIPv6(_ text: Span<UInt8>) -> Bool {
    // What begins with a colon or a zero may be an IPv4 address written so.
    guard text.count <= 39, text.count > 2, text[0] != UInt8(ascii: ":"), text[0] != UInt8(ascii: "0") else { return false }
    var (digits, groups, gaps) = (0, 0, 0)
    for index in text.indices {
        switch text[index] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
            if digits == 0 { groups += 1 }
            digits += 1
            guard digits <= 4 else { return false }
        case UInt8(ascii: ":"):
            if digits == 0 { gaps += 1 }
            digits = 0
        default: return false
        }
    }
    // A colon at the end needs another before it, and three in a row are two gaps.
    if digits == 0 { return gaps == 1 && groups <= 7 && text[text.count - 2] == UInt8(ascii: ":") }
    return gaps == 0 ? groups == 8 : gaps == 1 && groups <= 7
}

private func isUsualIPv4(_ text: Span<UInt8>) -> Bool {
    guard text.count <= 15 else { return false }
    var (number, digits, points) = (0, 0, 0)
    for index in text.indices {
        switch text[index] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            // No zero before other digits.
            guard digits == 0 || number > 0 else { return false }
            number = number * 10 + Int(text[index] - UInt8(ascii: "0"))
            digits += 1
            guard number < 256 else { return false }
        case UInt8(ascii: "."):
            guard digits > 0 else { return false }
            (number, digits, points) = (0, 0, points + 1)
        default: return false
        }
    }
    return points == 3 && digits > 0
}

/// `4` or `6`; an IPv4 address written as IPv6 counts as 4. nil for what is no address.
func addressFamily(_ text: String) -> String? {
    let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(parts[0]) else { return nil }
    switch address {
    case .v4: return parts.count == 1 ? "4" : nil
    case .v6(let high, let low):
        if parts.count == 2 { return parts[1].isEmpty ? nil : "6" }
        return high == 0 && low >> 32 == 0xffff ? "4" : "6"
    }
}
