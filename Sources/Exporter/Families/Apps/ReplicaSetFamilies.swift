import KubernetesObjects

private typealias ReplicaSetFamily = MetricFamily<ReplicaSet>

let replicaSetFamilies: [MetricFamily<ReplicaSet>] = [
    .created("kube_replicaset_created"),
    ReplicaSetFamily("kube_replicaset_status_replicas", .stable, "How many pods the replica set has.") { replicaSet, out in
        out.sample(Double(replicaSet.status.replicas))
    },
    ReplicaSetFamily(
        "kube_replicaset_status_fully_labeled_replicas", .stable,
        "How many pods of the replica set have all labels of its pod template."
    ) { replicaSet, out in out.sample(Double(replicaSet.status.fullyLabeledReplicas)) },
    ReplicaSetFamily("kube_replicaset_status_ready_replicas", .stable, "How many pods of the replica set are ready.") {
        replicaSet, out in out.sample(Double(replicaSet.status.readyReplicas))
    },
    ReplicaSetFamily(
        "kube_replicaset_status_terminating_replicas", .alpha,
        "How many pods of the replica set are terminating; absent where the cluster does not count them."
    ) { replicaSet, out in
        if let terminating = replicaSet.status.terminatingReplicas { out.sample(Double(terminating)) }
    },
    ReplicaSetFamily(
        "kube_replicaset_status_observed_generation", .stable,
        "The newest generation of the wanted state that the replica set controller has acted on."
    ) { replicaSet, out in out.sample(Double(replicaSet.status.observedGeneration)) },
    ReplicaSetFamily("kube_replicaset_spec_replicas", .stable, "How many pods the replica set is to have.") { replicaSet, out in
        if let replicas = replicaSet.spec.replicas { out.sample(Double(replicas)) }
    },
    .generation("kube_replicaset_metadata_generation"),
    .owner("kube_replicaset_owner"),
    .annotations("kube_replicaset_annotations"),
    .labels("kube_replicaset_labels"),
]
