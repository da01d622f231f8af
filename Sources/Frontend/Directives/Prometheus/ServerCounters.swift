import CMizzenSystem
import ProcessRuntime

/// The counters of one zone of one server, of one thread: written by that thread alone, read by a scrape at any time.
///
/// Memory contract: the cells are a run of the registry, made once and never given back, so a scrape can never hold a dangling pointer; other
/// processes may read them too. Only the owning thread stores; load and store are relaxed atomics of a whole word, so an increment is three plain
/// instructions and takes no lock. A scrape may see a request counted whose duration is not yet, never a torn number.
@safe struct ServerCounters: @unchecked Sendable {
    // @unchecked: see the memory contract above.

    /// Question types that have a label of their own; all others are `other`.
    static let types: [(name: String, number: UInt16)] = [
        ("A", 1), ("NS", 2), ("CNAME", 5), ("SOA", 6), ("PTR", 12), ("MX", 15), ("TXT", 16), ("AAAA", 28), ("SRV", 33),
        ("DS", 43),
        ("RRSIG", 46), ("NSEC", 47), ("DNSKEY", 48), ("NSEC3", 50), ("SVCB", 64), ("HTTPS", 65), ("IXFR", 251),
        ("AXFR", 252), ("ANY", 255),
    ]
    /// Response codes by number, as CoreDNS spells them; the last stands for all above those that have a name.
    static let codes = (0..<UInt16(codeCount)).map { Mnemonics.responseCode($0) ?? ($0 < codeCount - 1 ? "RCODE\($0)" : "other") }
    private static let codeCount = 25
    /// Who wrote the answer, as the `plugin` label says it, by rank.
    static var writers: [String] { (0..<min(Directive.ranks, mostWriters)).map { Directive.name(ofRank: $0) } }
    /// Room for every directive; a constant, so that a cell's place is one.
    static let mostWriters = 64
    /// CoreDNS's own bounds: 16 doublings of 0.25 ms.
    static let durationBounds: [Double] = (0..<16).map { 0.00025 * Double(1 << $0) }
    static let sizeBounds: [Double] = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3]

    /// Where each group of cells starts.
    enum Layout {
        static let requests = 0
        static let responses = requests + 2 * 2 * 20
        static let duration = responses + codeCount * mostWriters
        static let durationSum = duration + 17
        static let requestSize = durationSum + 1
        static let requestSizeSum = requestSize + 2 * 15
        static let responseSize = requestSizeSum + 2
        static let responseSizeSum = responseSize + 2 * 15
        static let wantsDNSSEC = responseSizeSum + 2
        static let count = wantsDNSSEC + 1

        static func response(code: Int, writer: Int) -> Int {
            responses + min(code, codeCount - 1) * mostWriters + min(max(writer, 0), mostWriters - 1)
        }
    }

    /// What the cells are, in their order, for one zone of one server.
    static func series(server: String, zone: String, view: String) -> [MetricSeries] {
        let labels = [("server", server), ("zone", zone), ("view", view)]
        let transports = MetricSeries.Dimension("proto", ["udp", "tcp"])
        func series(_ name: String, _ help: String, _ dimensions: [MetricSeries.Dimension]) -> MetricSeries {
            var series = MetricSeries("coredns_dns_\(name)", help: help, kind: .counter, labels: labels)
            (series.dimensions, series.omitsZeros) = (dimensions, true)
            return series
        }
        func histogram(_ name: String, _ help: String, _ bounds: [Double], _ sumUnits: UInt64, _ dimensions: [MetricSeries.Dimension])
            -> MetricSeries
        {
            var series = series(name, help, dimensions)
            (series.kind, series.bounds, series.sumUnits, series.omitsZeros) = (.histogram, bounds, sumUnits, !dimensions.isEmpty)
            return series
        }
        let types = Self.types.map(\.name) + ["other"]
        return [
            series(
                "requests_total", "Queries by zone, transport, address family and type.",
                [transports, .init("family", ["1", "2"]), .init("type", types)]),
            series(
                "responses_total", "Answers by response code and by the directive that wrote them.",
                [.init("rcode", codes), .init("plugin", writers, width: mostWriters)]),
            histogram("request_duration_seconds", "How long answers took.", durationBounds, 1_000_000_000, []),
            histogram("request_size_bytes", "Sizes of queries.", sizeBounds, 1, [transports]),
            histogram("response_size_bytes", "Sizes of answers.", sizeBounds, 1, [transports]),
            series("do_requests_total", "Queries with the DNSSEC OK bit.", []),
        ]
    }

    private let cells: UnsafeMutableRawPointer

    init(_ registry: MetricsRegistry, server: String, zone: String, view: String) {
        let cells = registry.run(Self.series(server: server, zone: zone, view: view))
        // The series are constants but for their labels, and a test compares them with `Layout`.
        precondition(cells.count == Layout.count)
        // Safe: a run's cells are never given back.
        unsafe self.cells = cells.base
    }

    subscript(index: Int) -> UInt64 {
        // Cells are chosen by constants and by the small ranges of `typeIndex` and its like, whatever a packet says.
        precondition(index >= 0 && index < Layout.count)
        // Safe: checked just above.
        return unsafe mz_load_u64_relaxed(cells + index * 8)
    }

    @inline(__always)
    private func add(_ amount: UInt64, at index: Int) {
        // Cells are chosen by constants and by the small ranges of `typeIndex` and its like, whatever a packet says.
        precondition(index >= 0 && index < Layout.count)
        // Safe: checked just above; one thread stores.
        unsafe mz_store_u64_relaxed(cells + index * 8, mz_load_u64_relaxed(cells + index * 8) &+ amount)
    }

    /// Counts an exchange that has ended. No allocation, no lock.
    @inline(__always)
    func count(_ exchange: Exchange) {
        let transport = exchange.isOverStream ? 1 : 0
        add(1, at: Layout.requests + (transport * 2 + (exchange.isV6 ? 1 : 0)) * 20 + Self.typeIndex(exchange.query.type.rawValue))
        add(1, at: Layout.response(code: Int(exchange.code), writer: exchange.writer))
        let nanoseconds = exchange.ended &- exchange.began
        add(1, at: Layout.duration + Self.durationIndex(nanoseconds))
        add(nanoseconds, at: Layout.durationSum)
        add(1, at: Layout.requestSize + transport * 15 + Self.sizeIndex(exchange.requestSize))
        add(UInt64(exchange.requestSize), at: Layout.requestSizeSum + transport)
        add(1, at: Layout.responseSize + transport * 15 + Self.sizeIndex(exchange.responseSize))
        add(UInt64(exchange.responseSize), at: Layout.responseSizeSum + transport)
        if exchange.query.wantsDNSSEC { add(1, at: Layout.wantsDNSSEC) }
    }

    private static func typeIndex(_ type: UInt16) -> Int {
        switch type {
        case 1: 0
        case 2: 1
        case 5: 2
        case 6: 3
        case 12: 4
        case 15: 5
        case 16: 6
        case 28: 7
        case 33: 8
        case 43: 9
        case 46: 10
        case 47: 11
        case 48: 12
        case 50: 13
        case 64: 14
        case 65: 15
        case 251: 16
        case 252: 17
        case 255: 18
        default: 19
        }
    }

    private static func durationIndex(_ nanoseconds: UInt64) -> Int {
        // The bounds are 250 µs times powers of two.
        var bound: UInt64 = 250_000
        var index = 0
        while index < 16, nanoseconds > bound {
            bound *= 2
            index += 1
        }
        return index
    }

    private static func sizeIndex(_ size: Int) -> Int {
        switch size {
        case ...0: 0
        case ...100: 1
        case ...200: 2
        case ...300: 3
        case ...400: 4
        case ...511: 5
        case ...1023: 6
        case ...2047: 7
        case ...4095: 8
        case ...8291: 9
        case ...16000: 10
        case ...32000: 11
        case ...48000: 12
        case ...64000: 13
        default: 14
        }
    }
}
