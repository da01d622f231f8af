import KubernetesObjects

private typealias ClaimFamily = MetricFamily<PersistentVolumeClaim>

let persistentVolumeClaimFamilies: [MetricFamily<PersistentVolumeClaim>] = [
    .labels("kube_persistentvolumeclaim_labels"),
    .annotations("kube_persistentvolumeclaim_annotations"),
    ClaimFamily("kube_persistentvolumeclaim_info", .stable, "The storage class, the volume and the volume mode of the claim.") {
        claim, out in
        // Before claims had a field for their class, an annotation named it; where it is set it wins, even empty.
        let annotated = claim.metadata.annotations["volume.beta.kubernetes.io/storage-class"]
        out.info { label in
            if let annotated {
                label("storageclass", annotated)
            } else {
                label("storageclass", claim.spec.storageClassName.orEmpty)
            }
            label("volumename", claim.spec.volumeName)
            label("volumemode", claim.spec.volumeMode.orEmpty)
        }
    },
    ClaimFamily(
        "kube_persistentvolumeclaim_status_phase", .stable, "In which phase the claim is: 1 for that one, 0 for the others."
    ) { claim, out in
        guard !claim.status.phase.isEmpty else { return }
        out.states(["Lost", "Bound", "Pending"], now: claim.status.phase, label: "phase")
    },
    ClaimFamily("kube_persistentvolumeclaim_resource_requests_storage_bytes", .stable, "How much storage the claim asks for.") {
        claim, out in
        if let storage = claim.spec.resources.requests["storage"] { out.sample(Double(storage.value)) }
    },
    ClaimFamily("kube_persistentvolumeclaim_access_mode", .stable, "Each way in which nodes are to mount the claim's volume.") {
        claim, out in
        claim.spec.accessModes.forEach { mode in out.info("access_mode", mode) }
    },
    ClaimFamily(
        "kube_persistentvolumeclaim_status_condition", .alpha,
        "Conditions of the claim, such as those of a resize, one sample for each possible status."
    ) { claim, out in out.conditions(claim.status.conditions) },
    .created("kube_persistentvolumeclaim_created", .alpha),
    .deleted("kube_persistentvolumeclaim_deletion_timestamp"),
]
