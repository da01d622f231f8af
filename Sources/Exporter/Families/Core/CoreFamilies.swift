import KubernetesObjects

/// The resources of the core group.
let coreFamilies: [ResourceFamilies] = [
    ResourceFamilies(nodeFamilies) { node in .clusterWide(node.metadata, "node") },
    ResourceFamilies(
        podFamilies, identity: { pod in .namespaced(pod.metadata, "pod", hasUID: true) }, node: { $0.spec.nodeName.string }),
    ResourceFamilies(serviceFamilies) { service in .namespaced(service.metadata, "service", hasUID: true) },
]
