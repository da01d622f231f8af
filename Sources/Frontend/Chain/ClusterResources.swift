import RecordTable

/// Kinds of objects that answers are made of: those that a block's options need, or those that the record table has whole.
///
/// What a handler needs is stated once, in its settings; what it denies and what `ready` says both follow from that statement.
struct ClusterResources: OptionSet, Sendable {
    let rawValue: UInt8

    static let namespaces = ClusterResources(rawValue: 1 << 0)
    static let services = ClusterResources(rawValue: 1 << 1)
    static let endpointSlices = ClusterResources(rawValue: 1 << 2)
    static let pods = ClusterResources(rawValue: 1 << 3)

    /// Each with the name under which the watcher states how far it is.
    private static let plurals: [(resource: ClusterResources, plural: String)] = [
        (.namespaces, "namespaces"), (.services, "services"), (.endpointSlices, "endpointslices"), (.pods, "pods"),
    ]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Those that the table has been given whole at least once. Allocates: not for queries.
    init(syncedIn status: TableStatus) {
        self = []
        for entry in Self.plurals where status.isSynced([entry.plural]) { insert(entry.resource) }
    }
}
