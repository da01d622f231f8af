import MizzenSystem
import Names
import ProcessRuntime
import Synchronization

/// Who asks most and what is asked most (`--top-clients`, `--top-names`), over all threads and, where counters are shared, over all frontends.
///
/// Each thread has a sketch of its own for the period under way and writes it about once a second to where others see it: beside the counters, as
/// words that are no samples. A period is ten minutes, by the monotonic clock, so that all threads and processes of a host turn at the same
/// time; the period before stays readable. A list is made when somebody asks, from both periods of everybody that lives.
final class TopLists: Sendable {
    /// How many entries are told of each; nil for none.
    struct Settings: Sendable, Equatable {
        static let most = 200

        var clients: Int?
        var names: Int?
    }

    enum Kind: CaseIterable {
        case clients, names

        /// What the words are called beside the counters.
        var block: String {
            switch self {
            case .clients: "mizzen_frontend_top_clients_block"
            case .names: "mizzen_frontend_top_names_block"
            }
        }

        /// Octets of the longest key: an address with its family in front, or a name.
        var stride: Int {
            switch self {
            case .clients: 24
            case .names: 256
            }
        }
    }

    /// Nanoseconds.
    static let period: UInt64 = 600_000_000_000
    /// Places of a sketch for each entry that is told: what comes in more than 1.25 of K parts of all questions is then always among the K.
    static let placesPerEntry = 4

    static func period(at now: Instant) -> UInt64 { now / period + 1 }

    let settings: Settings
    private let registry: MetricsRegistry
    private let blocks = Mutex<[(kind: Kind, cells: MetricCells)]>([])

    /// Nil where nobody wants lists.
    init?(_ settings: Settings, registry: MetricsRegistry) {
        if settings == Settings() { return nil }
        (self.settings, self.registry) = (settings, registry)
    }

    private func wanted(_ kind: Kind) -> Int? {
        switch kind {
        case .clients: settings.clients
        case .names: settings.names
        }
    }

    /// For one thread.
    func makeTracker(at now: Instant) -> TopTracker {
        TopTracker(clients: makePart(.clients), names: makePart(.names), at: now)
    }

    private func makePart(_ kind: Kind) -> TopTracker.Part? {
        guard let wanted = wanted(kind) else { return nil }
        let capacity = wanted * Self.placesPerEntry
        let words = 2 * TopSummary.words(capacity: capacity, stride: kind.stride)
        let cells = registry.run([.opaque(kind.block, help: "No metric: read by other frontends.", words: words)])
        blocks.withLock { $0.append((kind, cells)) }
        return TopTracker.Part(TopSketch(capacity: capacity, stride: kind.stride), cells)
    }

    // MARK: Reading

    /// - Parameter others: the words of other processes that have this name, each as a whole by the judgement that is given.
    func list(
        _ kind: Kind, at now: Instant, others: (_ block: String, _ isWhole: ([UInt64]) -> Bool) -> [[UInt64]] = { _, _ in [] }
    ) -> TopSummary.Joint? {
        guard let wanted = wanted(kind) else { return nil }
        var summaries: [TopSummary] = []
        for cells in blocks.withLock({ $0.filter { $0.kind == kind }.map(\.cells) }) {
            // The thread writes for less than a millisecond, once a second.
            for _ in 0..<100 {
                guard let pair = TopSummary.pair((0..<cells.count).map { cells[$0] }, stride: kind.stride) else { continue }
                summaries += pair
                break
            }
        }
        for words in others(kind.block, { TopSummary.pair($0, stride: kind.stride) != nil }) {
            summaries += TopSummary.pair(words, stride: kind.stride) ?? []
        }
        let current = Self.period(at: now)
        return TopSummary.joined(summaries.filter { $0.period + 1 >= current && $0.period <= current }, most: wanted)
    }

    /// The addresses of a list of clients, in its order.
    static func addresses(_ list: TopSummary.Joint?) -> [IPAddress] { list?.entries.compactMap { TopTracker.address($0.key) } ?? [] }

    /// Adds the lists to metrics.
    ///
    /// - Parameter holders: whose the clients' addresses are now.
    func add(
        clients: TopSummary.Joint?, holders: [IPAddress: AddressHolder], names: TopSummary.Joint?, at now: Instant,
        to reading: inout MetricsReading
    ) {
        for (kind, list) in [("clients", clients), ("names", names)] {
            guard let list else { continue }
            Self.add(
                Double(list.total), "mizzen_frontend_top_questions",
                "Questions that the top lists are made from: those of this period of ten minutes and of the one before it.",
                [("list", kind)], to: &reading)
            Self.add(
                list.began.map { Double(now - min($0, now)) / 1e9 } ?? 0, "mizzen_frontend_top_seconds",
                "The time over which the top lists count.", [("list", kind)], to: &reading)
        }
        for entry in clients?.entries ?? [] {
            guard let address = TopTracker.address(entry.key) else { continue }
            let holder = holders[address] ?? AddressHolder()
            Self.add(
                entry, "mizzen_frontend_top_client_questions", "that a client has asked", "by address and by whose that is now",
                [("client", "\(address)"), ("namespace", holder.namespace), ("pod", holder.pod), ("node", holder.node)], to: &reading)
        }
        for entry in names?.entries ?? [] {
            var name = DNSName()
            guard (try? name.read(entry.key.span, at: 0)) != nil else { continue }
            Self.add(
                entry, "mizzen_frontend_top_name_questions", "that were asked for a name", "by name", [("name", name.description)],
                to: &reading)
        }
    }

    private static func add(
        _ entry: TopSummary.Joint.Entry, _ name: String, _ what: String, _ how: String, _ labels: [(String, String)],
        to reading: inout MetricsReading
    ) {
        add(
            Double(entry.least), name,
            "Questions \(what) in the last ten to twenty minutes, at least, \(how); those with most of them only.",
            labels, to: &reading)
        add(
            Double(entry.most - entry.least), name + "_possible", "How many more questions there may have been \(what), at most, \(how).",
            labels, to: &reading)
    }

    private static func add(
        _ value: Double, _ name: String, _ help: String, _ labels: [(String, String)], to reading: inout MetricsReading
    ) {
        reading.add(MetricSeries(name, help: help, kind: .gauge, labels: labels)) { _ in value.bitPattern }
    }
}

/// Counts one thread's questions for the top lists. No lock, and nothing allocated for a question.
final class TopTracker {
    struct Part {
        let sketch: TopSketch
        fileprivate let cells: MetricCells
        fileprivate var written: UInt64 = .max

        init(_ sketch: TopSketch, _ cells: MetricCells) { (self.sketch, self.cells) = (sketch, cells) }

        /// Leaves what is known where others see it, if there is news.
        fileprivate mutating func write(_ period: UInt64, _ began: Instant) {
            guard written != sketch.total else { return }
            written = sketch.total
            sketch.write(to: cells, at: Int(period & 1) * (cells.count / 2), period: period, began: began)
        }

        fileprivate mutating func clear() {
            sketch.clear()
            written = .max
        }
    }

    private var clients: Part?
    private var names: Part?
    private var period: UInt64
    private var began: Instant

    init(clients: Part?, names: Part?, at now: Instant) {
        (self.clients, self.names, period, began) = (clients, names, TopLists.period(at: now), now)
    }

    /// A client's question has come.
    @inline(__always)
    func count(_ exchange: Exchange) {
        if let names { names.sketch.add(exchange.query.name.storage.span.extracting(0..<exchange.query.name.length)) }
        if let clients, let address = exchange.client?.address {
            let key = Self.key(address)
            clients.sketch.add(key.span.extracting(0..<(key[0] == 4 ? 5 : 17)))
        }
    }

    /// About once a second.
    func everySecond(_ now: Instant) {
        clients?.write(period, began)
        names?.write(period, began)
        let next = TopLists.period(at: now)
        if next == period { return }
        (period, began) = (next, now)
        clients?.clear()
        names?.clear()
        clients?.write(period, began)
        names?.write(period, began)
    }

    /// The family, then the address in network order.
    static func key(_ address: IPAddress) -> InlineArray<24, UInt8> {
        var key = InlineArray<24, UInt8>(repeating: 0)
        switch address {
        case .v4(let bits):
            key[0] = 4
            for index in 0..<4 { key[1 + index] = UInt8(truncatingIfNeeded: bits >> UInt32(24 - 8 * index)) }
        case .v6(let high, let low):
            key[0] = 6
            for index in 0..<8 {
                key[1 + index] = UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * index))
                key[9 + index] = UInt8(truncatingIfNeeded: low >> UInt64(56 - 8 * index))
            }
        }
        return key
    }

    static func address(_ key: [UInt8]) -> IPAddress? { IPAddress(bytes: key.dropFirst()) }
}
