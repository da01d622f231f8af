import DeltaStream

/// What a scrape of a node's kubelet said about the node itself.
struct NodeUsage: Hashable, Sendable {
    /// nil when the scrape failed.
    var reading: Reading?
    var hasFailed = false
    /// nil where the collector does not ask for it.
    var summary: NodeSummary?
}

/// What a scrape of a kubelet said about one of its pods.
struct PodUsage: Hashable, Sendable {
    var reading: Reading?
    var containers: [ContainerReading] = []
    var summary: PodSummary?
    /// Of each container and window, where they are served.
    var spreads: [ContainerSpread] = []
}

/// Mizzen's own families: raw readings of the kubelets, by way of the collectors.
let nodeUsageFamilies: [MetricFamily<NodeUsage>] =
    [
        MetricFamily(
            "mizzen_node_cpu_usage_seconds_total", .alpha, type: .counter, "CPU time that the node has used, in seconds."
        ) { node, out in out.cpu(node.reading) },
        MetricFamily(
            "mizzen_node_memory_working_set_bytes", .alpha, "Memory of the node that cannot be reclaimed, in bytes."
        ) { node, out in out.memory(node.reading) },
        MetricFamily("mizzen_node_swap_usage_bytes", .alpha, "Swap that the node uses, in bytes.") { node, out in
            out.swap(node.reading)
        },
        MetricFamily("mizzen_node_scrape_error", .alpha, "Whether the newest scrape of the node's kubelet failed.") {
            node, out in out.flag(node.hasFailed)
        },
    ] + nodeSummaryFamilies

let podUsageFamilies: [MetricFamily<PodUsage>] =
    [
        MetricFamily(
            "mizzen_pod_cpu_usage_seconds_total", .alpha, type: .counter, "CPU time that the pod has used, in seconds."
        ) { pod, out in out.cpu(pod.reading) },
        MetricFamily(
            "mizzen_pod_memory_working_set_bytes", .alpha, "Memory of the pod that cannot be reclaimed, in bytes."
        ) { pod, out in out.memory(pod.reading) },
        MetricFamily("mizzen_pod_swap_usage_bytes", .alpha, "Swap that the pod uses, in bytes.") { pod, out in
            out.swap(pod.reading)
        },
        MetricFamily(
            "mizzen_container_cpu_usage_seconds_total", .alpha, type: .counter,
            "CPU time that the container has used since it was started, in seconds."
        ) { pod, out in
            for container in pod.containers { out.cpu(container.reading, [("container", container.container)]) }
        },
        MetricFamily(
            "mizzen_container_memory_working_set_bytes", .alpha,
            "Memory of the container that cannot be reclaimed, in bytes."
        ) { pod, out in
            for container in pod.containers { out.memory(container.reading, [("container", container.container)]) }
        },
        MetricFamily("mizzen_container_swap_usage_bytes", .alpha, "Swap that the container uses, in bytes.") { pod, out in
            for container in pod.containers { out.swap(container.reading, [("container", container.container)]) }
        },
        MetricFamily(
            "mizzen_container_start_time_seconds", .alpha,
            "When the container was started, as its kubelet says, in seconds since 1970."
        ) { pod, out in
            for container in pod.containers {
                if let start = container.reading.startTime { out.sample(start, labels: [("container", container.container)]) }
            }
        },
    ] + podSummaryFamilies + containerSpreadFamilies

extension SampleWriter {
    fileprivate mutating func cpu(_ reading: Reading?, _ labels: [(String, String)] = []) {
        if let seconds = reading?.cpuSecondsTotal { sample(seconds, labels: labels) }
    }

    fileprivate mutating func memory(_ reading: Reading?, _ labels: [(String, String)] = []) {
        if let bytes = reading?.memoryWorkingSetBytes { sample(bytes, labels: labels) }
    }

    fileprivate mutating func swap(_ reading: Reading?, _ labels: [(String, String)] = []) {
        if let bytes = reading?.swapUsageBytes { sample(bytes, labels: labels) }
    }
}
