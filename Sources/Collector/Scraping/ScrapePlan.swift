/// When each node is scraped: every node once an interval at its own moment, and sooner where a new pod's usage can be known.
///
/// Decides in a value; ``ScrapeSchedule`` acts. All times are nanoseconds of the boot clock. Every change costs a logarithm of the nodes.
///
/// Where nodes are shared with other collectors, a node has an order of them: the first scrapes it when it is due, the others stand by
/// and scrape it themselves when no sample of it has come for so much longer that the one before them must be missing.
struct ScrapePlan: Sendable {
    struct Settings: Sendable {
        /// Between two scrapes of a node.
        var interval: Int64
        /// Between nodes at the first scrape.
        var stagger: Int64 = 8_000_000
        /// Scrapes for new pods keep this distance from every other one of their node: kubelets measure no more often.
        var least: Int64 = 10_000_000_000
        /// Scrapes for new pods that all nodes together may have in an interval, as a share of the nodes.
        var extraShare = 0.5

        init(interval: Int64) { self.interval = interval }
    }

    /// A scrape that is to be made now.
    struct Turn: Hashable, Sendable {
        var node: String
        /// Before its time, for a new pod.
        var isEarly: Bool
    }

    private struct Entry {
        /// The next regular scrape.
        var due: Int64
        /// When the last one began, whoever made it.
        var asked: Int64?
        /// From when on a scrape would tell of a new pod.
        var wish: Int64?
        var isRunning = false
        /// How many collectors come before this one; nil: none may scrape yet.
        var rank: Int? = 0
        /// Of the entry in `queue` that counts.
        var stamp: UInt64 = 0
    }

    let settings: Settings
    private var entries: [String: Entry] = [:]
    private var queue = TimeQueue()
    private var stamps: UInt64 = 0
    /// Scrapes for new pods that may be made right now, and since when that is so.
    private var extras: Double = 0
    private var extrasAt: Int64 = .min

    init(_ settings: Settings) { self.settings = settings }

    var count: Int { entries.count }
    /// Nodes for which this collector comes first.
    var ownCount: Int { entries.values.count { $0.rank == 0 } }
    var nodes: [String] { Array(entries.keys) }
    func contains(_ node: String) -> Bool { entries[node] != nil }

    /// Of the earliest scrape that is not being made; it may lie in the past. Nil: there is none.
    var next: Int64? {
        mutating get {
            dropStale()
            return queue.first?.time
        }
    }

    // MARK: Nodes

    /// Takes up a node that is not in the plan.
    /// - Parameters:
    ///   - held: when its last sample was made, if one is there already: the rhythm goes on from that.
    ///   - share: between 0 and 1, at random: where in the first spread this node has its moment.
    ///   - peers: how many nodes there are, over which the first scrapes are spread.
    mutating func add(_ node: String, held: Int64?, share: Double, of peers: Int, rank: Int? = 0, at now: Int64) {
        guard entries[node] == nil else { return }
        let spread = min(settings.interval, settings.stagger &* Int64(clamping: peers))
        let moment = now + Int64(Double(spread) * share)
        // What is due already is made up for in the same spread, and what is not has its old moment.
        let due = held.map { $0 + settings.interval > now ? $0 + settings.interval : moment } ?? moment
        entries[node] = Entry(due: due, asked: held, rank: rank)
        arrange(node)
    }

    mutating func remove(_ node: String) { entries[node] = nil }

    /// Gives every node its place in the order of those who share it.
    mutating func setRanks(_ rank: (String) -> Int?) {
        for node in entries.keys {
            let new = rank(node)
            guard entries[node]?.rank != new else { continue }
            entries[node]?.rank = new
            arrange(node)
        }
    }

    // MARK: What happens

    /// Another collector has scraped a node.
    mutating func heard(_ node: String, madeAt: Int64) {
        guard var entry = entries[node], madeAt > entry.asked ?? .min else { return }
        entry.asked = madeAt
        entry.due = madeAt + settings.interval
        if let wish = entry.wish, wish <= madeAt { entry.wish = nil }
        entries[node] = entry
        arrange(node)
    }

    /// A scrape of the node from this moment on would tell of a new pod.
    mutating func want(_ node: String, from moment: Int64) {
        guard let wish = entries[node].map({ $0.wish ?? .max }), moment < wish else { return }
        entries[node]?.wish = moment
        arrange(node)
    }

    /// The scrapes that are to be made now, at most so many; the earliest first. Each must be ended.
    mutating func take(at now: Int64, atMost limit: Int) -> [Turn] {
        var turns: [Turn] = []
        while turns.count < limit {
            dropStale()
            guard let first = queue.first, first.time <= now, var entry = entries[first.node] else { break }
            let isEarly = regular(entry).map { $0 > now } ?? true
            if isEarly, let wait = takeExtra(at: now) {
                entries[first.node]?.wish = now + wait
                arrange(first.node)
                continue
            }
            if !isEarly { entry.due = Self.due(after: entry, settings.interval, at: now) }
            if let wish = entry.wish, wish <= now { entry.wish = nil }
            entry.asked = now
            entry.isRunning = true
            entries[first.node] = entry
            arrange(first.node)
            turns.append(Turn(node: first.node, isEarly: isEarly))
        }
        return turns
    }

    /// A scrape that was taken is over.
    mutating func ended(_ node: String) {
        guard entries[node] != nil else { return }
        entries[node]?.isRunning = false
        arrange(node)
    }

    // MARK: Moments

    /// When a node is due again that is scraped now.
    private static func due(after entry: Entry, _ interval: Int64, at now: Int64) -> Int64 {
        // Who stands by is after whoever comes first by its patience, and not by an interval's rest, in which both would meet for ever.
        guard entry.rank == 0 else { return now + interval }
        // The rhythm stays. What came later than the next one, as the one before took long, is not caught up with.
        return entry.due + interval > now ? entry.due + interval : now + interval
    }

    private func regular(_ entry: Entry) -> Int64? { entry.rank.map { entry.due + Self.patience(rank: $0, settings.interval) } }

    /// For how long after a node is due the collector of this rank waits for a sample of somebody else's.
    ///
    /// A quarter of the interval for the first that stands by, so that a sample that is late comes first, and three eighths at most: samples
    /// are answered for half an interval longer than until the next is due, and a scrape takes its time.
    static func patience(rank: Int, _ interval: Int64) -> Int64 {
        rank == 0 ? 0 : rank == 1 ? interval / 4 : interval / 4 + interval / 8
    }

    /// Early scrapes are for those who scrape the node anyway. One that would come shortly before the regular one is left to that.
    private func early(_ entry: Entry) -> Int64? {
        guard let wish = entry.wish, entry.rank == 0 else { return nil }
        let moment = max(wish, entry.asked.map { $0 + settings.least } ?? wish)
        return moment <= entry.due - settings.least ? moment : nil
    }

    private mutating func arrange(_ node: String) {
        guard var entry = entries[node] else { return }
        stamps += 1
        entry.stamp = stamps
        entries[node] = entry
        guard !entry.isRunning, let moment = [regular(entry), early(entry)].compactMap({ $0 }).min() else { return }
        queue.insert(TimeQueue.Item(time: moment, node: node, stamp: stamps))
        // What was arranged anew stays in the queue till its time; many changes within an interval must not make it grow.
        if queue.count > 64 + 4 * entries.count {
            queue.keep { item in entries[item.node]?.stamp == item.stamp }
        }
    }

    private mutating func dropStale() {
        while let first = queue.first, entries[first.node]?.stamp != first.stamp { queue.removeFirst() }
    }

    /// Takes one of the early scrapes that all nodes share: as many as a share of the nodes within an interval, two at least.
    /// - Returns: nil if there was one, or how long to wait for the next.
    private mutating func takeExtra(at now: Int64) -> Int64? {
        let most = max(2, Double(entries.count) * settings.extraShare)
        let rate = most / Double(settings.interval)
        extras = extrasAt == .min ? most : min(most, extras + Double(now - extrasAt) * rate)
        extrasAt = now
        guard extras < 1 else {
            extras -= 1
            return nil
        }
        return max(1, Int64((1 - extras) / rate))
    }
}

/// Moments in order, the earliest first: a binary heap.
struct TimeQueue: Sendable {
    struct Item: Hashable, Sendable {
        var time: Int64
        var node: String
        var stamp: UInt64
    }

    private var items: [Item] = []

    var count: Int { items.count }
    var first: Item? { items.first }

    mutating func insert(_ item: Item) {
        items.append(item)
        rise(from: items.count - 1)
    }

    mutating func removeFirst() {
        guard let last = items.popLast(), !items.isEmpty else { return }
        items[0] = last
        sink(from: 0)
    }

    mutating func keep(_ isWanted: (Item) -> Bool) {
        items = items.filter(isWanted)
        // In order is a heap too.
        items.sort { $0.time < $1.time }
    }

    private mutating func rise(from start: Int) {
        var index = start
        while index > 0, items[index].time < items[(index - 1) / 2].time {
            items.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func sink(from start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < items.count && items[child].time < items[least].time { least = child }
            guard least != index else { return }
            items.swapAt(index, least)
            index = least
        }
    }
}
