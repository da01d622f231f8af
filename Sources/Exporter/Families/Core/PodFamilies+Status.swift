import KubernetesObjects

private typealias PodFamily = MetricFamily<Pod>

let podStatusFamilies: [MetricFamily<Pod>] = [
    PodFamily("kube_pod_status_phase", .stable, "In which phase the pod is: 1 for that one, 0 for the others.") {
        pod, out in
        guard !pod.status.phase.isEmpty else { return }
        out.states(["Pending", "Succeeded", "Failed", "Unknown", "Running"], now: pod.status.phase, label: "phase")
    },
    PodFamily(
        "kube_pod_status_qos_class", .alpha, "The pod's quality of service class: 1 for that one, 0 for the others."
    ) { pod, out in
        guard !pod.status.qosClass.isEmpty else { return }
        out.states(["BestEffort", "Burstable", "Guaranteed"], now: pod.status.qosClass, label: "qos_class")
    },
    PodFamily("kube_pod_status_ready", .stable, "Whether the pod is ready, one sample for each possible status.") {
        pod, out in
        pod.conditions("Ready") { condition in out.condition(condition.status, label: "condition") }
    },
    PodFamily(
        "kube_pod_status_scheduled", .stable, "Whether the pod has a node, one sample for each possible status."
    ) { pod, out in
        pod.conditions("PodScheduled") { condition in out.condition(condition.status, label: "condition") }
    },
    PodFamily("kube_pod_status_unschedulable", .stable, "1 while no node has been found for the pod.") { pod, out in
        pod.conditions("PodScheduled", status: "False") { _ in out.sample(1) }
    },
    PodFamily(
        "kube_pod_status_reason", .alpha,
        "Why the pod is in its state, from its status, conditions and ended containers; Other for a reason not listed here."
    ) { pod, out in
        // Of most pods nothing gives any.
        guard pod.hasReasons else { return }
        for reason in statusReasons where pod.hasReason(reason) { out.info("reason", reason) }
        if !pod.status.reason.isEmpty, !statusReasons.contains(pod.status.reason.string) { out.info("reason", "Other") }
    },
    PodFamily(
        "kube_pod_status_disruption_reason", .alpha,
        "Why the pod is about to be ended by something other than itself; Other for a reason not listed here."
    ) { pod, out in
        pod.conditions("DisruptionTarget") { condition in
            out.info("reason", disruptionReasons.contains(condition.reason.string) ? condition.reason : .literal("Other"))
        }
    },
]

let podTimeFamilies: [MetricFamily<Pod>] = [
    PodFamily("kube_pod_start_time", .stable, "When the kubelet took on the pod, in seconds since 1970.") { pod, out in
        out.time(pod.status.startTime)
    },
    PodFamily(
        "kube_pod_completion_time", .stable, "When the last ended container of the pod ended, in seconds since 1970."
    ) { pod, out in
        let ends = pod.status.containerStatuses.compactMap { status in
            guard let ended = status.state.terminated else { return nil as Int64? }
            return ended.finishedAt?.seconds ?? SampleWriter.zeroTime
        }
        if let last = ends.max(), last > 0 { out.sample(Double(last)) }
    },
    .transition("kube_pod_status_initialized_time", .alpha, to: "Initialized", "When the init containers were done"),
    .transition("kube_pod_status_ready_time", .alpha, to: "Ready", "When the pod became ready"),
    .transition(
        "kube_pod_status_container_ready_time", .alpha, to: "ContainersReady",
        "When all containers of the pod became ready"),
    .transition("kube_pod_status_scheduled_time", .stable, to: "PodScheduled", "When the pod got its node"),
    .transition(
        "kube_pod_status_unscheduled_time", .alpha, to: "PodScheduled", status: "False",
        "Since when no node has been found for the pod"),
]

/// Reasons that are told apart; others are summed up, to bound the number of label values.
private let statusReasons = [
    "Evicted", "NodeAffinity", "NodeLost", "PreemptionByScheduler", "SchedulingGated", "Shutdown",
    "TerminationByKubelet", "UnexpectedAdmissionError",
]
private let disruptionReasons: Set<String> = [
    "PreemptionByScheduler", "DeletionByTaintManager", "EvictionByEvictionAPI", "DeletionByPodGC",
    "TerminationByKubelet",
]

extension MetricFamily<Pod> {
    /// When a condition came to its status, while it has that status.
    fileprivate static func transition(
        _ name: String, _ stability: Stability, to type: String, status: String = "True", _ help: String
    ) -> Self {
        Self(name, stability, "\(help), in seconds since 1970.") { pod, out in
            pod.conditions(type, status: status) { condition in out.requiredTime(condition.lastTransitionTime) }
        }
    }
}

extension Pod {
    fileprivate func conditions(_ type: String, status: String? = nil, _ body: (Core.PodCondition) -> Void) {
        self.status.conditions.forEach { condition in
            guard condition.type == type else { return }
            if let status, condition.status != status { return }
            body(condition)
        }
    }

    fileprivate var hasReasons: Bool {
        !status.reason.isEmpty || status.conditions.contains { !$0.reason.isEmpty }
            || status.containerStatuses.contains { $0.state.terminated != nil }
    }

    fileprivate func hasReason(_ reason: String) -> Bool {
        status.reason == reason || status.conditions.contains { $0.reason == reason }
            || status.containerStatuses.contains { $0.state.terminated?.reason == reason }
    }
}
