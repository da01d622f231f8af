import DeltaStream
import Synchronization

/// The samples of one resource, ready to be sent, shared by the thread that follows the stream and by scrapes.
///
/// One thread writes; scrapes take a snapshot, which holds the lock for one reference count, or for as long as it takes to put
/// together those that wait.
final class ObjectStore: Sendable {
    /// What the feed knows of an object.
    struct Entry: Sendable {
        var uid: ObjectKey
        /// Of namespace and name.
        var name: ObjectKey
        var record: ObjectRecord
    }

    /// Other chosen labels of an object.
    struct Relabelling: Sendable {
        var uid: ObjectKey
        var bucket: UInt8
        /// ``ObjectRecord/additions``.
        var additions: [[UInt8]]
    }

    private let state: Mutex<GroupedText>
    /// Which list of chosen labels stands in the lines of each family, as in ``TextFamily``; empty: none anywhere.
    let lists: [Int]

    /// - Parameters:
    ///   - families: of each record.
    ///   - isNamed: whether ``identity(named:)`` and ``remove(named:)`` are needed.
    ///   - lists: of each family, or empty.
    init(families: [FamilyDescription], isNamed: Bool, lists: [Int] = []) {
        self.lists = lists
        state = Mutex(GroupedText(families: Self.shapes(of: families, lists), isNamed: isNamed))
    }

    /// What was kept of a resource, to be sent and never changed.
    init(kept groups: [TextGroup], families: [FamilyDescription], lists: [Int]) {
        self.lists = lists
        state = Mutex(GroupedText(kept: groups, families: Self.shapes(of: families, lists)))
    }

    /// What a group has to know of each family.
    /// - Parameter lists: of each, or empty.
    static func shapes(of families: [FamilyDescription], _ lists: [Int]) -> [TextFamily] {
        families.enumerated().map { TextFamily(name: $1.name.utf8.count, list: lists.isEmpty ? 0 : lists[$0]) }
    }

    func upsert(_ entry: Entry, bucket: UInt8) {
        state.withLock { $0.upsert(entry, bucket: bucket) }
    }

    /// - Returns: whether it was there.
    @discardableResult
    func remove(uid: ObjectKey, bucket: UInt8) -> Bool {
        state.withLock { $0.remove(uid: uid, bucket: bucket) }
    }

    /// Removes the object of this name, if names are kept and it is there.
    func remove(named name: ObjectKey) {
        state.withLock { state in
            if let (bucket, uid, _) = state.identity(named: name) { _ = state.remove(uid: uid, bucket: bucket) }
        }
    }

    /// These are now all objects of the bucket.
    /// - Returns: the names that nobody bears any more; all that went where names are not kept.
    @discardableResult
    func replace(bucket: UInt8, with entries: [Entry]) -> [ObjectKey] {
        state.withLock { state in
            let gone = state.replace(bucket: bucket, with: entries)
            return gone.filter { state.identity(named: $0) == nil }
        }
    }

    /// Puts other chosen labels behind the identities of objects, all in one step; those that are not there are passed over.
    /// - Returns: how many objects that changes.
    func relabel(_ changes: [Relabelling]) -> Int { state.withLock { $0.relabel(changes) } }

    /// The labels that identify the object of this name, and where it belongs, if names are kept and it is there.
    func identity(named name: ObjectKey) -> (bucket: UInt8, uid: ObjectKey, labels: [UInt8])? {
        state.withLock { $0.identity(named: name) }
    }

    /// Everything as it is now; later changes do not show in it.
    func snapshot() -> [TextGroup] { state.withLock { $0.snapshot() } }

    /// How many objects are held.
    var count: Int { state.withLock { $0.count } }

    /// Bytes of memory that they take, by counting.
    var footprint: Int { state.withLock { $0.footprint } }

    /// Bytes of the text of all objects, as it is sent.
    var bytes: Int { snapshot().reduce(0) { $0 + $1.size } }
}
