/// What is due when, the earliest first. Entries are never taken out: whoever gets one checks whether it still means
/// something.
struct TimerQueue<Entry> {
    private var heap: [(due: Instant, entry: Entry)] = []

    var earliest: Instant? { heap.first?.due }

    mutating func add(_ entry: Entry, due: Instant) {
        heap.append((due, entry))
        var child = heap.count - 1
        while child > 0, heap[(child - 1) / 2].due > heap[child].due {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The earliest entry, if it is due.
    mutating func next(due now: Instant) -> Entry? {
        guard let first = heap.first, first.due <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].due < heap[least].due { least = child }
            if least == parent { return first.entry }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
