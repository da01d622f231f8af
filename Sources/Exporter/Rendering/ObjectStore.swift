import DeltaStream
import Synchronization

/// The rendered records of one resource, by bucket of the delta stream.
///
/// One thread writes; scrapes take a snapshot, which holds the lock for one reference count.
final class ObjectStore: Sendable {
    typealias Entry = FollowedObjects<ObjectRecord>.Entry
    typealias Bucket = FollowedObjects<ObjectRecord>.Bucket

    private struct State: Sendable {
        var objects: FollowedObjects<ObjectRecord>
        /// Of all records.
        var bytes = 0
    }

    private let state: Mutex<State>

    /// - Parameter isNamed: whether ``entry(named:)`` is needed.
    init(isNamed: Bool) {
        state = Mutex(State(objects: FollowedObjects(isNamed: isNamed)))
    }

    func upsert(_ entry: Entry, bucket: UInt8) {
        state.withLock { state in
            let old = state.objects.upsert(entry, bucket: bucket)
            state.bytes += entry.kept.bytes.count - (old?.kept.bytes.count ?? 0)
        }
    }

    /// - Returns: whether it was there.
    @discardableResult
    func remove(uid: ObjectKey, bucket: UInt8) -> Bool {
        state.withLock { state in
            guard let old = state.objects.remove(uid: uid, bucket: bucket) else { return false }
            state.bytes -= old.kept.bytes.count
            return true
        }
    }

    /// Removes the object of this name, if names are kept and it is there.
    func remove(named name: ObjectKey) {
        guard let (bucket, entry) = entry(named: name) else { return }
        remove(uid: entry.uid, bucket: bucket)
    }

    /// These are now all objects of the bucket.
    /// - Returns: the names that nobody bears any more; all that went where names are not kept.
    @discardableResult
    func replace(bucket: UInt8, with entries: [Entry]) -> [ObjectKey] {
        state.withLock { state in
            for entry in state.objects.buckets[Int(bucket)] { state.bytes -= entry.kept.bytes.count }
            let gone = state.objects.replace(bucket: bucket, with: entries)
            for entry in state.objects.buckets[Int(bucket)] { state.bytes += entry.kept.bytes.count }
            return gone.map(\.name).filter { state.objects.entry(named: $0) == nil }
        }
    }

    /// The object of this name, if names are kept and it is there.
    func entry(named name: ObjectKey) -> (bucket: UInt8, entry: Entry)? { state.withLock { $0.objects.entry(named: name) } }

    /// Everything as it is now; later changes do not show in it.
    func snapshot() -> [Bucket] { state.withLock { $0.objects.buckets } }

    /// How many objects are held, and the bytes of their records.
    var size: (objects: Int, bytes: Int) { state.withLock { ($0.objects.count, $0.bytes) } }
}
