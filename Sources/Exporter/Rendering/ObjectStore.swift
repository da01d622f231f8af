import DeltaStream
import Synchronization

/// The rendered records of one resource, by bucket of the delta stream.
///
/// One thread writes; scrapes take a snapshot, which holds the lock for one reference count. A writer that changes a
/// bucket of which a snapshot is held copies that bucket's entries (references, not records) first.
final class ObjectStore: Sendable {
    /// A text in 128 bits: two keyed hashes. Two texts of one cluster that share both would need 10¹⁹ objects.
    struct Key: Hashable, Sendable {
        var first: Int
        var second: Int

        init(_ parts: String...) {
            var hashers = (Hasher(), Hasher())
            hashers.1.combine(UInt8(1))
            for part in parts {
                hashers.0.combine(part)
                hashers.1.combine(part)
            }
            first = hashers.0.finalize()
            second = hashers.1.finalize()
        }
    }

    struct Entry: Sendable {
        var uid: Key
        /// Of namespace and name.
        var name: Key
        var record: ObjectRecord
    }

    typealias Bucket = [Entry]

    fileprivate struct State: Sendable {
        var buckets = [Bucket](repeating: [], count: Topic.bucketCount)
        /// Which object has a name; only kept for stores that are looked up by name.
        var byName: [Key: (bucket: UInt8, uid: Key)] = [:]
        var objects = 0
        var bytes = 0
    }

    private let state = Mutex(State())
    private let isIndexed: Bool

    /// - Parameter isIndexed: whether ``entry(named:)`` is needed; it costs some 60 bytes an object.
    init(isIndexed: Bool) {
        self.isIndexed = isIndexed
    }

    func upsert(_ entry: Entry, bucket: UInt8) {
        state.withLock { state in
            let index = Int(bucket)
            if let position = state.buckets[index].firstIndex(where: { $0.uid == entry.uid }) {
                state.bytes -= state.buckets[index][position].record.bytes.count
                state.buckets[index][position] = entry
            } else {
                state.buckets[index].append(entry)
                state.objects += 1
            }
            state.bytes += entry.record.bytes.count
            if isIndexed { state.byName[entry.name] = (bucket, entry.uid) }
        }
    }

    /// - Returns: whether it was there.
    @discardableResult
    func remove(uid: Key, bucket: UInt8) -> Bool {
        state.withLock { state in
            let index = Int(bucket)
            guard let position = state.buckets[index].firstIndex(where: { $0.uid == uid }) else { return false }
            let entry = state.buckets[index][position]
            // The order within a bucket means nothing, so the last one may take the place.
            state.buckets[index].swapAt(position, state.buckets[index].count - 1)
            state.buckets[index].removeLast()
            state.forget(entry)
            return true
        }
    }

    /// Removes the object of this name, if the store is indexed and holds it.
    func remove(named name: Key) {
        guard let (bucket, uid) = state.withLock({ $0.byName[name] }) else { return }
        remove(uid: uid, bucket: bucket)
    }

    /// These are now all objects of the bucket.
    /// - Returns: the names of those that were there and are not any more.
    @discardableResult
    func replace(bucket: UInt8, with entries: [Entry]) -> [Key] {
        state.withLock { state in
            let old = state.buckets[Int(bucket)]
            for entry in old { state.forget(entry) }
            state.buckets[Int(bucket)] = entries
            state.objects += entries.count
            for entry in entries {
                state.bytes += entry.record.bytes.count
                if isIndexed { state.byName[entry.name] = (bucket, entry.uid) }
            }
            let kept = Set(entries.map(\.name))
            return old.map(\.name).filter { !kept.contains($0) }
        }
    }

    /// The object of this name, if the store is indexed and holds it.
    func entry(named name: Key) -> (bucket: UInt8, entry: Entry)? {
        state.withLock { state in
            guard let (bucket, uid) = state.byName[name] else { return nil }
            return state.buckets[Int(bucket)].first { $0.uid == uid }.map { (bucket, $0) }
        }
    }

    /// Everything as it is now; later changes do not show in it.
    func snapshot() -> [Bucket] { state.withLock { $0.buckets } }

    /// How many objects are held, and the bytes of their records.
    var size: (objects: Int, bytes: Int) { state.withLock { ($0.objects, $0.bytes) } }
}

extension ObjectStore.State {
    fileprivate mutating func forget(_ entry: ObjectStore.Entry) {
        objects -= 1
        bytes -= entry.record.bytes.count
        // The name may belong to a newer object by now.
        if byName[entry.name]?.uid == entry.uid { byName[entry.name] = nil }
    }
}
