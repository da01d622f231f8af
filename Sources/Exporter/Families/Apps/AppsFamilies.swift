import KubernetesObjects

/// The resources of `apps`.
let appsFamilies: [ResourceFamilies] = [
    ResourceFamilies(daemonSetFamilies) { daemonSet in .namespaced(daemonSet.metadata, "daemonset") },
    ResourceFamilies(deploymentFamilies) { deployment in .namespaced(deployment.metadata, "deployment") },
    ResourceFamilies(replicaSetFamilies) { replicaSet in .namespaced(replicaSet.metadata, "replicaset") },
    ResourceFamilies(statefulSetFamilies) { statefulSet in .namespaced(statefulSet.metadata, "statefulset") },
]
