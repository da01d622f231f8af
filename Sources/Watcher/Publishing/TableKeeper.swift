import KubernetesObjects
import RecordTable
import RecordTableWriter

/// Keeps the record table in step with what the reflectors report. Confined to its owner's lock.
struct TableKeeper {
    let writer: TableWriter
    /// For each resource whose list is running: the names met so far.
    private var listed: [Resource: Set<TableWriter.ObjectName>] = [:]
    var held = HeldRemovals()
    let clock: @Sendable () -> ContinuousClock.Instant

    /// What the table holds; everything else goes to the stream alone.
    static let resources = TabledResource.allCases.map(\.resource)

    /// - Parameter clock: for what is held back.
    init(writer: TableWriter, clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.writer = writer
        self.clock = clock
    }

    static func holds(_ resource: Resource) -> Bool { TabledResource(resource) != nil }

    mutating func listBegan(_ resource: Resource) {
        if Self.holds(resource) { listed[resource] = [] }
    }

    /// - Throws: `ObjectDecodingError` or `TableError`; the table then still holds the object's last good record.
    mutating func upsert(_ object: WatchedObject) throws {
        guard let resource = TabledResource(object.resource) else { return }
        let name = TableWriter.ObjectName(namespace: object.identity.namespace, name: object.identity.name)
        // Before decoding: an object that exists but cannot be read keeps its place.
        listed[object.resource]?.insert(name)
        switch resource {
        case .namespaces: try writer.upsert(NamespaceRecord(decoding: object.object))
        case .services: try writer.upsert(ServiceRecord(decoding: object.object))
        case .endpointSlices: try write(EndpointSliceRecord(decoding: object.object))
        case .pods:
            if let record = PodRecord(try PodAddressing(object.object)) {
                try writer.upsert(record)
                try settle(pod: name)
            } else {
                try remove(name, of: .pods)
            }
        }
    }

    mutating func delete(_ object: WatchedObject) throws(TableError) {
        guard let resource = TabledResource(object.resource) else { return }
        let name = TableWriter.ObjectName(namespace: object.identity.namespace, name: object.identity.name)
        listed[object.resource]?.remove(name)
        try remove(name, of: resource)
    }

    /// Removes what the finished list did not name, and states that the resource is whole.
    mutating func listEnded(_ resource: Resource, resourceVersion: String, now: UInt64) throws(TableError) {
        guard let present = listed.removeValue(forKey: resource), let held = TabledResource(resource) else { return }
        for name in names(of: held).subtracting(present) { try remove(name, of: held) }
        writer.setStatus(resource: resource.plural, resourceVersion: resourceVersion, isSynced: true, now: now)
        writer.beat(now: now)
    }

    mutating func reached(_ resource: Resource, resourceVersion: String, now: UInt64) {
        guard Self.holds(resource) else { return }
        writer.setStatus(resource: resource.plural, resourceVersion: resourceVersion, isSynced: false, now: now)
    }

    func beat(now: UInt64) { writer.beat(now: now) }

    var statistics: TableWriter.Statistics { writer.statistics }
    var counts: TableStatus.Counts { writer.counts }

    func names(of resource: TabledResource) -> Set<TableWriter.ObjectName> {
        switch resource {
        case .namespaces: writer.namespaceNames()
        case .services: writer.serviceNames()
        case .endpointSlices: writer.sliceNames().filter { held[$0]?.isGone != true }
        case .pods: writer.podNames()
        }
    }

    private mutating func remove(_ name: TableWriter.ObjectName, of resource: TabledResource) throws(TableError) {
        switch resource {
        case .namespaces: try writer.removeNamespace(name.name)
        case .services:
            try writer.removeService(namespace: name.namespace, name: name.name)
            try settle(service: name)
        case .endpointSlices: try removeSlice(name)
        case .pods:
            try writer.removePod(namespace: name.namespace, name: name.name)
            try settle(pod: name)
        }
    }
}
