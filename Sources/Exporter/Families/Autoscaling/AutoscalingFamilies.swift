import KubernetesObjects

/// The resources of `autoscaling`.
let autoscalingFamilies: [ResourceFamilies] = [
    ResourceFamilies(horizontalPodAutoscalerFamilies) { autoscaler in .namespaced(autoscaler.metadata, "horizontalpodautoscaler") }
]
