import KubernetesObjects

private typealias DeploymentFamily = MetricFamily<Deployment>

let deploymentFamilies: [MetricFamily<Deployment>] = deploymentIdentityFamilies + deploymentReplicaFamilies

private let deploymentIdentityFamilies: [MetricFamily<Deployment>] = [
    DeploymentFamily("kube_deployment_owner", .alpha, "Each owner of the deployment; one sample with empty labels if it has none.") {
        deployment, out in out.owners(of: deployment.metadata)
    },
    .created("kube_deployment_created"),
    .deleted("kube_deployment_deletion_timestamp"),
    .annotations("kube_deployment_annotations"),
    .labels("kube_deployment_labels"),
    .generation("kube_deployment_metadata_generation"),
    DeploymentFamily(
        "kube_deployment_status_observed_generation", .stable,
        "The newest generation of the wanted state that the deployment controller has acted on."
    ) { deployment, out in out.sample(Double(deployment.status.observedGeneration)) },
    DeploymentFamily(
        "kube_deployment_status_condition", .stable,
        "Conditions of the deployment, one sample for each possible status; reasons that are not Kubernetes' own are unknown."
    ) { deployment, out in
        deployment.status.conditions.forEach { condition in
            let reason = conditionReasons.contains(condition.reason.string) ? condition.reason : .literal("unknown")
            out.condition(condition.status, label: "status") { label in
                label("reason", reason)
                label("condition", condition.type)
            }
        }
    },
]

/// Reasons that Kubernetes' deployment controller gives; only these become label values, to bound their number.
private let conditionReasons: Set<String> = [
    "", "ReplicaSetUpdated", "ReplicaSetCreateError", "NewReplicaSetCreated", "FoundNewReplicaSet",
    "NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused", "DeploymentResumed",
    "MinimumReplicasAvailable", "MinimumReplicasUnavailable",
]

private let deploymentReplicaFamilies: [MetricFamily<Deployment>] = [
    DeploymentFamily("kube_deployment_status_replicas", .stable, "How many pods the deployment has.") {
        deployment, out in out.sample(Double(deployment.status.replicas))
    },
    DeploymentFamily("kube_deployment_status_replicas_ready", .stable, "How many pods of the deployment are ready.") {
        deployment, out in out.sample(Double(deployment.status.readyReplicas))
    },
    DeploymentFamily(
        "kube_deployment_status_replicas_available", .stable,
        "How many pods of the deployment have been ready for long enough to count."
    ) { deployment, out in out.sample(Double(deployment.status.availableReplicas)) },
    DeploymentFamily(
        "kube_deployment_status_replicas_unavailable", .stable, "How many pods the deployment still lacks."
    ) { deployment, out in out.sample(Double(deployment.status.unavailableReplicas)) },
    DeploymentFamily(
        "kube_deployment_status_replicas_updated", .stable, "How many pods of the deployment follow its newest template."
    ) { deployment, out in out.sample(Double(deployment.status.updatedReplicas)) },
    DeploymentFamily(
        "kube_deployment_status_terminating_replicas", .alpha,
        "How many pods of the deployment are terminating; absent where the cluster does not count them."
    ) { deployment, out in
        if let terminating = deployment.status.terminatingReplicas { out.sample(Double(terminating)) }
    },
    DeploymentFamily("kube_deployment_spec_replicas", .stable, "How many pods the deployment is to have.") {
        deployment, out in
        if let replicas = deployment.spec.replicas { out.sample(Double(replicas)) }
    },
    DeploymentFamily("kube_deployment_spec_paused", .stable, "Whether the deployment is paused: changes wait.") {
        deployment, out in out.flag(deployment.spec.paused)
    },
    DeploymentFamily(
        "kube_deployment_spec_strategy_rollingupdate_max_unavailable", .stable,
        "How many pods a rolling update may take away at once; percentages are rounded down."
    ) { deployment, out in
        out.share(deployment.spec.strategy.rollingUpdate?.maxUnavailable, of: deployment.spec.replicas, .down)
    },
    DeploymentFamily(
        "kube_deployment_spec_strategy_rollingupdate_max_surge", .stable,
        "How many pods a rolling update may add at once; percentages are rounded up."
    ) { deployment, out in
        out.share(deployment.spec.strategy.rollingUpdate?.maxSurge, of: deployment.spec.replicas, .up)
    },
]

extension SampleWriter {
    /// A number, or a percentage of `total`; nothing if either is missing or the text is no percentage.
    fileprivate mutating func share(_ share: IntOrString?, of total: Int32?, _ rule: FloatingPointRoundingRule) {
        guard let total else { return }
        switch share {
        case .int(let number): sample(Double(number))
        case .string(let text):
            guard text.hasSuffix("%"), let percent = Int(text.dropLast()) else { return }
            sample((Double(percent) * Double(total) / 100).rounded(rule))
        case nil: break
        }
    }
}
