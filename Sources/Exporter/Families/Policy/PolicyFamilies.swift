import KubernetesObjects

/// The resources of `policy`.
let policyFamilies: [ResourceFamilies] = [
    ResourceFamilies(podDisruptionBudgetFamilies) { budget in .namespaced(budget.metadata, "poddisruptionbudget") }
]
