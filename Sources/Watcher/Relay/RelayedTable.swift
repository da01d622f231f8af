import DeltaStream
import KubernetesObjects
import RecordTable
import RecordTableWriter

/// The record table of a relay.
///
/// Records are keyed by name, the stream by UID. Buckets that are fetched again after a loss come in any order, so an object
/// and its namesake that followed it may be held both for a while. The table keeps a name while any held object bears it.
struct RelayedTable {
    private var keeper: TableKeeper
    private var holders: [Resource: [TableWriter.ObjectName: [WatchedObject]]] = [:]
    private var listing: Set<Resource>

    /// What the table holds from an earlier life stays until the first whole state of its resource shows what is gone.
    init(keeper: consuming TableKeeper) {
        self.keeper = keeper
        listing = Set(TableKeeper.resources)
        for resource in TableKeeper.resources { self.keeper.listBegan(resource) }
    }

    /// - Throws: as `TableKeeper.upsert`.
    mutating func put(_ object: WatchedObject) throws {
        guard TableKeeper.holds(object.resource) else { return }
        let name = TableWriter.ObjectName(namespace: object.identity.namespace, name: object.identity.name)
        var held = holders[object.resource]?[name] ?? []
        held.removeAll { $0.identity.uid == object.identity.uid }
        held.append(object)
        holders[object.resource, default: [:]][name] = held
        try keeper.upsert(object)
    }

    mutating func drop(_ object: WatchedObject) throws {
        guard TableKeeper.holds(object.resource) else { return }
        let name = TableWriter.ObjectName(namespace: object.identity.namespace, name: object.identity.name)
        var held = holders[object.resource]?[name] ?? []
        held.removeAll { $0.identity.uid == object.identity.uid }
        holders[object.resource]?[name] = held.isEmpty ? nil : held
        if let namesake = held.last {
            try keeper.upsert(namesake)
        } else {
            try keeper.delete(object)
        }
    }

    /// The resource is whole: what an earlier life left and nobody named goes.
    mutating func whole(_ resource: Resource, resourceVersion: String, now: UInt64) throws {
        guard listing.remove(resource) != nil else { return }
        try keeper.listEnded(resource, resourceVersion: resourceVersion, now: now)
    }

    mutating func reached(_ resource: Resource, resourceVersion: String, now: UInt64) {
        keeper.reached(resource, resourceVersion: resourceVersion, now: now)
    }

    func beat(now: UInt64) { keeper.beat(now: now) }

    var statistics: TableWriter.Statistics { keeper.statistics }
    var counts: TableStatus.Counts { keeper.counts }
}
