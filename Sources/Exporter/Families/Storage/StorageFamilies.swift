import KubernetesObjects

/// The resources of `storage.k8s.io`.
let storageFamilies: [ResourceFamilies] = [
    ResourceFamilies(storageClassFamilies) { storageClass in .clusterWide(storageClass.metadata, "storageclass") },
    ResourceFamilies(volumeAttachmentFamilies) { attachment in .clusterWide(attachment.metadata, "volumeattachment") },
]
