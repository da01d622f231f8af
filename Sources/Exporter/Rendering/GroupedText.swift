import DeltaStream

/// The samples of one resource's objects, ready to be sent, and where in it each object stands.
///
/// Objects are kept in groups, in the order of their arrival and whatever their bucket. New ones wait as records until there are
/// enough for a group; a scrape that comes earlier makes a group of them for itself. A group that has lost half of its objects gives
/// the rest back, so at any time less than half of the room is empty.
struct GroupedText: Sendable {
    /// Where an object's text is.
    private struct Place: Sendable {
        /// nil: among those that wait.
        var group: Int?
        var slot: Int
    }

    /// Who has a place, so that it can be told when the place changes.
    private struct Owner: Hashable, Sendable {
        var bucket: UInt8
        var uid: ObjectKey
    }

    private struct Group: Sendable {
        var text: TextGroup
        /// Who has each place; nil where the object is gone.
        var owners: [Owner?]
    }

    private struct Waiting: Sendable {
        var owner: Owner
        var record: ObjectRecord
    }

    /// Objects that wait are made a group when they have so many bytes, however few they are: their number alone would make pieces of
    /// large objects too large to be made anew for each change.
    private static let largestWaiting = 1 << 20

    private let families: [TextFamily]
    private let isNamed: Bool
    private var objects: FollowedObjects<Place>
    /// nil: free to be used again.
    private var groups: [Group?] = []
    private var waiting: [Waiting] = []
    private var waitingBytes = 0
    /// Made of those that wait, for the last scrape.
    private var lastWaiting: TextGroup?

    init(families: [TextFamily], isNamed: Bool) {
        (self.families, self.isNamed) = (families, isNamed)
        objects = FollowedObjects(isNamed: isNamed)
    }

    /// What was kept; it does not change any more, so nobody is asked for in it.
    init(kept: [TextGroup], families: [TextFamily]) {
        self.init(families: families, isNamed: false)
        groups = kept.map { Group(text: $0, owners: []) }
    }

    var count: Int { objects.count }

    /// Bytes of memory, by counting what is held; the allocator rounds up.
    var footprint: Int {
        let places = objects.buckets.reduce(0) { $0 + 32 + $1.capacity * MemoryLayout<FollowedObjects<Place>.Entry>.stride }
        let held = groups.reduce(0) { sum, group in
            sum + (group.map { $0.text.footprint + 32 + $0.owners.capacity * MemoryLayout<Owner?>.stride } ?? 0)
        }
        let wait = waiting.reduce(0) { $0 + $1.record.samples.capacity + $1.record.identity.capacity + $1.record.lengths.capacity * 8 + 96 }
        return places + held + wait + (lastWaiting?.footprint ?? 0) + (isNamed ? objects.count * 60 : 0)
    }

    mutating func upsert(_ entry: ObjectStore.Entry, bucket: UInt8) {
        var known = objects.kept(uid: entry.uid, bucket: bucket)
        if let place = known, let group = place.group, groups[group]?.text.identities[place.slot] != entry.record.identity {
            _ = remove(uid: entry.uid, bucket: bucket)
            known = nil
        }
        let place = known ?? Place(group: nil, slot: waiting.count)
        objects.upsert(.init(uid: entry.uid, name: entry.name, kept: place), bucket: bucket)
        if let group = place.group {
            groups[group]?.text.replace(slot: place.slot, with: entry.record, families: families)
        } else if known != nil {
            lastWaiting = nil
            waitingBytes += entry.record.samples.count - waiting[place.slot].record.samples.count
            waiting[place.slot].record = entry.record
            makeGroupIfLarge()
        } else {
            wait(Waiting(owner: Owner(bucket: bucket, uid: entry.uid), record: entry.record))
        }
    }

    mutating func remove(uid: ObjectKey, bucket: UInt8) -> Bool {
        guard let place = objects.remove(uid: uid, bucket: bucket)?.kept else { return false }
        if let group = place.group {
            groups[group]?.text.remove(slot: place.slot, families: families)
            groups[group]?.owners[place.slot] = nil
            dissolveIfSparse(group)
            return true
        }
        lastWaiting = nil
        waitingBytes -= waiting[place.slot].record.samples.count
        // The order means nothing, so the last one may take the place.
        waiting.swapAt(place.slot, waiting.count - 1)
        waiting.removeLast()
        if place.slot < waiting.count { move(waiting[place.slot].owner, to: place) }
        return true
    }

    /// Puts other chosen labels behind the identities of objects that are there.
    /// - Returns: how many objects that changes.
    mutating func relabel(_ changes: [ObjectStore.Relabelling]) -> Int {
        var changed = 0
        var grouped: [Int: [Int: [[UInt8]]]] = [:]
        for change in changes {
            guard let place = objects.kept(uid: change.uid, bucket: change.bucket) else { continue }
            if let group = place.group {
                grouped[group, default: [:]][place.slot] = change.additions
            } else if waiting[place.slot].record.additions != change.additions {
                lastWaiting = nil
                waiting[place.slot].record.additions = change.additions
                changed += 1
            }
        }
        for (group, additions) in grouped { changed += groups[group]?.text.relabel(additions, families: families) ?? 0 }
        return changed
    }

    /// Its place is the one behind those that wait already.
    private mutating func wait(_ object: Waiting) {
        lastWaiting = nil
        waiting.append(object)
        waitingBytes += object.record.samples.count
        makeGroupIfLarge()
    }

    /// Makes a group of all that wait, if they are enough.
    private mutating func makeGroupIfLarge() {
        guard waiting.count == TextGroup.size || waitingBytes > Self.largestWaiting else { return }
        let group = Group(text: TextGroup(waiting.map(\.record), families: families), owners: waiting.map(\.owner))
        let index = groups.firstIndex { $0 == nil } ?? groups.count
        if index == groups.count { groups.append(group) } else { groups[index] = group }
        for (slot, object) in waiting.enumerated() { move(object.owner, to: Place(group: index, slot: slot)) }
        waiting.removeAll(keepingCapacity: true)
        waitingBytes = 0
    }

    /// Once half of a group's objects are gone, those that are left wait for the next one.
    private mutating func dissolveIfSparse(_ index: Int) {
        guard let group = groups[index], group.owners.count(where: { $0 != nil }) * 2 <= group.owners.count else { return }
        groups[index] = nil
        for (slot, owner) in group.owners.enumerated() {
            guard let owner else { continue }
            move(owner, to: Place(group: nil, slot: waiting.count))
            wait(Waiting(owner: owner, record: group.text.record(slot: slot)))
        }
    }

    /// - Returns: the names of those that were there and are not any more.
    mutating func replace(bucket: UInt8, with entries: [ObjectStore.Entry]) -> [ObjectKey] {
        let kept = Set(entries.map(\.uid))
        let gone = objects.buckets[Int(bucket)].filter { !kept.contains($0.uid) }
        for entry in gone { _ = remove(uid: entry.uid, bucket: bucket) }
        for entry in entries { upsert(entry, bucket: bucket) }
        return gone.map(\.name)
    }

    private mutating func move(_ owner: Owner, to place: Place) {
        objects.setKept(place, uid: owner.uid, bucket: owner.bucket)
    }

    /// The labels that identify the object of this name, and where it belongs, if names are kept and it is there.
    func identity(named name: ObjectKey) -> (bucket: UInt8, uid: ObjectKey, labels: [UInt8])? {
        guard let (bucket, entry) = objects.entry(named: name) else { return nil }
        let place = entry.kept
        let labels = place.group.map { groups[$0]?.text.identities[place.slot] ?? [] } ?? waiting[place.slot].record.identity
        return (bucket, entry.uid, labels)
    }

    /// Everything as it is now.
    mutating func snapshot() -> [TextGroup] {
        let whole = groups.compactMap { $0?.text }
        guard !waiting.isEmpty else { return whole }
        let last = lastWaiting ?? TextGroup(waiting.map(\.record), families: families)
        lastWaiting = last
        return whole + [last]
    }
}
