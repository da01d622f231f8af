import KubernetesObjects

/// The resources of `networking.k8s.io`.
let networkingFamilies: [ResourceFamilies] = [
    ResourceFamilies(ingressClassFamilies) { ingressClass in .clusterWide(ingressClass.metadata, "ingressclass") },
    ResourceFamilies(ingressFamilies) { ingress in .namespaced(ingress.metadata, "ingress") },
    ResourceFamilies(networkPolicyFamilies) { policy in .namespaced(policy.metadata, "networkpolicy") },
]
