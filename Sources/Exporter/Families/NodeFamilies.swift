import KubernetesObjects

private typealias NodeFamily = MetricFamily<Node>

let nodeFamilies: [MetricFamily<Node>] = [
    .annotations("kube_node_annotations"),
    .created("kube_node_created"),
    .deleted("kube_node_deletion_timestamp"),
    NodeFamily("kube_node_info", .stable, "What the node runs on and as: versions, provider and first pod range.") {
        node, out in
        let info = node.status.nodeInfo
        out.info(
            ("kernel_version", info.kernelVersion), ("os_image", info.osImage),
            ("container_runtime_version", info.containerRuntimeVersion), ("kubelet_version", info.kubeletVersion),
            // Kubernetes stopped reporting it; the label stays for the queries that name it.
            ("kubeproxy_version", "deprecated"),
            ("provider_id", node.spec.providerID), ("pod_cidr", node.spec.podCIDR), ("system_uuid", info.systemUUID),
            ("internal_ip", node.status.addresses.last { $0.type == "InternalIP" }?.address ?? ""))
    },
    .labels("kube_node_labels"),
    NodeFamily("kube_node_role", .alpha, "Roles of the node, from its node-role.kubernetes.io labels.") { node, out in
        let prefix = "node-role.kubernetes.io/"
        for label in node.metadata.labels.keys.sorted() where label.hasPrefix(prefix) {
            out.info(("role", String(label.dropFirst(prefix.count))))
        }
    },
    NodeFamily("kube_node_spec_pod_cidrs", .alpha, "Each address range that the node gives to its pods.") { node, out in
        for range in node.spec.podCIDRs { out.info(("pod_cidr", range)) }
    },
    NodeFamily("kube_node_spec_taint", .stable, "Each taint that keeps pods off the node.") { node, out in
        for taint in node.spec.taints {
            out.info(("key", taint.key), ("value", taint.value), ("effect", taint.effect))
        }
    },
    NodeFamily("kube_node_spec_unschedulable", .stable, "Whether the node is cordoned: it takes no new pods.") {
        node, out in
        out.flag(node.spec.unschedulable)
    },
    NodeFamily("kube_node_status_allocatable", .stable, "How much of each resource pods on the node may request.") {
        node, out in
        out.amounts(node.status.allocatable)
    },
    NodeFamily("kube_node_status_capacity", .stable, "How much of each resource the node has in total.") { node, out in
        out.amounts(node.status.capacity)
    },
    NodeFamily("kube_node_status_condition", .stable, "Conditions of the node, one sample for each possible status.") {
        node, out in
        for condition in node.status.conditions {
            out.condition(condition.status, label: "status", ("condition", condition.type))
        }
    },
    NodeFamily("kube_node_status_addresses", .alpha, "Each address of the node.") { node, out in
        for address in node.status.addresses { out.info(("type", address.type), ("address", address.address)) }
    },
]

extension SampleWriter {
    fileprivate mutating func amounts(_ amounts: [String: Quantity]) {
        for amount in ResourceAmounts.reported(amounts, wholeBytes: false) {
            sample(amount.value, ("resource", amount.resource), ("unit", amount.unit))
        }
    }
}
