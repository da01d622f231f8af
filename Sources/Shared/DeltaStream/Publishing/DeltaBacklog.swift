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
        trim()
    }

    /// What the bucket holds now did not come by deltas.
    mutating func forget(_ bucket: UInt8) {
        let gone = buckets[Int(bucket)].elements
        guard !gone.isEmpty else { return }
        byteCount -= gone.reduce(0) { $0 + Self.size($1) }
        buckets[Int(bucket)] = DroppingQueue()
        order = DroppingQueue(order.elements.filter { $0 != bucket })
    }

    /// What led to what the bucket holds now, as somebody else has kept it: in the place of what is kept here.
    ///
    /// These are older than what is kept of other buckets, so that their turn is not known before ``settle()``. Until then there may be twice
    /// as many bytes.
    /// - Parameter past: without a hole, ending with the bucket's last.
    mutating func take(_ past: [Delta], of bucket: UInt8) {
        forget(bucket)
        guard limit > 0, !past.isEmpty else { return }
        for delta in past {
            buckets[Int(bucket)].append(delta)
            order.append(bucket)
            byteCount += Self.size(delta)
        }
        if byteCount > 2 * limit { settle() }
    }

    /// Puts all in the order in which they were committed, and lets the oldest go that are too many.
    mutating func settle() {
        // A stable order: within a bucket each stays behind the one before it, whatever the clock did.
        var turns: [(time: Int64, bucket: UInt8)] = []
        for bucket in buckets.indices {
            var latest = Int64.min
            for delta in buckets[bucket].elements {
                latest = max(latest, delta.commitTime)
                turns.append((latest, UInt8(bucket)))
            }
        }
        turns.sort { ($0.time, $0.bucket) < ($1.time, $1.bucket) }
        order = DroppingQueue(turns.map(\.bucket))
        trim()
    }

    private mutating func trim() {
        while byteCount > limit, let bucket = order.popFirst(), let gone = buckets[Int(bucket)].popFirst() {
            byteCount -= Self.size(gone)
        }
    }

    /// All that are kept, if they end with that sequence.
    func all(_ bucket: UInt8, upTo last: UInt64) -> [Delta] {
        let held = buckets[Int(bucket)].elements
        return held.last?.sequence == last ? held : []
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
