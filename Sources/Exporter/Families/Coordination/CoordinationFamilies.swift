import KubernetesObjects

/// The resources of `coordination.k8s.io`.
let coordinationFamilies: [ResourceFamilies] = [
    // Alone among namespaced resources leases have their namespace behind other labels.
    ResourceFamilies(leaseFamilies) { lease in .clusterWide(lease.metadata, "lease") }
]
