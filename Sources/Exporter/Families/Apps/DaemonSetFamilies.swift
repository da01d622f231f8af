import KubernetesObjects

private typealias DaemonSetFamily = MetricFamily<DaemonSet>

let daemonSetFamilies: [MetricFamily<DaemonSet>] = [
    .created("kube_daemonset_created"),
    DaemonSetFamily(
        "kube_daemonset_status_current_number_scheduled", .stable,
        "How many of the nodes that are to run a pod of the daemon set have one."
    ) { daemonSet, out in out.sample(Double(daemonSet.status.currentNumberScheduled)) },
    DaemonSetFamily(
        "kube_daemonset_status_desired_number_scheduled", .stable, "How many nodes are to run a pod of the daemon set."
    ) { daemonSet, out in out.sample(Double(daemonSet.status.desiredNumberScheduled)) },
    DaemonSetFamily(
        "kube_daemonset_status_number_available", .stable,
        "On how many of the wanted nodes a pod has been ready for long enough to count."
    ) { daemonSet, out in out.sample(Double(daemonSet.status.numberAvailable)) },
    DaemonSetFamily(
        "kube_daemonset_status_number_misscheduled", .stable, "How many nodes have a pod of the daemon set and are not to have one."
    ) { daemonSet, out in out.sample(Double(daemonSet.status.numberMisscheduled)) },
    DaemonSetFamily("kube_daemonset_status_number_ready", .stable, "On how many of the wanted nodes a pod is ready.") {
        daemonSet, out in out.sample(Double(daemonSet.status.numberReady))
    },
    DaemonSetFamily(
        "kube_daemonset_status_number_unavailable", .stable, "How many of the wanted nodes still lack an available pod."
    ) { daemonSet, out in out.sample(Double(daemonSet.status.numberUnavailable)) },
    DaemonSetFamily(
        "kube_daemonset_status_observed_generation", .stable,
        "The newest generation of the wanted state that the daemon set controller has acted on."
    ) { daemonSet, out in out.sample(Double(daemonSet.status.observedGeneration)) },
    DaemonSetFamily(
        "kube_daemonset_status_updated_number_scheduled", .stable, "How many nodes have a pod that follows the newest template."
    ) { daemonSet, out in out.sample(Double(daemonSet.status.updatedNumberScheduled)) },
    .generation("kube_daemonset_metadata_generation"),
    .deleted("kube_daemonset_deletion_timestamp"),
    .annotations("kube_daemonset_annotations"),
    .labels("kube_daemonset_labels"),
]
