import KubernetesObjects

/// Turns encoded objects of one resource into records, by the families that are served of it.
struct ResourceRenderer: Sendable {
    let resource: Resource
    /// In the order of the record's sections.
    let families: [FamilyDescription]
    /// nil: the object is of no interest (it is on another node).
    let record: @Sendable (EncodedObject) throws(ObjectDecodingError) -> ObjectRecord?
}

/// The families that are served of one kind of object.
struct FamilySet<Object: ~Escapable>: Sendable {
    /// What the rows do, without what they are called: going through rows costs more than most of them do.
    private let writes: [@Sendable (Object, FamilyContext, inout SampleWriter) -> Void]
    let descriptions: [FamilyDescription]

    init(_ rows: [MetricFamily<Object>], filter: FamilyFilter) {
        let served = rows.filter { filter.admits($0.description) }
        writes = served.map(\.write)
        descriptions = served.map(\.description)
    }

    /// - Parameter identity: from ``identityLabels(_:)``.
    func record(
        of object: Object, identity: [UInt8], _ context: FamilyContext = FamilyContext()
    ) -> ObjectRecord {
        var writer = SampleWriter()
        var lengths: [Int] = []
        lengths.reserveCapacity(writes.count)
        for write in writes {
            let start = writer.count
            write(object, context, &writer)
            lengths.append(writer.count - start)
        }
        return ObjectRecord(identity: identity, samples: writer.bytes, lengths: lengths)
    }
}

/// The families of one resource, all of them, and what identifies an object in their samples.
struct ResourceFamilies: Sendable {
    let resource: Resource
    let families: [FamilyDescription]
    private let make: @Sendable (FamilyFilter, FamilyContext, NodeSelection) -> ResourceRenderer

    /// - Parameters:
    ///   - identity: the labels of every sample, in their order.
    ///   - node: the node of an object, for resources that are selected by node.
    init<Object: KubernetesObject & ~Escapable>(
        _ rows: [MetricFamily<Object>], identity: @escaping @Sendable (Object) -> [(String, String)],
        node: (@Sendable (Object) -> String)? = nil
    ) {
        resource = Object.resource
        families = rows.map(\.description)
        make = { filter, context, selection in
            let served = FamilySet(rows, filter: filter)
            return ResourceRenderer(resource: Object.resource, families: served.descriptions) {
                (encoded) throws(ObjectDecodingError) in
                try encoded.read(as: Object.self) { object in
                    if let node, !selection.admits(node(object)) { return nil }
                    return served.record(of: object, identity: identityLabels(identity(object)), context)
                }
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
