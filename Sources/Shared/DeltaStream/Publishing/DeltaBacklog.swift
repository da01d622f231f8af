import KubernetesObjects

/// The last deltas of one resource, for subscribers that know up to where they have them: who was away for a moment is then told every
/// change, and not only how things stand.
///
/// Those of a bucket are without a hole and end with its last, so a bucket needs no other mark of how far back they reach. The oldest of
/// all go first when there are too many bytes. A delta shares its object's bytes with the store for as long as the object stays as it is.
struct DeltaBacklog: Sendable {
    /// What a delta takes beside its object's bytes.
    static let overhead = 330

    /// Bytes; 0 keeps nothing.
    var limit = 0
    private(set) var byteCount = 0
    private var buckets = [DroppingQueue<Delta>](repeating: DroppingQueue(), count: Topic.bucketCount)
    /// Whose turn it is to lose its oldest.
    private var order = DroppingQueue<UInt8>()

    mutating func append(_ delta: Delta) {
        guard limit > 0 else { return }
        let at = Int(delta.bucket)
        if let last = buckets[at].last, last.sequence &+ 1 != delta.sequence { forget(delta.bucket) }
        buckets[at].append(delta)
        order.append(delta.bucket)
        byteCount += Self.size(delta)
        while byteCount > limit, let bucket = order.popFirst(), let gone = buckets[Int(bucket)].popFirst() {
            byteCount -= Self.size(gone)
        }
    }

    /// What the bucket holds now did not come by deltas.
    mutating func forget(_ bucket: UInt8) {
        let gone = buckets[Int(bucket)].elements
        guard !gone.isEmpty else { return }
        byteCount -= gone.reduce(0) { $0 + Self.size($1) }
        buckets[Int(bucket)] = DroppingQueue()
        order = DroppingQueue(order.elements.filter { $0 != bucket })
    }

    /// Those with the sequences behind `known`; nil unless all are there.
    func deltas(_ bucket: UInt8, after known: UInt64, upTo last: UInt64) -> [Delta]? {
        guard known <= last else { return nil }
        let held = buckets[Int(bucket)].elements
        guard last - known <= UInt64(held.count), held.last.map({ $0.sequence == last }) ?? true else { return nil }
        return Array(held.suffix(Int(last - known)))
    }

    private static func size(_ delta: Delta) -> Int { delta.object.bytes.count + overhead }
}

/// A first-in first-out queue in one array: what has gone at its front is given back when it is as much as what is left.
struct DroppingQueue<Element: Sendable>: Sendable {
    private var storage: [Element?]
    private var start = 0

    init(_ elements: [Element] = []) { storage = elements }

    var last: Element? { storage.last.flatMap { $0 } }
    var elements: [Element] { storage[start...].compactMap(\.self) }

    mutating func append(_ element: Element) { storage.append(element) }

    mutating func popFirst() -> Element? {
        guard start < storage.count else { return nil }
        let element = storage[start]
        storage[start] = nil
        start += 1
        if start * 2 >= storage.count {
            storage.removeFirst(start)
            start = 0
        }
        return element
    }
}
