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

    /// Objects that wait are made a group when they have so many bytes, however few they are: their number alone would make pieces of
    /// large objects too large to be made anew for each change.
    private static let largestWaiting = 1 << 20

    /// How many bytes the name of each family has.
    private let names: [Int]
    private var objects: FollowedObjects<Place>
    /// nil: free to be used again.
    private var groups: [TextGroup?] = []
    private var owners: [[Owner?]] = []
    private var freeGroups: [Int] = []
    private var waiting: [ObjectRecord] = []
    private var waitingOwners: [Owner] = []
    private var waitingBytes = 0
    /// Made of those that wait, for the last scrape.
    private var lastWaiting: TextGroup?

    init(names: [Int], isNamed: Bool) {
        self.names = names
        objects = FollowedObjects(isNamed: isNamed)
    }

    var count: Int { objects.count }

    mutating func upsert(_ entry: ObjectStore.Entry, bucket: UInt8) {
        let owner = Owner(bucket: bucket, uid: entry.uid)
        var known = objects.kept(uid: entry.uid, bucket: bucket)
        if let place = known, let group = place.group, groups[group]?.identities[place.slot] != entry.record.identity {
            _ = remove(uid: entry.uid, bucket: bucket)
            known = nil
        }
        let place = known ?? Place(group: nil, slot: waiting.count)
        objects.upsert(.init(uid: entry.uid, name: entry.name, kept: place), bucket: bucket)
        if let group = place.group {
            groups[group]?.replace(slot: place.slot, with: entry.record, names: names)
            return
        }
        lastWaiting = nil
        if known != nil {
            waitingBytes += entry.record.samples.count - waiting[place.slot].samples.count
            waiting[place.slot] = entry.record
            waitingOwners[place.slot] = owner
        } else {
            waiting.append(entry.record)
            waitingOwners.append(owner)
            waitingBytes += entry.record.samples.count
        }
        if waiting.count == TextGroup.size || waitingBytes > Self.largestWaiting { makeGroup() }
    }

    mutating func remove(uid: ObjectKey, bucket: UInt8) -> Bool {
        guard let place = objects.remove(uid: uid, bucket: bucket)?.kept else { return false }
        if let group = place.group {
            groups[group]?.remove(slot: place.slot, names: names)
            owners[group][place.slot] = nil
            if let left = groups[group]?.count, left * 2 <= owners[group].count { dissolve(group) }
            return true
        }
        lastWaiting = nil
        waitingBytes -= waiting[place.slot].samples.count
        // The order means nothing, so the last one may take the place.
        let last = waiting.count - 1
        waiting.swapAt(place.slot, last)
        waitingOwners.swapAt(place.slot, last)
        waiting.removeLast()
        waitingOwners.removeLast()
        if place.slot < last { move(waitingOwners[place.slot], to: place) }
        return true
    }

    /// Makes a group of all that wait.
    private mutating func makeGroup() {
        let group = TextGroup(waiting, names: names)
        let index = freeGroups.popLast() ?? groups.count
        if index == groups.count {
            groups.append(group)
            owners.append(waitingOwners)
        } else {
            groups[index] = group
            owners[index] = waitingOwners
        }
        for (slot, owner) in waitingOwners.enumerated() { move(owner, to: .init(group: index, slot: slot)) }
        waiting.removeAll(keepingCapacity: true)
        waitingOwners.removeAll(keepingCapacity: true)
        waitingBytes = 0
    }

    /// The objects that are left in a group wait for the next one.
    private mutating func dissolve(_ index: Int) {
        guard let group = groups[index] else { return }
        let left = owners[index]
        groups[index] = nil
        owners[index] = []
        freeGroups.append(index)
        lastWaiting = nil
        for (slot, owner) in left.enumerated() {
            guard let owner, let record = group.record(slot: slot) else { continue }
            move(owner, to: .init(group: nil, slot: waiting.count))
            waiting.append(record)
            waitingOwners.append(owner)
            waitingBytes += record.samples.count
            if waiting.count == TextGroup.size || waitingBytes > Self.largestWaiting { makeGroup() }
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
        let labels = place.group.map { groups[$0]?.identities[place.slot] ?? [] } ?? waiting[place.slot].identity
        return (bucket, entry.uid, labels)
    }

    /// Everything as it is now.
    mutating func snapshot() -> [TextGroup] {
        let whole = groups.compactMap { $0 }
        guard !waiting.isEmpty else { return whole }
        let last = lastWaiting ?? TextGroup(waiting, names: names)
        lastWaiting = last
        return whole + [last]
    }
}
