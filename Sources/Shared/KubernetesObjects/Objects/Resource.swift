/// One kind of object that an API server lists and watches, as its discovery document names it.
public struct Resource: Hashable, Sendable {
    /// API group; the core group is the empty string, as in discovery.
    public var group: String
    public var version: String
    /// The name in paths, lower case: `endpointslices`.
    public var plural: String
    /// The name in objects: `EndpointSlice`.
    public var kind: String
    public var isNamespaced: Bool

    public init(group: String, version: String, plural: String, kind: String, isNamespaced: Bool) {
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
        self.isNamespaced = isNamespaced
    }

    /// Plurals alone nearly tell resources apart, and they are looked up several times for each event.
    public func hash(into hasher: inout Hasher) { hasher.combine(plural) }

    /// What objects say in `apiVersion`: `v1`, `apps/v1`.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The folder of the group in an API server: `/api/v1`, `/apis/apps/v1`.
    public var groupPath: String { group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)" }

    /// The path that lists and watches all objects of the cluster: `/apis/apps/v1/deployments`.
    public var listPath: String { "\(groupPath)/\(plural)" }

    /// The path that lists and watches one namespace, for namespaced resources.
    public func listPath(namespace: String) -> String { "\(groupPath)/namespaces/\(namespace)/\(plural)" }

    /// The path of one object. The namespace is left out for resources without namespaces.
    public func path(namespace: String, name: String) -> String {
        isNamespaced ? "\(listPath(namespace: namespace))/\(name)" : "\(listPath)/\(name)"
    }
}

extension Resource: CustomStringConvertible {
    /// As kubectl writes it: `pods`, `deployments.apps`.
    public var description: String { group.isEmpty ? plural : "\(plural).\(group)" }
}

extension Resource {
    private static func core(_ plural: String, _ kind: String, isNamespaced: Bool = true) -> Resource {
        Resource(group: "", version: "v1", plural: plural, kind: kind, isNamespaced: isNamespaced)
    }

    private static func v1(
        _ group: String, _ plural: String, _ kind: String, isNamespaced: Bool = true
    ) -> Resource {
        Resource(group: group, version: "v1", plural: plural, kind: kind, isNamespaced: isNamespaced)
    }

    private static func admission(_ plural: String, _ kind: String) -> Resource {
        v1("admissionregistration.k8s.io", plural, kind, isNamespaced: false)
    }

    public static let configMaps = core("configmaps", "ConfigMap")
    public static let endpoints = core("endpoints", "Endpoints")
    public static let limitRanges = core("limitranges", "LimitRange")
    public static let namespaces = core("namespaces", "Namespace", isNamespaced: false)
    public static let nodes = core("nodes", "Node", isNamespaced: false)
    public static let persistentVolumeClaims = core("persistentvolumeclaims", "PersistentVolumeClaim")
    public static let persistentVolumes = core("persistentvolumes", "PersistentVolume", isNamespaced: false)
    public static let pods = core("pods", "Pod")
    public static let replicationControllers = core("replicationcontrollers", "ReplicationController")
    public static let resourceQuotas = core("resourcequotas", "ResourceQuota")
    public static let secrets = core("secrets", "Secret")
    public static let serviceAccounts = core("serviceaccounts", "ServiceAccount")
    public static let services = core("services", "Service")

    public static let daemonSets = v1("apps", "daemonsets", "DaemonSet")
    public static let deployments = v1("apps", "deployments", "Deployment")
    public static let replicaSets = v1("apps", "replicasets", "ReplicaSet")
    public static let statefulSets = v1("apps", "statefulsets", "StatefulSet")
    public static let cronJobs = v1("batch", "cronjobs", "CronJob")
    public static let jobs = v1("batch", "jobs", "Job")
    public static let horizontalPodAutoscalers = Resource(
        group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers", kind: "HorizontalPodAutoscaler",
        isNamespaced: true)
    public static let podDisruptionBudgets = v1("policy", "poddisruptionbudgets", "PodDisruptionBudget")
    public static let ingresses = v1("networking.k8s.io", "ingresses", "Ingress")
    public static let ingressClasses = v1("networking.k8s.io", "ingressclasses", "IngressClass", isNamespaced: false)
    public static let networkPolicies = v1("networking.k8s.io", "networkpolicies", "NetworkPolicy")
    public static let endpointSlices = v1("discovery.k8s.io", "endpointslices", "EndpointSlice")
    public static let leases = v1("coordination.k8s.io", "leases", "Lease")
    public static let certificateSigningRequests = v1(
        "certificates.k8s.io", "certificatesigningrequests", "CertificateSigningRequest", isNamespaced: false)
    public static let storageClasses = v1("storage.k8s.io", "storageclasses", "StorageClass", isNamespaced: false)
    public static let volumeAttachments = v1(
        "storage.k8s.io", "volumeattachments", "VolumeAttachment", isNamespaced: false)
    public static let roles = v1("rbac.authorization.k8s.io", "roles", "Role")
    public static let roleBindings = v1("rbac.authorization.k8s.io", "rolebindings", "RoleBinding")
    public static let clusterRoles = v1("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", isNamespaced: false)
    public static let clusterRoleBindings = v1(
        "rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", isNamespaced: false)
    public static let mutatingWebhookConfigurations = admission(
        "mutatingwebhookconfigurations", "MutatingWebhookConfiguration")
    public static let validatingWebhookConfigurations = admission(
        "validatingwebhookconfigurations", "ValidatingWebhookConfiguration")
    public static let validatingAdmissionPolicies = admission(
        "validatingadmissionpolicies", "ValidatingAdmissionPolicy")
    public static let validatingAdmissionPolicyBindings = admission(
        "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding")
    public static let mutatingAdmissionPolicies = admission("mutatingadmissionpolicies", "MutatingAdmissionPolicy")
    public static let mutatingAdmissionPolicyBindings = admission(
        "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding")

    /// Every resource that DNS, object metrics and resource metrics need, in the order of their groups.
    public static let all: [Resource] = [
        configMaps, endpoints, limitRanges, namespaces, nodes, persistentVolumeClaims, persistentVolumes, pods,
        replicationControllers, resourceQuotas, secrets, serviceAccounts, services,
        daemonSets, deployments, replicaSets, statefulSets, cronJobs, jobs, horizontalPodAutoscalers,
        podDisruptionBudgets, ingresses, ingressClasses, networkPolicies, endpointSlices, leases,
        certificateSigningRequests, storageClasses, volumeAttachments,
        roles, roleBindings, clusterRoles, clusterRoleBindings,
        mutatingWebhookConfigurations, validatingWebhookConfigurations,
        validatingAdmissionPolicies, validatingAdmissionPolicyBindings,
        mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings,
    ]

    private static let byName = index(all)

    /// The resource of ``all`` with this name, the spelling of `--resources`: its plural (`pods`), or where two groups share
    /// that, plural and group (`events.events.k8s.io`). A shared plural alone is the first one's in ``all``.
    public static func named(_ name: String) -> Resource? { byName[name] }

    static func index(_ resources: [Resource]) -> [String: Resource] {
        var index: [String: Resource] = [:]
        for resource in resources { index[index[resource.plural] == nil ? resource.plural : resource.description] = resource }
        return index
    }
}
