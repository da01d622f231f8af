import KubernetesObjects

private typealias VolumeAttachmentFamily = MetricFamily<VolumeAttachment>

let volumeAttachmentFamilies: [MetricFamily<VolumeAttachment>] = [
    VolumeAttachmentFamily(
        "kube_volumeattachment_labels", .alpha, "The labels of the object, each as a label; no allow list is asked."
    ) { attachment, out in
        out.sample(1, labels: MetadataLabels.make(attachment.metadata.labels.dictionary(), prefix: "label"))
    },
    VolumeAttachmentFamily("kube_volumeattachment_info", .alpha, "Which driver attaches the volume, and to which node.") {
        attachment, out in
        out.info { label in
            label("attacher", attachment.spec.attacher)
            label("node", attachment.spec.nodeName)
        }
    },
    .created("kube_volumeattachment_created", .alpha),
    VolumeAttachmentFamily(
        "kube_volumeattachment_spec_source_persistentvolume", .alpha,
        "The persistent volume that is attached; absent for volumes that a pod describes itself."
    ) { attachment, out in
        if let volume = attachment.spec.source.persistentVolumeName { out.info("volumename", volume) }
    },
    VolumeAttachmentFamily("kube_volumeattachment_status_attached", .alpha, "Whether the volume is attached by now.") {
        attachment, out in
        out.flag(attachment.status.attached)
    },
    VolumeAttachmentFamily(
        "kube_volumeattachment_status_attachment_metadata", .alpha,
        "What the driver said of the attached volume, each as a label."
    ) { attachment, out in
        let said = attachment.status.attachmentMetadata.dictionary()
        out.sample(1, labels: MetadataLabels.make(said, prefix: "metadata"))
    },
]
