import KubernetesObjects

/// The resources of the core group.
let coreFamilies: [ResourceFamilies] = [
    ResourceFamilies(configMapFamilies) { .namespaced($0.metadata, "configmap") },
    ResourceFamilies(endpointsFamilies) { .namespaced($0.metadata, "endpoint") },
    ResourceFamilies(limitRangeFamilies) { .namespaced($0.metadata, "limitrange") },
    ResourceFamilies(namespaceFamilies) { .clusterWide($0.metadata, "namespace") },
    ResourceFamilies(nodeFamilies) { .clusterWide($0.metadata, "node") },
    ResourceFamilies(persistentVolumeClaimFamilies) { .namespaced($0.metadata, "persistentvolumeclaim") },
    ResourceFamilies(persistentVolumeFamilies) { .clusterWide($0.metadata, "persistentvolume") },
    ResourceFamilies(
        podFamilies, identity: { .namespaced($0.metadata, "pod", hasUID: true) }, node: { $0.spec.nodeName.string }),
    ResourceFamilies(replicationControllerFamilies) { .namespaced($0.metadata, "replicationcontroller") },
    ResourceFamilies(resourceQuotaFamilies) { .namespaced($0.metadata, "resourcequota") },
    ResourceFamilies(secretFamilies) { .namespaced($0.metadata, "secret") },
    ResourceFamilies(serviceAccountFamilies) { .namespaced($0.metadata, "serviceaccount", hasUID: true) },
    ResourceFamilies(serviceFamilies) { .namespaced($0.metadata, "service", hasUID: true) },
]
