/// What a follower keeps of the objects of one resource, by bucket of the stream, since snapshots replace buckets.
///
/// Several objects may bear one name for a while: buckets that are fetched again after a loss come in any order, so that an
/// object and the one that followed it under its name may both be held. The name is then of the one that was put last, and falls
/// to the other when that one goes.
///
/// A value: a copy of ``buckets`` shows what is held as it is now, and costs one reference count. Who changes a bucket of which
/// such a copy exists copies its entries first.
@frozen
public struct FollowedObjects<Kept: Sendable>: Sendable {
    @frozen
    public struct Entry: Sendable {
        public var uid: ObjectKey
        /// Of namespace and name.
        public var name: ObjectKey
        public var kept: Kept

        @inlinable
        public init(uid: ObjectKey, name: ObjectKey, kept: Kept) {
            self.uid = uid
            self.name = name
            self.kept = kept
        }
    }

    public typealias Bucket = [Entry]

    @frozen @usableFromInline
    struct Place: Hashable, Sendable {
        @usableFromInline var bucket: UInt8
        @usableFromInline var uid: ObjectKey

        @inlinable
        init(bucket: UInt8, uid: ObjectKey) {
            self.bucket = bucket
            self.uid = uid
        }
    }

    @usableFromInline var held: [Bucket]
    @usableFromInline var size = 0
    @usableFromInline let isNamed: Bool
    /// Who has a name.
    @usableFromInline var holders: [ObjectKey: Place] = [:]
    /// Who bears a name that another has, the last to be put at the end; nearly always empty.
    @usableFromInline var namesakes: [ObjectKey: [Place]] = [:]

    /// - Parameter isNamed: whether objects are looked up by name, which costs some 60 bytes an object.
    public init(isNamed: Bool) {
        self.isNamed = isNamed
        held = Array(repeating: [], count: Topic.bucketCount)
    }

    /// Every bucket's entries, in no particular order.
    @inlinable public var buckets: [Bucket] { held }
    @inlinable public var count: Int { size }

    /// What is kept of the object; nil where it is not held.
    @inlinable
    public func kept(uid: ObjectKey, bucket: UInt8) -> Kept? { held[Int(bucket)].first { $0.uid == uid }?.kept }

    /// Keeps something else of an object that is held.
    @inlinable
    public mutating func setKept(_ kept: Kept, uid: ObjectKey, bucket: UInt8) {
        guard let position = held[Int(bucket)].firstIndex(where: { $0.uid == uid }) else { return }
        held[Int(bucket)][position].kept = kept
    }

    /// - Returns: what was held of this object before.
    @inlinable @discardableResult
    public mutating func upsert(_ entry: Entry, bucket: UInt8) -> Entry? {
        let place = Place(bucket: bucket, uid: entry.uid)
        guard let position = held[Int(bucket)].firstIndex(where: { $0.uid == entry.uid }) else {
            held[Int(bucket)].append(entry)
            size += 1
            take(entry.name, place)
            return nil
        }
        let old = held[Int(bucket)][position]
        held[Int(bucket)][position] = entry
        if old.name != entry.name { release(old.name, place) }
        take(entry.name, place)
        return old
    }

    /// - Returns: what was held of the object.
    @inlinable @discardableResult
    public mutating func remove(uid: ObjectKey, bucket: UInt8) -> Entry? {
        guard let position = held[Int(bucket)].firstIndex(where: { $0.uid == uid }) else { return nil }
        // The order means nothing, so the last one may take the place.
        held[Int(bucket)].swapAt(position, held[Int(bucket)].count - 1)
        let old = held[Int(bucket)].removeLast()
        size -= 1
        release(old.name, Place(bucket: bucket, uid: uid))
        return old
    }

    /// These are now all objects of the bucket. Where two have one UID the later counts.
    /// - Returns: those that were there and are not any more.
    @inlinable @discardableResult
    public mutating func replace(bucket: UInt8, with entries: Bucket) -> Bucket {
        var positions: [ObjectKey: Int] = [:]
        positions.reserveCapacity(entries.count)
        for (position, entry) in entries.enumerated() { positions[entry.uid] = position }
        let new =
            positions.count == entries.count
            ? entries : entries.enumerated().filter { positions[$0.element.uid] == $0.offset }.map(\.element)
        let old = held[Int(bucket)]
        held[Int(bucket)] = new
        size += new.count - old.count
        for entry in old where positions[entry.uid].map({ entries[$0].name != entry.name }) ?? true {
            release(entry.name, Place(bucket: bucket, uid: entry.uid))
        }
        for entry in new { take(entry.name, Place(bucket: bucket, uid: entry.uid)) }
        return old.filter { positions[$0.uid] == nil }
    }

    /// The object that has this name; nil also where names are not kept.
    @inlinable
    public func entry(named name: ObjectKey) -> (bucket: UInt8, entry: Entry)? {
        guard let place = holders[name] else { return nil }
        return held[Int(place.bucket)].first { $0.uid == place.uid }.map { (place.bucket, $0) }
    }

    /// Those that have their name: of several that bear one, one. Needs names.
    @inlinable
    public func forEachNamed(_ body: (Kept) -> Void) {
        for bucket in held {
            for entry in bucket where namesakes.isEmpty || holders[entry.name]?.uid == entry.uid { body(entry.kept) }
        }
    }

    @inlinable
    mutating func take(_ name: ObjectKey, _ place: Place) {
        guard isNamed, let holder = holders.updateValue(place, forKey: name), holder != place else { return }
        var others = namesakes[name] ?? []
        others.removeAll { $0 == place }
        others.append(holder)
        namesakes[name] = others
    }

    @inlinable
    mutating func release(_ name: ObjectKey, _ place: Place) {
        guard let holder = holders[name] else { return }
        var others = namesakes[name] ?? []
        if holder == place {
            holders[name] = others.popLast()
        } else {
            others.removeAll { $0 == place }
        }
        if !others.isEmpty {
            namesakes[name] = others
        } else if !namesakes.isEmpty {
            namesakes[name] = nil
        }
    }
}
