public import KubernetesObjects

/// What the watcher knows, by resource and bucket: the source of deltas, of snapshots and of relist by diff.
///
/// A plain value without sockets or clocks. Each object's bytes are held once; deltas and snapshots share them.
public struct StreamStore: Sendable {
    /// Given by the watcher; a new one only where history breaks.
    public internal(set) var streamID: UInt64
    var resources: [StoredResource] = []
    /// No heartbeat and no snapshot tells of these: a relay has not joined them wholly, or a publisher that was started again
    /// has not listed them yet.
    var hidden: Set<Resource> = []
    /// A relay's: what is being joined.
    var gathered: [Resource: GatheredResource] = [:]
    private var indices: [Resource: Int] = [:]
    /// Of which resources past deltas are kept, and how many bytes of them.
    private var backlogs: [Resource: Int] = [:]

    public init(streamID: UInt64) {
        self.streamID = streamID
    }

    /// Every resource that was announced or upserted, in that order.
    public var announced: [Resource] { resources.map(\.resource) }

    /// Makes the resource known, so that it has heartbeats and (empty) snapshots before its first object.
    public mutating func announce(_ resource: Resource) {
        _ = index(announcing: resource)
    }

    /// - Returns: nil when this state of the object (resourceVersion and bytes) is held already, or when it has no UID.
    public mutating func upsert(_ object: WatchedObject, commitTime: Int64) -> Delta? {
        guard !object.identity.uid.isEmpty else { return nil }
        let index = index(announcing: object.resource)
        return resources[index].upsert(object, streamID: streamID, commitTime: commitTime)
    }

    /// - Returns: nil when no such object is held.
    public mutating func delete(_ object: WatchedObject, commitTime: Int64) -> Delta? {
        let index = index(announcing: object.resource)
        return resources[index].delete(object, streamID: streamID, commitTime: commitTime)
    }

    /// A full list begins: what is not upserted from here to ``endReplace(_:commitTime:)`` does not exist any more.
    /// A second beginning starts the list anew.
    public mutating func beginReplace(_ resource: Resource) {
        let index = index(announcing: resource)
        resources[index].beginReplace()
    }

    /// - Returns: the deletions of what the list did not name; empty without a beginning.
    public mutating func endReplace(_ resource: Resource, commitTime: Int64) -> [Delta] {
        let index = index(announcing: resource)
        return resources[index].endReplace(streamID: streamID, commitTime: commitTime)
    }

    /// Heartbeats say from now on that a whole list has been seen, up to this version.
    public mutating func markSynced(_ resource: Resource, resourceVersion: String) {
        let index = index(announcing: resource)
        resources[index].synced = true
        resources[index].resourceVersion = resourceVersion
        hidden.remove(resource)
    }

    /// All objects of one bucket and the sequence up to which they include every delta; nil for an unknown resource.
    public func snapshot(_ resource: Resource, bucket: UInt8) -> (sequence: UInt64, objects: [Delta])? {
        guard let index = indices[resource], !hidden.contains(resource) else { return nil }
        return resources[index].snapshot(bucket: bucket, streamID: streamID)
    }

    /// What a request for the bucket is answered with: the deltas after what the asker has, if all of them are still kept, or else its objects,
    /// and with them, where that is asked for, all deltas that are kept.
    func part(_ resource: Resource, bucket: UInt8, after known: UInt64?, past: Bool = false) -> SnapshotAnswer.Bucket? {
        guard let index = indices[resource], !hidden.contains(resource) else { return nil }
        if let known, let deltas = resources[index].deltas(bucket: bucket, after: known) {
            return .init(bucket: bucket, sequence: resources[index].buckets[Int(bucket)].sequence, objects: deltas, isDeltas: true)
        }
        return snapshot(resource, bucket: bucket).map {
            .init(
                bucket: bucket, sequence: $0.sequence, objects: $0.objects,
                past: past ? resources[index].backlog.all(bucket, upTo: $0.sequence) : [])
        }
    }

    /// From now on past deltas of these resources are kept, each up to its number of bytes.
    mutating func keepDeltas(_ limits: [Resource: Int]) {
        backlogs = limits
        for index in resources.indices { resources[index].backlog.limit = limits[resources[index].resource] ?? 0 }
    }

    /// A resource of which nothing is known yet.
    func fresh(_ resource: Resource) -> StoredResource {
        var fresh = StoredResource(resource: resource)
        fresh.backlog.limit = backlogs[resource] ?? 0
        return fresh
    }

    public func count(_ resource: Resource) -> Int {
        indices[resource].map { resources[$0].count } ?? 0
    }

    /// Bytes of all objects of a resource, without what holding them costs.
    public func byteCount(_ resource: Resource) -> Int {
        indices[resource].map { resources[$0].byteCount } ?? 0
    }

    public func isSynced(_ resource: Resource) -> Bool {
        !hidden.contains(resource) && (indices[resource].map { resources[$0].synced } ?? false)
    }

    /// nil for an unknown resource.
    public func heartbeat(_ resource: Resource, time: Int64, intervalMilliseconds: UInt32) -> Heartbeat? {
        guard let index = indices[resource], !hidden.contains(resource) else { return nil }
        let held = resources[index]
        return Heartbeat(
            streamID: streamID, resource: resource, synced: held.synced, resourceVersion: held.resourceVersion,
            time: time, intervalMilliseconds: intervalMilliseconds, sequences: held.sequences)
    }

    /// The last sequences of the namespaces that changed within the last ``StoredResource/tailRounds`` calls.
    public mutating func nextTails(_ resource: Resource) -> [NamespaceTail] {
        guard let index = indices[resource], !hidden.contains(resource) else { return [] }
        return resources[index].nextTails(streamID: streamID)
    }

    /// The known resource whose names these are.
    public func announced(group: String, version: String, plural: String) -> Resource? {
        resources.first {
            $0.resource.plural == plural && $0.resource.group == group && $0.resource.version == version
        }?.resource
    }

    mutating func index(announcing resource: Resource) -> Int {
        if let index = indices[resource] { return index }
        indices[resource] = resources.count
        resources.append(fresh(resource))
        return resources.count - 1
    }
}
