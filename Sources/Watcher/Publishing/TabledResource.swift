import KubernetesObjects

/// The resources that the record table holds; everything else goes to the stream alone.
///
/// A resource becomes one of these here and nowhere else, so that what the table does with each is spelled out where it is done.
enum TabledResource: CaseIterable {
    case namespaces, services, endpointSlices, pods

    /// - Returns: nil for a resource that the table does not hold.
    init?(_ resource: Resource) {
        guard let found = Self.allCases.first(where: { $0.resource == resource }) else { return nil }
        self = found
    }

    var resource: Resource {
        switch self {
        case .namespaces: .namespaces
        case .services: .services
        case .endpointSlices: .endpointSlices
        case .pods: .pods
        }
    }
}
