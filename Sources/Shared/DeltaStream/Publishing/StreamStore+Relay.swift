public import KubernetesObjects
import Synchronization

// A relay republishes its upstream's stream *as it is*: stream id, sequences, `previous`, commit times and resourceVersions
// pass through. So a restart of a relay is no break in history: whoever follows it finds after the restart the numbers it
// knows, and fetches only the buckets that moved meanwhile.
//
// - A delta is stored and sent verbatim.
// - A bucket that was fetched again after a loss is put in place without a word; sequences in the next heartbeat tell those
//   below that they are behind.
// - The bucket's old state is a true state of the past until then, and stays in use.
// - A resource that is not wholly joined, or that the upstream has not listed wholly, is *hidden*: no heartbeat, no snapshot.
//   It is gathered aside and shown in one step. So nobody below ever takes a part for the whole. On an upstream's new stream
//   id the store goes over to it with the first resource that is whole there; the others are hidden until they are whole
//   too, and those below keep meanwhile what they hold.
// - Of pods it has the past too, as far as its upstream keeps it, so that those below who want every change can be told what they missed while this
//   relay was away or behind. What the relay itself has missed it asks for as deltas and hands them on; a bucket that comes as objects brings the
//   deltas that led to them, which take the place of those kept here. Where the upstream has no more, a bucket's past ends, and whoever asks
//   for more gets objects: it sees what it has lost.
// - Heartbeats are passed on when the upstream's come, never made up. A silence at the top is a silence at every level, so
//   that age is told honestly everywhere.

/// What a relay holds back.
struct GatheredResource: Sendable {
    let streamID: UInt64
    var resource: StoredResource
    var missing = BucketSet.all
}

extension StreamStore {
    /// Makes a resource known that is to be relayed; it is hidden until it is whole.
    mutating func relay(announcing resource: Resource) {
        guard !announced.contains(resource) else { return }
        announce(resource)
        hidden.insert(resource)
    }

    func isShown(_ resource: Resource, streamID: UInt64) -> Bool {
        streamID == self.streamID && !hidden.contains(resource)
    }

    /// - Returns: what is gone from a resource that is shown.
    mutating func relay(
        _ resource: Resource, bucket: UInt8, objects: [Delta], past: [Delta] = [], position: StreamPosition
    ) -> [WatchedObject] {
        if isShown(resource, streamID: position.streamID) {
            self.gathered[resource] = nil
            return resources[index(announcing: resource)].place(bucket, objects, sequence: position.sequence, past: past)
        }
        var gathered = self.gathered.removeValue(forKey: resource)
        if gathered?.streamID != position.streamID { gathered = nil }
        var next = gathered ?? .init(streamID: position.streamID, resource: fresh(resource))
        _ = next.resource.place(bucket, objects, sequence: position.sequence, past: past)
        next.missing.remove(bucket)
        self.gathered[resource] = next
        return []
    }

    /// - Returns: whether the resource is shown, so that the delta is to be sent.
    mutating func relay(_ delta: Delta) -> Bool {
        if isShown(delta.resource, streamID: delta.streamID) {
            resources[index(announcing: delta.resource)].follow(delta)
            return true
        }
        guard gathered[delta.resource]?.streamID == delta.streamID else { return false }
        gathered[delta.resource]?.resource.follow(delta)
        return false
    }

    /// What becomes visible with ``show(_:)``, and what held objects will be gone; nil where the resource is not whole on
    /// that stream, or is shown already.
    func whole(_ resource: Resource, streamID: UInt64) -> (objects: [WatchedObject], gone: [WatchedObject])? {
        guard let next = gathered[resource], next.streamID == streamID, next.missing.isEmpty else { return nil }
        let objects = next.resource.all
        let kept = Set(objects.map(\.identity.uid))
        let held = resources.first { $0.resource == resource }?.all ?? []
        return (objects, held.filter { !kept.contains($0.identity.uid) })
    }

    /// Shows a resource that is whole.
    mutating func show(_ resource: Resource) {
        guard var next = gathered.removeValue(forKey: resource) else { return }
        next.resource.backlog.settle()
        resources[index(announcing: resource)] = next.resource
        if streamID != next.streamID {
            streamID = next.streamID
            hidden = Set(announced)
        }
        hidden.remove(resource)
    }

    /// Whether everything that the heartbeat counts is held.
    func holds(_ heartbeat: Heartbeat) -> Bool {
        guard isShown(heartbeat.resource, streamID: heartbeat.streamID),
            let held = resources.first(where: { $0.resource == heartbeat.resource })
        else { return false }
        return !zip(held.sequences, heartbeat.sequences).contains { $0 < $1 }
    }
}

extension Publisher {
    /// Makes resources known; each is hidden until it is whole.
    public func relay(announcing resources: [Resource]) {
        outlet.withLock { outlet in
            for resource in resources { outlet.store.relay(announcing: resource) }
        }
    }

    public func isShown(_ resource: Resource, streamID: UInt64) -> Bool {
        outlet.withLock { $0.store.isShown(resource, streamID: streamID) }
    }

    /// - Returns: what is gone from a resource that is shown.
    public func relay(
        _ resource: Resource, bucket: UInt8, objects: [Delta], past: [Delta], position: StreamPosition
    ) -> [WatchedObject] {
        outlet.withLock { $0.store.relay(resource, bucket: bucket, objects: objects, past: past, position: position) }
    }

    /// Stores the delta, and sends it as it is if its resource is shown.
    public func relay(_ delta: Delta) {
        outlet.withLock { outlet in
            if outlet.store.relay(delta) { outlet.send([delta]) }
        }
    }

    public func whole(_ resource: Resource, streamID: UInt64) -> (objects: [WatchedObject], gone: [WatchedObject])? {
        outlet.withLock { $0.store.whole(resource, streamID: streamID) }
    }

    public func show(_ resource: Resource) { outlet.withLock { $0.store.show(resource) } }

    /// Passes the upstream's heartbeat on with the sequences that are held here; nothing while the resource is hidden.
    /// - Returns: whether everything that it counts is held.
    public func relay(_ heartbeat: Heartbeat) -> Bool {
        outlet.withLock { outlet in
            guard outlet.store.isShown(heartbeat.resource, streamID: heartbeat.streamID) else { return false }
            let isCurrent = outlet.store.holds(heartbeat)
            if isCurrent && heartbeat.synced {
                outlet.store.markSynced(heartbeat.resource, resourceVersion: heartbeat.resourceVersion)
            }
            outlet.sendHeartbeat(
                heartbeat.resource, every: .milliseconds(Int(heartbeat.intervalMilliseconds)), time: heartbeat.time)
            return isCurrent
        }
    }
}
