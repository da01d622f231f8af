/// What a `TopSketch` knows of one period, as another thread or process reads it.
///
/// A sketch is written about once a second while others may be reading, without a lock: the words carry a checksum, and what does not agree
/// with it is read again.
struct TopSummary: Equatable {
    struct Entry: Equatable {
        var key: [UInt8]
        /// The key has come at most as often, and at least `count - error` times.
        var count: UInt64
        var error: UInt64
    }

    /// Of several summaries together.
    struct Joint: Equatable {
        struct Entry: Equatable {
            var key: [UInt8]
            /// The key has come at least so often.
            var least: UInt64
            /// And at most so often.
            var most: UInt64
        }

        /// Keys that have come.
        var total: UInt64
        /// The moment at which the earliest of them began to count; nil without any.
        var began: UInt64?
        var entries: [Entry]
    }

    struct Checksum {
        /// Never 0, which is what words are that nobody has written.
        private(set) var value: UInt64 = 0x6D69_7A7A_656E_746F

        mutating func add(_ word: UInt64) {
            value = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
            value ^= value >> 29
        }
    }

    private static let head = 6

    /// Which stretch of time this is of; the number is the same in all processes of a host.
    var period: UInt64
    /// When counting began in that period, nanoseconds of the monotonic clock.
    var began: UInt64
    var total: UInt64
    /// How often a key may have come that has no entry.
    var floor: UInt64
    var entries: [Entry]

    /// Words of one summary.
    static func words(capacity: Int, stride: Int) -> Int { head + capacity * (3 + stride / 8) }

    /// Takes apart two summaries that stand one after another, of the period under way and of the one before it.
    ///
    /// - Returns: those that were written; nil where one is being written this moment, or is none.
    static func pair(_ words: [UInt64], stride: Int) -> [TopSummary]? {
        guard words.count >= 2 * head, words.count.isMultiple(of: 2) else { return nil }
        var found: [TopSummary] = []
        for half in [words[..<(words.count / 2)], words[(words.count / 2)...]] where half.contains(where: { $0 != 0 }) {
            guard let summary = TopSummary(half, stride: stride) else { return nil }
            found.append(summary)
        }
        return found
    }

    private init?(_ words: ArraySlice<UInt64>, stride: Int) {
        let first = words.startIndex
        let width = 3 + stride / 8
        (period, began, total, floor) = (words[first + 1], words[first + 2], words[first + 3], words[first + 4])
        guard let used = Int(exactly: words[first + 5]), used <= (words.count - Self.head) / width else { return nil }
        var check = Checksum()
        for word in words[(first + 1)..<(first + Self.head + used * width)] { check.add(word) }
        guard check.value == words[first] else { return nil }
        entries = []
        for at in Swift.stride(from: first + Self.head, to: first + Self.head + used * width, by: width) {
            guard let length = Int(exactly: words[at + 2]), length <= stride, words[at] >= words[at + 1] else { return nil }
            let key = (0..<length).map { UInt8(truncatingIfNeeded: words[at + 3 + $0 / 8] >> UInt64(8 * ($0 % 8))) }
            entries.append(Entry(key: key, count: words[at], error: words[at + 1]))
        }
    }

    /// Adds up summaries (Agarwal and others: "Mergeable summaries", 2012): a key that one of them does not have may have come there as often
    /// as that one's `floor` says, and need not have come at all. So both bounds stay true, and what they leave open is at most
    /// what the summaries left open together.
    ///
    /// - Returns: the `most` keys that have come most often for sure.
    static func joined(_ summaries: [TopSummary], most: Int) -> Joint {
        var bounds: [[UInt8]: (least: UInt64, above: UInt64, floors: UInt64)] = [:]
        for summary in summaries {
            for entry in summary.entries {
                let known = bounds[entry.key, default: (0, 0, 0)]
                bounds[entry.key] = (known.least + entry.count - entry.error, known.above + entry.count, known.floors + summary.floor)
            }
        }
        let floors = summaries.reduce(0) { $0 + $1.floor }
        let entries = bounds.map { key, value in
            Joint.Entry(key: key, least: value.least, most: value.above + floors - value.floors)
        }
        return Joint(
            total: summaries.reduce(0) { $0 + $1.total }, began: summaries.map(\.began).min(),
            entries: Array(entries.sorted(by: precedes).prefix(most)))
    }

    /// Equal ones have an order too, so that lists do not change without a reason.
    private static func precedes(_ one: Joint.Entry, _ other: Joint.Entry) -> Bool {
        if one.least != other.least { return one.least > other.least }
        if one.most != other.most { return one.most > other.most }
        return one.key.lexicographicallyPrecedes(other.key)
    }
}
