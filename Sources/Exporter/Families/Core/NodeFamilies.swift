import KubernetesObjects

private typealias NodeFamily = MetricFamily<Node>

let nodeFamilies: [MetricFamily<Node>] = [
    .annotations("kube_node_annotations"),
    .created("kube_node_created"),
    .deleted("kube_node_deletion_timestamp"),
    NodeFamily("kube_node_info", .stable, "What the node runs on and as: versions, provider and first pod range.") {
        node, out in
        let info = node.status.nodeInfo
        out.info { label in
            label("kernel_version", info.kernelVersion)
            label("os_image", info.osImage)
            label("container_runtime_version", info.containerRuntimeVersion)
            label("kubelet_version", info.kubeletVersion)
            // Kubernetes stopped reporting it; the label stays for the queries that name it.
            label("kubeproxy_version", "deprecated")
            label("provider_id", node.spec.providerID)
            label("pod_cidr", node.spec.podCIDR)
            label("system_uuid", info.systemUUID)
            label("internal_ip", (node.status.addresses.last { $0.type == "InternalIP" }?.address).orEmpty)
        }
    },
    .labels("kube_node_labels"),
    NodeFamily("kube_node_role", .alpha, "Roles of the node, from its node-role.kubernetes.io labels.") { node, out in
        let prefix = "node-role.kubernetes.io/"
        for label in node.metadata.labels.dictionary(where: { $0.hasPrefix(prefix) }).keys.sorted() {
            out.info("role", String(label.dropFirst(prefix.count)))
        }
    },
    NodeFamily("kube_node_spec_pod_cidrs", .alpha, "Each address range that the node gives to its pods.") { node, out in
        node.spec.podCIDRs.forEach { range in out.info("pod_cidr", range) }
    },
    NodeFamily("kube_node_spec_taint", .stable, "Each taint that keeps pods off the node.") { node, out in
        node.spec.taints.forEach { taint in
            out.info { label in
                label("key", taint.key)
                label("value", taint.value)
                label("effect", taint.effect)
            }
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
        out.conditions(node.status.conditions)
    },
    NodeFamily("kube_node_status_addresses", .alpha, "Each address of the node.") { node, out in
        node.status.addresses.forEach { address in
            out.info { label in
                label("type", address.type)
                label("address", address.address)
            }
        }
    },
]

extension SampleWriter {
    fileprivate mutating func amounts(_ amounts: QuantityMap) {
        for amount in ResourceAmounts.reported(amounts, wholeBytes: false) {
            sample(amount.value) { label in
                label("resource", amount.resource)
                label("unit", amount.unit)
            }
        }
    }
}
