import MizzenSystem
import ProcessRuntime

/// Which keys of a stream come most often, in memory that does not grow: Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient computation of
/// frequent and top-k elements in data streams", 2005).
///
/// A key that is known counts one more. A new one takes the place of the key with the least count, goes on counting from there, and notes that
/// count as its possible error. So a key's true count lies between `count - error` and `count`; a key that has no place has come at most as
/// often as the least count says; and since all counts together are the length of the stream, the least is at most length / capacity: keys that
/// come once each, however many, cannot push out one that comes more often than that.
///
/// One thread's own. Adding takes a hash probe and, at worst, one way through a heap of the places by count; nothing is allocated after `init`. The
/// hash is keyed by chance, so nobody can choose keys that probe one another's places.
final class TopSketch {
    /// Places.
    let capacity: Int
    /// Octets that a key may have; a multiple of 8.
    let stride: Int
    /// Keys that have come.
    private(set) var total: UInt64 = 0
    /// Places taken.
    private(set) var used = 0

    // By place.
    private let keys: Run<UInt8>
    private let lengths: Run<Int>
    private let hashes: Run<UInt64>
    private let counts: Run<UInt64>
    private let errors: Run<UInt64>
    private let heapIndex: Run<Int>
    /// Places, the least count first.
    private let heap: Run<Int>
    /// Places by hash, with linear probing; -1 is free. At least half of it always is.
    private let index: Run<Int>
    private let mask: Int
    private let seed = UInt64.random(in: 0...UInt64.max)

    init(capacity: Int, stride: Int) {
        (self.capacity, self.stride) = (capacity, stride)
        keys = Run(capacity * stride, of: 0)
        lengths = Run(capacity, of: 0)
        hashes = Run(capacity, of: 0)
        counts = Run(capacity, of: 0)
        errors = Run(capacity, of: 0)
        heapIndex = Run(capacity, of: 0)
        heap = Run(capacity, of: 0)
        var size = 2
        while size < capacity * 2 { size *= 2 }
        index = Run(size, of: -1)
        mask = size - 1
    }

    /// How often a key may have come that has no place.
    var floor: UInt64 { used < capacity ? 0 : counts[heap[0]] }

    /// Counts a key; one that is longer than `stride` is none.
    func add(_ key: Span<UInt8>) {
        guard key.count <= stride else { return }
        total &+= 1
        let hash = StableHash.of(key, seed: seed)
        if let place = place(of: key, hash) {
            counts[place] &+= 1
            sink(heapIndex[place])
            return
        }
        if used < capacity {
            let place = used
            used += 1
            counts[place] = 1
            errors[place] = 0
            heap[place] = place
            heapIndex[place] = place
            rise(place)
            enter(key, hash, at: place)
        } else {
            let place = heap[0]
            forget(place)
            errors[place] = counts[place]
            counts[place] &+= 1
            sink(0)
            enter(key, hash, at: place)
        }
    }

    /// Begins anew.
    func clear() {
        (total, used) = (0, 0)
        for slot in 0...mask { index[slot] = -1 }
    }

    // MARK: The index

    private func place(of key: Span<UInt8>, _ hash: UInt64) -> Int? {
        var slot = Int(truncatingIfNeeded: hash) & mask
        while index[slot] >= 0 {
            let place = index[slot]
            if hashes[place] == hash, isEqual(key, place) { return place }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private func isEqual(_ key: Span<UInt8>, _ place: Int) -> Bool {
        guard lengths[place] == key.count else { return false }
        for offset in 0..<key.count where keys[place * stride + offset] != key[offset] { return false }
        return true
    }

    private func enter(_ key: Span<UInt8>, _ hash: UInt64, at place: Int) {
        for offset in 0..<key.count { keys[place * stride + offset] = key[offset] }
        lengths[place] = key.count
        hashes[place] = hash
        var slot = Int(truncatingIfNeeded: hash) & mask
        while index[slot] >= 0 { slot = (slot + 1) & mask }
        index[slot] = place
    }

    /// Those behind the gap that could not be found any more move into it.
    private func forget(_ place: Int) {
        var gap = Int(truncatingIfNeeded: hashes[place]) & mask
        while index[gap] != place { gap = (gap + 1) & mask }
        var slot = (gap + 1) & mask
        while index[slot] >= 0 {
            let home = Int(truncatingIfNeeded: hashes[index[slot]]) & mask
            if (slot - home) & mask >= (slot - gap) & mask {
                index[gap] = index[slot]
                gap = slot
            }
            slot = (slot + 1) & mask
        }
        index[gap] = -1
    }

    // MARK: The heap

    private func exchange(_ one: Int, _ other: Int) {
        let (upper, lower) = (heap[one], heap[other])
        heap[one] = lower
        heap[other] = upper
        heapIndex[lower] = one
        heapIndex[upper] = other
    }

    private func sink(_ start: Int) {
        var at = start
        while true {
            var least = at
            let child = 2 * at + 1
            if child < used, counts[heap[child]] < counts[heap[least]] { least = child }
            if child + 1 < used, counts[heap[child + 1]] < counts[heap[least]] { least = child + 1 }
            if least == at { return }
            exchange(at, least)
            at = least
        }
    }

    private func rise(_ start: Int) {
        var at = start
        while at > 0, counts[heap[at]] < counts[heap[(at - 1) / 2]] {
            exchange(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    // MARK: For readers

    /// Writes all that is known, as `TopSummary` reads it.
    ///
    /// - Parameters:
    ///   - first: of the cells that the words go to; there are `TopSummary.words(capacity:stride:)` of them.
    ///   - began: when the stream began, nanoseconds of the monotonic clock.
    func write(to cells: MetricCells, at first: Int, period: UInt64, began: UInt64) {
        var check = TopSummary.Checksum()
        var next = first + 1
        func put(_ word: UInt64) {
            check.add(word)
            cells[next] = word
            next += 1
        }
        for word in [period, began, total, floor, UInt64(used)] { put(word) }
        for place in 0..<used {
            put(counts[place])
            put(errors[place])
            put(UInt64(lengths[place]))
            for start in Swift.stride(from: place * stride, to: (place + 1) * stride, by: 8) {
                var word: UInt64 = 0
                // What a longer key has left behind is no part of this one.
                for offset in 0..<8 where start + offset < place * stride + lengths[place] {
                    word |= UInt64(keys[start + offset]) << UInt64(8 * offset)
                }
                put(word)
            }
        }
        cells[first] = check.value
    }
}

/// Elements in memory that is there for as long as this is. An array of a class asks at each access who else has it, and in builds that are not
/// optimised it allocates for each change.
@safe private final class Run<Element: BitwiseCopyable> {
    private let count: Int
    private let base: UnsafeMutablePointer<Element>

    init(_ count: Int, of element: Element) {
        self.count = count
        // Safe: room for `count` elements, all of them set before anybody sees them, and given back with this.
        unsafe base = .allocate(capacity: max(1, count))
        unsafe base.initialize(repeating: element, count: count)
    }

    // Safe: allocated in `init`; elements without a deinitialiser.
    deinit { unsafe base.deallocate() }

    subscript(position: Int) -> Element {
        @inline(__always) get {
            // Positions are places, heap positions and masked hashes, which no key can lead out of their range.
            precondition(position >= 0 && position < count)
            // Safe: checked just above.
            return unsafe base[position]
        }
        @inline(__always) set {
            // As above.
            precondition(position >= 0 && position < count)
            // Safe: checked just above.
            unsafe base[position] = newValue
        }
    }
}
