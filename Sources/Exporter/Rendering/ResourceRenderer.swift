import Kubernetes

/// Turns encoded objects of one resource into records, by the families that are served of it.
struct ResourceRenderer: Sendable {
    let resource: Resource
    /// In the order of the record's sections.
    let families: [FamilyDescription]
    /// nil: the object is of no interest (it is on another node).
    let record: @Sendable (EncodedObject) throws(ObjectDecodingError) -> ObjectRecord?
}

/// The families of one resource, all of them, and what identifies an object in their samples.
struct ResourceFamilies: Sendable {
    let resource: Resource
    let families: [FamilyDescription]
    private let make: @Sendable (FamilyFilter, FamilyContext, NodeSelection) -> ResourceRenderer

    /// - Parameters:
    ///   - identity: the labels of every sample, in their order.
    ///   - node: the node of an object, for resources that are selected by node.
    init<Object: KubernetesObject>(
        _ rows: [MetricFamily<Object>], identity: @escaping @Sendable (Object) -> [(String, String)],
        node: (@Sendable (Object) -> String)? = nil
    ) {
        resource = Object.resource
        families = rows.map(\.description)
        make = { filter, context, selection in
            let served = rows.filter { filter.admits($0.description) }
            return ResourceRenderer(resource: Object.resource, families: served.map(\.description)) {
                (encoded) throws(ObjectDecodingError) in
                let object = try Object(encoded)
                if let node, !selection.admits(node(object)) { return nil }
                var writer = SampleWriter()
                var lengths: [Int] = []
                lengths.reserveCapacity(served.count)
                var written = 0
                for family in served {
                    family.write(object, context, &writer)
                    lengths.append(writer.bytes.count - written)
                    written = writer.bytes.count
                }
                return ObjectRecord(identity: identityLabels(identity(object)), samples: writer.bytes, lengths: lengths)
            }
        }
    }

    func renderer(
        _ filter: FamilyFilter, context: FamilyContext = FamilyContext(), nodes: NodeSelection = .all
    ) -> ResourceRenderer {
        make(filter, context, nodes)
    }
}

/// Pods of which nodes: `--node` and `--track-unscheduled-pods`.
enum NodeSelection: Hashable, Sendable {
    case all
    case named(String)
    /// Pods that have no node yet.
    case none

    func admits(_ node: String) -> Bool {
        switch self {
        case .all: true
        case .named(let name): node == name
        case .none: node.isEmpty
        }
    }
}
