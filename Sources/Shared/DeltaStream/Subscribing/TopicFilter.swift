public import KubernetesObjects

/// Some of the 256 buckets of a resource.
public struct BucketSet: Hashable, Sendable, Sequence {
    private var words = InlineWords(repeating: 0)
    private typealias InlineWords = SIMD4<UInt64>

    public init() {}

    public init(_ buckets: some Sequence<UInt8>) {
        for bucket in buckets { insert(bucket) }
    }

    public static let all = BucketSet(UInt8.min...UInt8.max)

    /// The share of one of `total` shards: the buckets whose number leaves the remainder `index` (0 ..< total).
    public static func shard(_ index: Int, of total: Int) -> BucketSet {
        BucketSet((UInt8.min...UInt8.max).filter { Int($0) % total == index })
    }

    public var isEmpty: Bool { words == InlineWords(repeating: 0) }
    public var count: Int {
        words[0].nonzeroBitCount + words[1].nonzeroBitCount + words[2].nonzeroBitCount + words[3].nonzeroBitCount
    }

    public func contains(_ bucket: UInt8) -> Bool {
        words[Int(bucket >> 6)] & (1 << UInt64(bucket & 63)) != 0
    }

    public mutating func insert(_ bucket: UInt8) {
        words[Int(bucket >> 6)] |= 1 << UInt64(bucket & 63)
    }

    public mutating func remove(_ bucket: UInt8) {
        words[Int(bucket >> 6)] &= ~(1 << UInt64(bucket & 63))
    }

    public func union(_ other: BucketSet) -> BucketSet {
        var result = self
        result.words |= other.words
        return result
    }

    /// Ascending.
    public func makeIterator() -> Iterator { Iterator(words: words) }

    public struct Iterator: IteratorProtocol {
        fileprivate var words: SIMD4<UInt64>
        private var word = 0

        fileprivate init(words: SIMD4<UInt64>) { self.words = words }

        public mutating func next() -> UInt8? {
            while word < 4 {
                let bits = words[word]
                if bits != 0 {
                    words[word] = bits & (bits - 1)
                    return UInt8(word * 64 + bits.trailingZeroBitCount)
                }
                word += 1
            }
            return nil
        }
    }
}

/// What a subscriber wants of one resource.
public struct TopicFilter: Hashable, Sendable {
    public var resource: Resource
    public var buckets: BucketSet
    /// nil: every namespace.
    public var namespace: String?

    public init(_ resource: Resource, buckets: BucketSet = .all, namespace: String? = nil) {
        self.resource = resource
        self.buckets = buckets
        self.namespace = namespace
    }
}

/// All filters of one resource as one: the union of their buckets, and of their namespaces.
struct ResourceInterest: Hashable, Sendable {
    var resource: Resource
    var name: String
    var buckets: BucketSet
    /// nil: every namespace.
    var namespaces: Set<String>?

    /// One interest a resource, in the order of its first filter.
    static func merged(_ filters: [TopicFilter]) -> [ResourceInterest] {
        var interests: [ResourceInterest] = []
        for filter in filters {
            let namespaces = filter.namespace.map { Set([$0]) }
            if let index = interests.firstIndex(where: { $0.resource == filter.resource }) {
                interests[index].buckets = interests[index].buckets.union(filter.buckets)
                if let held = interests[index].namespaces, let more = namespaces {
                    interests[index].namespaces = held.union(more)
                } else {
                    interests[index].namespaces = nil
                }
            } else {
                interests.append(
                    ResourceInterest(
                        resource: filter.resource, name: Topic.name(of: filter.resource), buckets: filter.buckets,
                        namespaces: namespaces))
            }
        }
        return interests
    }

    /// What to subscribe to, heartbeats last: who has had a heartbeat then knows that the others are in force.
    var subscriptions: [String] {
        var topics: [String] = []
        let sorted = namespaces.map { $0.sorted() }
        if let sorted {
            topics += buckets.flatMap { bucket in
                sorted.map { Topic.string(name, bucket: bucket, namespace: $0) }
            }
            topics += sorted.map { Topic.tail(name, namespace: $0) }
        } else if buckets == .all {
            topics.append("\(name)/")
        } else {
            topics += buckets.map { Topic.prefix(name, bucket: $0) }
        }
        topics.append(Topic.heartbeat(name))
        return topics
    }
}
