import KubernetesObjects

private typealias ControllerFamily = MetricFamily<ReplicationController>

let replicationControllerFamilies: [MetricFamily<ReplicationController>] = [
    .created("kube_replicationcontroller_created"),
    ControllerFamily("kube_replicationcontroller_status_replicas", .stable, "How many pods the replication controller has.") {
        controller, out in out.sample(Double(controller.status.replicas))
    },
    ControllerFamily(
        "kube_replicationcontroller_status_fully_labeled_replicas", .stable,
        "How many pods of the replication controller have all labels of its pod template."
    ) { controller, out in out.sample(Double(controller.status.fullyLabeledReplicas)) },
    ControllerFamily(
        "kube_replicationcontroller_status_ready_replicas", .stable, "How many pods of the replication controller are ready."
    ) { controller, out in out.sample(Double(controller.status.readyReplicas)) },
    ControllerFamily(
        "kube_replicationcontroller_status_available_replicas", .stable,
        "How many pods of the replication controller have been ready for long enough to count."
    ) { controller, out in out.sample(Double(controller.status.availableReplicas)) },
    ControllerFamily(
        "kube_replicationcontroller_status_observed_generation", .stable,
        "The newest generation of the wanted state that has been acted on."
    ) { controller, out in out.sample(Double(controller.status.observedGeneration)) },
    ControllerFamily(
        "kube_replicationcontroller_spec_replicas", .stable, "How many pods the replication controller is to have."
    ) { controller, out in
        if let replicas = controller.spec.replicas { out.sample(Double(replicas)) }
    },
    .generation("kube_replicationcontroller_metadata_generation"),
    .owner("kube_replicationcontroller_owner", .alpha),
]
