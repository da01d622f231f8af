import DeltaStream
import KubernetesObjects
import RecordTable
import RecordTableWriter

/// The record table of a relay.
///
/// Records are keyed by name, the stream by UID. The table keeps a name while any held object bears it: see ``FollowedObjects``.
struct RelayedTable {
    private var keeper: TableKeeper
    private var objects: [Resource: FollowedObjects<WatchedObject>]
    private var listing: Set<Resource>

    /// What the table holds from an earlier life stays until the first whole state of its resource shows what is gone.
    init(keeper: consuming TableKeeper) {
        self.keeper = keeper
        listing = Set(TableKeeper.resources)
        objects = TableKeeper.resources.reduce(into: [:]) { $0[$1] = FollowedObjects(isNamed: true) }
        for resource in TableKeeper.resources { self.keeper.listBegan(resource) }
    }

    /// - Throws: as `TableKeeper.upsert`.
    mutating func put(_ object: WatchedObject) throws {
        guard TableKeeper.holds(object.resource) else { return }
        objects[object.resource]?.upsert(Self.entry(object), bucket: Topic.bucket(ofUID: object.identity.uid))
        try keeper.upsert(object)
    }

    mutating func drop(_ object: WatchedObject) throws {
        guard TableKeeper.holds(object.resource) else { return }
        let entry = Self.entry(object)
        objects[object.resource]?.remove(uid: entry.uid, bucket: Topic.bucket(ofUID: object.identity.uid))
        if let (_, namesake) = objects[object.resource]?.entry(named: entry.name) {
            try keeper.upsert(namesake.kept)
        } else {
            try keeper.delete(object)
        }
    }

    private static func entry(_ object: WatchedObject) -> FollowedObjects<WatchedObject>.Entry {
        let identity = object.identity
        return .init(
            uid: ObjectKey(uid: identity.uid), name: ObjectKey(namespace: identity.namespace, name: identity.name), kept: object)
    }

    /// The resource is whole: what an earlier life left and nobody named goes.
    mutating func whole(_ resource: Resource, resourceVersion: String, now: UInt64) throws {
        guard listing.remove(resource) != nil else { return }
        try keeper.listEnded(resource, resourceVersion: resourceVersion, now: now)
    }

    mutating func reached(_ resource: Resource, resourceVersion: String, now: UInt64) {
        keeper.reached(resource, resourceVersion: resourceVersion, now: now)
    }

    /// As ``TableKeeper/due`` and ``TableKeeper/release()``.
    var due: ContinuousClock.Instant? { keeper.due }
    mutating func release() throws { try keeper.release() }

    func beat(now: UInt64) { keeper.beat(now: now) }

    var statistics: TableWriter.Statistics { keeper.statistics }
    var counts: TableStatus.Counts { keeper.counts }
}
