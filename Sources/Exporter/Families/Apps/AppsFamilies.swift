import KubernetesObjects

/// The resources of `apps`.
let appsFamilies: [ResourceFamilies] = [
    ResourceFamilies(deploymentFamilies) { deployment in .namespaced(deployment.metadata, "deployment") }
]
