extension MessageSchema {
    /// The package of an API group in our .proto files.
    private static func package(of resource: Resource) -> String? {
        switch "\(resource.group)/\(resource.version)" {
        case "/v1": "core"
        case "apps/v1": "apps"
        case "batch/v1": "batch"
        case "autoscaling/v2": "autoscaling"
        case "policy/v1": "policy"
        case "networking.k8s.io/v1": "networking"
        case "discovery.k8s.io/v1": "discovery"
        case "coordination.k8s.io/v1": "coordination"
        case "certificates.k8s.io/v1": "certificates"
        case "storage.k8s.io/v1": "storage"
        case "rbac.authorization.k8s.io/v1": "rbac"
        case "admissionregistration.k8s.io/v1": "admission"
        case "authentication.k8s.io/v1": "authentication"
        case "authorization.k8s.io/v1": "authorization"
        case "metrics.k8s.io/v1beta1": "metrics"
        default: nil
        }
    }

    private static let known: [Resource: MessageSchema] = {
        var schemas: [Resource: MessageSchema] = [:]
        for resource in Resource.all + Resource.reviewsAndMetrics {
            guard let package = package(of: resource) else { continue }
            schemas[resource] = MessageSchema(named: "\(package).\(resource.kind)")
        }
        return schemas
    }()

    static func of(_ resource: Resource) throws(ObjectDecodingError) -> MessageSchema {
        guard let schema = known[resource] else {
            throw ObjectDecodingError(.unknownResource, at: 0, resource: resource.plural)
        }
        return schema
    }

    static let status = object("meta.Status")
    static let listMeta = object("meta.ListMeta")
    static let objectMeta = object("meta.ObjectMeta")
    static let partialObjectMetadata = object("meta.PartialObjectMetadata")
    static let unknown = object("meta.Unknown")
    static let watchEvent = object("meta.WatchEvent")
}

extension Resource {
    public static let tokenReviews = Resource(
        group: "authentication.k8s.io", version: "v1", plural: "tokenreviews", kind: "TokenReview",
        isNamespaced: false)
    public static let subjectAccessReviews = Resource(
        group: "authorization.k8s.io", version: "v1", plural: "subjectaccessreviews", kind: "SubjectAccessReview",
        isNamespaced: false)
    public static let nodeMetrics = Resource(
        group: "metrics.k8s.io", version: "v1beta1", plural: "nodes", kind: "NodeMetrics", isNamespaced: false)
    public static let podMetrics = Resource(
        group: "metrics.k8s.io", version: "v1beta1", plural: "pods", kind: "PodMetrics", isNamespaced: true)

    /// What is not watched but has a schema here: ``ObjectTranscoder`` knows these too.
    public static let reviewsAndMetrics: [Resource] = [tokenReviews, subjectAccessReviews, nodeMetrics, podMetrics]
}
