import KubernetesObjects

/// Containers and init containers have the same families under two names.
enum ContainerKind: Sendable {
    case regular, initial

    /// What the names begin with.
    var prefix: String {
        switch self {
        case .regular: "kube_pod_container"
        case .initial: "kube_pod_init_container"
        }
    }

    /// How help texts call such a container.
    var noun: String {
        switch self {
        case .regular: "container"
        case .initial: "init container"
        }
    }

    /// Of the few families whose stability differs between the two.
    var youngerStability: Stability {
        switch self {
        case .regular: .stable
        case .initial: .alpha
        }
    }

    /// Whether the family of infos says how the container is restarted.
    var hasRestartPolicy: Bool { self == .initial }

    @_lifetime(copy pod)
    func specs(_ pod: Pod) -> MessageList<Core.Container> {
        switch self {
        case .regular: pod.spec.containers
        case .initial: pod.spec.initContainers
        }
    }

    @_lifetime(copy pod)
    func statuses(_ pod: Pod) -> MessageList<Core.ContainerStatus> {
        switch self {
        case .regular: pod.status.containerStatuses
        case .initial: pod.status.initContainerStatuses
        }
    }
}

func containerFamilies(_ kind: ContainerKind) -> [MetricFamily<Pod>] {
    specFamilies(kind) + stateFamilies(kind) + lastTerminationFamilies(kind)
}

private func specFamilies(_ kind: ContainerKind) -> [MetricFamily<Pod>] {
    [
        MetricFamily("\(kind.prefix)_info", .stable, "The image of each \(kind.noun) and what runs of it.") { pod, out in
            let statuses = kind.statuses(pod)
            kind.specs(pod).forEach { container in
                statuses.forEach { status in
                    guard status.name == container.name else { return }
                    out.info { label in
                        label("container", status.name)
                        label("image_spec", container.image)
                        label("image", status.image)
                        label("image_id", status.imageID)
                        label("container_id", status.containerID)
                        if kind.hasRestartPolicy { label("restart_policy", container.restartPolicy.orEmpty) }
                    }
                }
            }
        },
        .amounts(kind, "limits", "The most of each resource that the \(kind.noun) may use.") {
            ResourceAmounts.reported($0.resources.limits, wholeBytes: true)
        },
        .amounts(kind, "requests", "How much of each resource is set aside for the \(kind.noun).") {
            ResourceAmounts.reported($0.resources.requests, wholeBytes: true)
        },
    ]
}

private func stateFamilies(_ kind: ContainerKind) -> [MetricFamily<Pod>] {
    [
        .statuses(kind, "state_started", kind.youngerStability, "When the \(kind.noun) was started, in seconds since 1970.") {
            status, out in
            if let running = status.state.running {
                out.requiredTime(running.startedAt, "container", status.name)
            } else if let terminated = status.state.terminated {
                out.requiredTime(terminated.startedAt, "container", status.name)
            }
        },
        .statuses(kind, "status_ready", .stable, "Whether the \(kind.noun) is ready.") { status, out in
            out.flag(status.ready, "container", status.name)
        },
        .statuses(
            kind, "status_restarts_total", .stable, type: .counter, "How often the \(kind.noun) was started again."
        ) { status, out in
            out.sample(Double(status.restartCount), "container", status.name)
        },
        .statuses(kind, "status_running", .stable, "Whether the \(kind.noun) runs.") { status, out in
            out.flag(status.state.running != nil, "container", status.name)
        },
        .statuses(kind, "status_terminated", .stable, "Whether the \(kind.noun) has ended.") { status, out in
            out.flag(status.state.terminated != nil, "container", status.name)
        },
        .statuses(kind, "status_terminated_reason", .alpha, "Why the \(kind.noun) ended, while it has ended.") {
            status, out in
            if let terminated = status.state.terminated {
                out.info { label in
                    label("container", status.name)
                    label("reason", terminated.reason)
                }
            }
        },
        .statuses(kind, "status_waiting", .stable, "Whether the \(kind.noun) waits to be started.") { status, out in
            out.flag(status.state.waiting != nil, "container", status.name)
        },
        .statuses(
            kind, "status_waiting_reason", kind.youngerStability,
            "Why the \(kind.noun) waits to be started, while it waits."
        ) { status, out in
            if let waiting = status.state.waiting {
                out.info { label in
                    label("container", status.name)
                    label("reason", waiting.reason)
                }
            }
        },
    ]
}

private func lastTerminationFamilies(_ kind: ContainerKind) -> [MetricFamily<Pod>] {
    [
        .lastTermination(kind, "reason", "Why the \(kind.noun) ended the last time before now.") { name, ended, out in
            out.info { label in
                label("container", name)
                label("reason", ended.reason)
            }
        },
        .lastTermination(kind, "exitcode", "With which code the \(kind.noun) ended the last time before now.") {
            name, ended, out in
            out.sample(Double(ended.exitCode), "container", name)
        },
        .lastTermination(
            kind, "timestamp", "When the \(kind.noun) ended the last time before now, in seconds since 1970."
        ) { name, ended, out in
            out.requiredTime(ended.finishedAt, "container", name)
        },
    ]
}

extension MetricFamily<Pod> {
    fileprivate static func statuses(
        _ kind: ContainerKind, _ suffix: String, _ stability: Stability, type: MetricType = .gauge, _ help: String,
        write: @escaping @Sendable (Core.ContainerStatus, inout SampleWriter) -> Void
    ) -> Self {
        Self("\(kind.prefix)_\(suffix)", stability, type: type, help) { pod, out in
            kind.statuses(pod).forEach { status in write(status, &out) }
        }
    }

    fileprivate static func lastTermination(
        _ kind: ContainerKind, _ suffix: String, _ help: String,
        write: @escaping @Sendable (Text, Core.ContainerStateTerminated, inout SampleWriter) -> Void
    ) -> Self {
        statuses(kind, "status_last_terminated_\(suffix)", .alpha, help) { status, out in
            if let ended = status.lastState.terminated { write(status.name, ended, &out) }
        }
    }

    fileprivate static func amounts(
        _ kind: ContainerKind, _ suffix: String, _ help: String,
        _ amounts: @escaping @Sendable (Core.Container) -> [ResourceAmounts.Amount]
    ) -> Self {
        Self("\(kind.prefix)_resource_\(suffix)", kind.youngerStability, help) { pod, out in
            kind.specs(pod).forEach { container in
                for amount in amounts(container) {
                    out.sample(amount.value) { label in
                        label("container", container.name)
                        label("node", pod.spec.nodeName)
                        label("resource", amount.resource)
                        label("unit", amount.unit)
                    }
                }
            }
        }
    }
}
