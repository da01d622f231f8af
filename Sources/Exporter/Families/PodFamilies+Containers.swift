import KubernetesObjects

/// Containers and init containers have the same families under two names.
struct ContainerKind: Sendable {
    /// What the names begin with.
    var prefix: String
    /// How help texts call such a container.
    var noun: String
    /// Of the few families whose stability differs between the two.
    var youngerStability: Stability
    var specs: @Sendable (Pod) -> [Pod.Container]
    var statuses: @Sendable (Pod) -> [Pod.ContainerStatus]
    /// Whether the family of infos says how the container is restarted.
    var hasRestartPolicy: Bool

    static let regular = ContainerKind(
        prefix: "kube_pod_container", noun: "container", youngerStability: .stable,
        specs: { $0.spec.containers }, statuses: { $0.status.containerStatuses }, hasRestartPolicy: false)
    static let initial = ContainerKind(
        prefix: "kube_pod_init_container", noun: "init container", youngerStability: .alpha,
        specs: { $0.spec.initContainers }, statuses: { $0.status.initContainerStatuses }, hasRestartPolicy: true)
}

func containerFamilies(_ kind: ContainerKind) -> [MetricFamily<Pod>] {
    specFamilies(kind) + stateFamilies(kind) + lastTerminationFamilies(kind)
}

private func specFamilies(_ kind: ContainerKind) -> [MetricFamily<Pod>] {
    [
        MetricFamily("\(kind.prefix)_info", .stable, "The image of each \(kind.noun) and what runs of it.") { pod, out in
            let statuses = kind.statuses(pod)
            for container in kind.specs(pod) {
                for status in statuses where status.name == container.name {
                    var labels = [
                        ("container", status.name), ("image_spec", container.image), ("image", status.image),
                        ("image_id", status.imageID), ("container_id", status.containerID),
                    ]
                    if kind.hasRestartPolicy { labels.append(("restart_policy", container.restartPolicy ?? "")) }
                    out.sample(1, labels: labels)
                }
            }
        },
        .amounts(kind, "limits", "The most of each resource that the \(kind.noun) may use.") { $0.limits },
        .amounts(kind, "requests", "How much of each resource is set aside for the \(kind.noun).") { $0.requests },
    ]
}

private func stateFamilies(_ kind: ContainerKind) -> [MetricFamily<Pod>] {
    [
        .statuses(kind, "state_started", kind.youngerStability, "When the \(kind.noun) was started, in seconds since 1970.") {
            status, out in
            if let running = status.state.running {
                out.requiredTime(running.startedAt, ("container", status.name))
            } else if let terminated = status.state.terminated {
                out.requiredTime(terminated.startedAt, ("container", status.name))
            }
        },
        .statuses(kind, "status_ready", .stable, "Whether the \(kind.noun) is ready.") { status, out in
            out.flag(status.ready, ("container", status.name))
        },
        .statuses(
            kind, "status_restarts_total", .stable, type: .counter, "How often the \(kind.noun) was started again."
        ) { status, out in
            out.sample(Double(status.restartCount), ("container", status.name))
        },
        .statuses(kind, "status_running", .stable, "Whether the \(kind.noun) runs.") { status, out in
            out.flag(status.state.running != nil, ("container", status.name))
        },
        .statuses(kind, "status_terminated", .stable, "Whether the \(kind.noun) has ended.") { status, out in
            out.flag(status.state.terminated != nil, ("container", status.name))
        },
        .statuses(kind, "status_terminated_reason", .alpha, "Why the \(kind.noun) ended, while it has ended.") {
            status, out in
            if let terminated = status.state.terminated {
                out.info(("container", status.name), ("reason", terminated.reason))
            }
        },
        .statuses(kind, "status_waiting", .stable, "Whether the \(kind.noun) waits to be started.") { status, out in
            out.flag(status.state.waiting != nil, ("container", status.name))
        },
        .statuses(
            kind, "status_waiting_reason", kind.youngerStability,
            "Why the \(kind.noun) waits to be started, while it waits."
        ) { status, out in
            if let waiting = status.state.waiting {
                out.info(("container", status.name), ("reason", waiting.reason))
            }
        },
    ]
}

private func lastTerminationFamilies(_ kind: ContainerKind) -> [MetricFamily<Pod>] {
    [
        .lastTermination(kind, "reason", "Why the \(kind.noun) ended the last time before now.") { name, ended, out in
            out.info(("container", name), ("reason", ended.reason))
        },
        .lastTermination(kind, "exitcode", "With which code the \(kind.noun) ended the last time before now.") {
            name, ended, out in
            out.sample(Double(ended.exitCode), ("container", name))
        },
        .lastTermination(
            kind, "timestamp", "When the \(kind.noun) ended the last time before now, in seconds since 1970."
        ) { name, ended, out in
            out.requiredTime(ended.finishedAt, ("container", name))
        },
    ]
}

extension MetricFamily<Pod> {
    fileprivate static func statuses(
        _ kind: ContainerKind, _ suffix: String, _ stability: Stability, type: MetricType = .gauge, _ help: String,
        write: @escaping @Sendable (Pod.ContainerStatus, inout SampleWriter) -> Void
    ) -> Self {
        Self("\(kind.prefix)_\(suffix)", stability, type: type, help) { pod, out in
            for status in kind.statuses(pod) { write(status, &out) }
        }
    }

    fileprivate static func lastTermination(
        _ kind: ContainerKind, _ suffix: String, _ help: String,
        write: @escaping @Sendable (String, Pod.ContainerState.Terminated, inout SampleWriter) -> Void
    ) -> Self {
        statuses(kind, "status_last_terminated_\(suffix)", .alpha, help) { status, out in
            if let ended = status.lastState.terminated { write(status.name, ended, &out) }
        }
    }

    fileprivate static func amounts(
        _ kind: ContainerKind, _ suffix: String, _ help: String,
        _ amounts: @escaping @Sendable (Pod.Container) -> [String: Quantity]
    ) -> Self {
        Self("\(kind.prefix)_resource_\(suffix)", kind.youngerStability, help) { pod, out in
            for container in kind.specs(pod) {
                for amount in ResourceAmounts.reported(amounts(container), wholeBytes: true) {
                    out.sample(
                        amount.value, ("container", container.name), ("node", pod.spec.nodeName),
                        ("resource", amount.resource), ("unit", amount.unit))
                }
            }
        }
    }
}
