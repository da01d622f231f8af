import KubernetesObjects

/// The resources of `rbac.authorization.k8s.io`.
let rbacFamilies: [ResourceFamilies] = [
    ResourceFamilies(clusterRoleBindingFamilies) { binding in .clusterWide(binding.metadata, "clusterrolebinding") },
    ResourceFamilies(clusterRoleFamilies) { role in .clusterWide(role.metadata, "clusterrole") },
    ResourceFamilies(roleBindingFamilies) { binding in .namespaced(binding.metadata, "rolebinding") },
    ResourceFamilies(roleFamilies) { role in .namespaced(role.metadata, "role") },
]
