import KubernetesObjects

/// The resources of `discovery.k8s.io`.
let discoveryFamilies: [ResourceFamilies] = [
    // The one resource that names the object before its namespace.
    ResourceFamilies(endpointSliceFamilies) { slice in
        .clusterWide(slice.metadata, "endpointslice") + [("namespace", slice.metadata.namespace.string)]
    }
]
