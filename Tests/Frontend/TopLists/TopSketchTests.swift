import ProcessRuntime
import Testing

@testable import Frontend

/// The same numbers in each run (SplitMix64).
private struct SameNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A sketch beside a count that forgets nothing.
private struct Counted {
    let sketch: TopSketch
    private(set) var truth: [[UInt8]: UInt64] = [:]

    init(capacity: Int, stride: Int = 16) { sketch = TopSketch(capacity: capacity, stride: stride) }

    mutating func add(_ text: String) {
        let key = Array(text.utf8)
        sketch.add(key.span)
        truth[key, default: 0] += 1
    }

    /// What others read of it.
    func summary(period: UInt64 = 1) throws -> TopSummary {
        let words = TopSummary.words(capacity: sketch.capacity, stride: sketch.stride)
        let cells = MetricCells(2 * words)
        sketch.write(to: cells, at: 0, period: period, began: 7)
        let pair = try #require(TopSummary.pair((0..<cells.count).map { cells[$0] }, stride: sketch.stride))
        return try #require(pair.first)
    }
}

@Suite("Top sketch")
struct TopSketchTests {
    private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("counts exactly what it has room for")
    func exact() throws {
        var counted = Counted(capacity: 3)
        for text in ["a", "b", "a", "c", "a", "b"] { counted.add(text) }
        let joint = TopSummary.joined([try counted.summary()], most: 2)
        #expect(joint.total == 6)
        #expect(joint.began == 7)
        #expect(joint.entries == [.init(key: key("a"), least: 3, most: 3), .init(key: key("b"), least: 2, most: 2)])
    }

    @Test("bounds hold for every key of every stream, of one sketch and of several together", arguments: 1...60)
    func bounds(seed: Int) throws {
        var random = SameNumbers(state: UInt64(seed))
        var parts = (0..<Int.random(in: 1...3, using: &random)).map { _ in Counted(capacity: Int.random(in: 1...12, using: &random)) }
        let keys = Int.random(in: 1...40, using: &random)
        for _ in 0..<Int.random(in: 0...600, using: &random) {
            // Small numbers come more often.
            let number = Int.random(in: 0..<keys, using: &random) * Int.random(in: 0..<keys, using: &random) / keys
            parts[Int.random(in: parts.indices, using: &random)].add("key\(number)")
        }
        let summaries = try parts.map { try $0.summary() }
        for (part, summary) in zip(parts, summaries) {
            #expect(summary.entries.reduce(0) { $0 + $1.count } == summary.total)
            #expect(summary.floor <= summary.total / UInt64(part.sketch.capacity))
        }
        let joint = TopSummary.joined(summaries, most: .max)
        let floors = summaries.reduce(0) { $0 + $1.floor }
        var known: Set<[UInt8]> = []
        for entry in joint.entries {
            let count = parts.reduce(0) { $0 + $1.truth[entry.key, default: 0] }
            #expect(entry.least <= count && count <= entry.most)
            #expect(entry.most - entry.least <= floors)
            known.insert(entry.key)
        }
        for part in parts {
            for key in part.truth.keys where !known.contains(key) {
                #expect(parts.reduce(0) { $0 + $1.truth[key, default: 0] } <= floors)
            }
        }
    }

    @Test(
        "a flood of names that come once pushes out nobody who asks more than 1.25 parts of K", arguments: ["before", "behind", "between"])
    func flood(place: String) throws {
        let wanted = 10
        var counted = Counted(capacity: wanted * TopLists.placesPerEntry)
        var random = SameNumbers(state: 4711)
        let heavy = (0..<5).flatMap { number in Array(repeating: "heavy\(number)", count: 5_100 + number) }
        var stream = (0..<14_000).map { "r\($0)x\(UInt32.random(in: 0 ... .max, using: &random))" }
        switch place {
        case "before": stream = heavy + stream
        case "behind": stream += heavy
        default: stream = (stream + heavy).shuffled(using: &random)
        }
        for text in stream { counted.add(String(text.prefix(16))) }
        let joint = TopSummary.joined([try counted.summary()], most: wanted)
        #expect(joint.total == UInt64(stream.count))
        #expect(joint.entries.count == wanted)
        #expect(Set(joint.entries.prefix(5).map(\.key)) == Set((0..<5).map { key("heavy\($0)") }))
        for entry in joint.entries.prefix(5) { #expect(entry.most - entry.least <= joint.total / UInt64(wanted * 4)) }
    }

    @Test("keys of all lengths are told apart, and what a longer key leaves behind is no part of the next")
    func lengths() throws {
        var counted = Counted(capacity: 1)
        for text in ["abcdefghijklmnop", "abc", "abc"] { counted.add(text) }
        #expect(try counted.summary().entries == [.init(key: key("abc"), count: 3, error: 1)])
        let sketch = counted.sketch
        sketch.add(key("seventeen octets.").span)
        #expect(sketch.total == 3)
        sketch.clear()
        #expect(try counted.summary().entries.isEmpty)
        #expect(sketch.floor == 0)
    }

    @Test("words that do not belong together are no summary, and none makes the reader fall")
    func torn() throws {
        var counted = Counted(capacity: 4)
        for number in 0..<9 { counted.add("k\(number % 5)") }
        let cells = MetricCells(2 * TopSummary.words(capacity: 4, stride: 16))
        #expect(TopSummary.pair((0..<cells.count).map { cells[$0] }, stride: 16) == [])
        counted.sketch.write(to: cells, at: 0, period: 3, began: 0)
        counted.sketch.write(to: cells, at: cells.count / 2, period: 2, began: 0)
        let words = (0..<cells.count).map { cells[$0] }
        #expect(try #require(TopSummary.pair(words, stride: 16)).map(\.period) == [3, 2])
        for index in words.indices {
            for change: UInt64 in [1, 1 << 40, .max] {
                var torn = words
                torn[index] ^= change
                #expect(TopSummary.pair(torn, stride: 16) == nil)
            }
        }
        #expect(TopSummary.pair([], stride: 16) == nil)
        #expect(TopSummary.pair(Array(words.dropLast()), stride: 16) == nil)
    }
}
