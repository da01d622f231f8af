import KubernetesObjects

private typealias StatefulSetFamily = MetricFamily<StatefulSet>

let statefulSetFamilies: [MetricFamily<StatefulSet>] = [
    .created("kube_statefulset_created"),
    StatefulSetFamily("kube_statefulset_status_replicas", .stable, "How many pods the stateful set has.") { statefulSet, out in
        out.sample(Double(statefulSet.status.replicas))
    },
    StatefulSetFamily(
        "kube_statefulset_status_replicas_available", .stable,
        "How many pods of the stateful set have been ready for long enough to count."
    ) { statefulSet, out in out.sample(Double(statefulSet.status.availableReplicas)) },
    StatefulSetFamily(
        "kube_statefulset_status_replicas_current", .stable, "How many pods of the stateful set are of its current revision."
    ) { statefulSet, out in out.sample(Double(statefulSet.status.currentReplicas)) },
    StatefulSetFamily("kube_statefulset_status_replicas_ready", .stable, "How many pods of the stateful set are ready.") {
        statefulSet, out in out.sample(Double(statefulSet.status.readyReplicas))
    },
    StatefulSetFamily(
        "kube_statefulset_status_replicas_updated", .stable, "How many pods of the stateful set are of the revision it updates to."
    ) { statefulSet, out in out.sample(Double(statefulSet.status.updatedReplicas)) },
    StatefulSetFamily(
        "kube_statefulset_status_observed_generation", .stable,
        "The newest generation of the wanted state that the stateful set controller has acted on."
    ) { statefulSet, out in out.sample(Double(statefulSet.status.observedGeneration)) },
    StatefulSetFamily("kube_statefulset_replicas", .stable, "How many pods the stateful set is to have.") { statefulSet, out in
        if let replicas = statefulSet.spec.replicas { out.sample(Double(replicas)) }
    },
    StatefulSetFamily(
        "kube_statefulset_ordinals_start", .stable, "The number of the first pod; absent if the stateful set leaves it open."
    ) { statefulSet, out in
        if let ordinals = statefulSet.spec.ordinals { out.sample(Double(ordinals.start)) }
    },
    .generation("kube_statefulset_metadata_generation"),
    StatefulSetFamily(
        "kube_statefulset_persistentvolumeclaim_retention_policy", .stable,
        "What becomes of the claims of pods when the stateful set is deleted and when it shrinks."
    ) { statefulSet, out in
        guard let policy = statefulSet.spec.persistentVolumeClaimRetentionPolicy,
            !policy.whenDeleted.isEmpty || !policy.whenScaled.isEmpty
        else { return }
        out.info { label in
            label("when_deleted", policy.whenDeleted)
            label("when_scaled", policy.whenScaled)
        }
    },
    .annotations("kube_statefulset_annotations", .stable),
    .labels("kube_statefulset_labels"),
    StatefulSetFamily(
        "kube_statefulset_status_current_revision", .stable, "The revision of the pods that are not updated yet."
    ) { statefulSet, out in out.info("revision", statefulSet.status.currentRevision) },
    StatefulSetFamily(
        "kube_statefulset_status_update_revision", .stable, "The revision that pods are updated to."
    ) { statefulSet, out in out.info("revision", statefulSet.status.updateRevision) },
    .deleted("kube_statefulset_deletion_timestamp", .stable),
]
