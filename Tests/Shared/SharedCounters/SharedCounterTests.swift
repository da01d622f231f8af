import Foundation
import ProcessRuntime
import TestSupport
import Testing

@testable import RecordTable
@testable import SharedCounters

@Suite("Counters that processes share")
struct SharedCounterTests {
    private let temporary: TemporaryFolder
    private let counters: CountersUnderTest

    init() throws {
        temporary = try TemporaryFolder()
        counters = try CountersUnderTest(temporary)
    }

    /// Counts as a process does that ends at the end of the closure.
    private func asProcess(_ body: (MetricsRegistry) throws -> Void) throws {
        try body(MetricsRegistry(memory: counters.process()))
    }

    private func permit(_ path: String, _ mode: mode_t) throws {
        try FileManager.default.setAttributes([.posixPermissions: Int(mode)], ofItemAtPath: path)
    }

    @Test("the sum is that of all that live and have ended, before and after they are added up")
    func sums() throws {
        let living = MetricsRegistry(memory: try counters.process())
        let counter = living.counter("c_total", help: "C.")
        counter.add(5)
        try asProcess { $0.counter("c_total", help: "C.").add(7) }
        #expect(counters.count() == 12)
        #expect(counters.folder.sum(of: CountersUnderTest.endpoint, in: CountersUnderTest.place).ended == 1)
        #expect(counters.folder.foldEnded().count == 1)
        #expect(counters.count() == 12)
        #expect(counters.folder.foldEnded().isEmpty)
        try asProcess { $0.counter("c_total", help: "C.").add(100) }
        counters.folder.foldEnded()
        counter.add()
        #expect(counters.count() == 113)
        #expect(counters.folder.sum(of: CountersUnderTest.endpoint, in: CountersUnderTest.place).ended == 2)
        #expect(counters.files.count == 2 && counters.complained.isEmpty)
    }

    @Test("histograms are added up exactly, in whatever order, and go on where they were")
    func histograms() throws {
        var texts: Set<String> = []
        for order in [[0.1, 0.7, 1e-7], [1e-7, 0.1, 0.7], [0.7, 1e-7, 0.1]] {
            let folder = try TemporaryFolder()
            let counters = try CountersUnderTest(folder)
            for value in order {
                let histogram = MetricsRegistry(memory: try counters.process()).histogram("h", help: "H.", buckets: [0.5])
                for _ in 0..<1000 { histogram.observe(value) }
                counters.folder.foldEnded()
            }
            texts.insert(String(decoding: counters.sum().render(), as: UTF8.self))
        }
        #expect(
            texts == [
                """
                # HELP h H.
                # TYPE h histogram
                h_bucket{le="0.5"} 2000
                h_bucket{le="+Inf"} 3000
                h_sum 800.0001
                h_count 3000

                """
            ])
    }

    @Test("gauges are of the living, joined as they say")
    func gauges() throws {
        func set(_ registry: MetricsRegistry, _ value: Double) {
            registry.gauge("sum", help: "").set(value)
            registry.gauge("largest", help: "", joining: .largest).set(value)
            registry.gauge("smallest", help: "", joining: .smallest) { value }
            registry.publish()
        }
        let first = MetricsRegistry(memory: try counters.process())
        let second = MetricsRegistry(memory: try counters.process())
        set(first, 3)
        set(second, 4)
        try asProcess { set($0, 100) }
        func values() -> [Double] {
            let sum = counters.sum()
            return ["sum", "largest", "smallest"].compactMap { name in
                if case .value(let value) = sum.families[name]?.samples[""] { value } else { nil }
            }
        }
        #expect(values() == [7, 4, 3])
        counters.folder.foldEnded()
        #expect(values() == [7, 4, 3])
        first.gauge("largest", help: "", joining: .largest).set(.nan)
        #expect(values() == [7, 4, 3])
        withExtendedLifetime(second) {}
    }

    @Test("what is taken out is not told, and has its place again when it comes back")
    func withdrawal() throws {
        let segment = try counters.process()
        let registry = MetricsRegistry(memory: segment)
        for round in 0..<1000 {
            registry.gauge("g", help: "", labels: [("v", "\(round % 3)")]).set(Double(round))
            #expect(counters.sum().families["g"]?.samples == ["v=\"\(round % 3)\"": .value(Double(round))])
            registry.remove("g", labels: [("v", "\(round % 3)")])
        }
        #expect(counters.sum().families["g"] == nil)
        let reader = try SegmentReader(segment.id, in: counters.path)
        #expect(reader.isAlive)
        #expect(segment.shortage == nil)
    }

    @Test("places and endpoints do not mix")
    func identity() throws {
        let others = [
            try counters.process(place: .init(networkNamespace: 2, table: "/table")),
            try counters.process(place: .init(networkNamespace: 1, table: "/other")),
            try counters.process(["127.0.0.1:9154/metrics"]),
        ]
        for other in others { MetricsRegistry(memory: other).counter("c_total", help: "").add(1000) }
        try asProcess { $0.counter("c_total", help: "").add(1) }
        #expect(counters.count() == 1)
        counters.folder.foldEnded()
        #expect(counters.count() == 1)
        #expect(counters.sum("127.0.0.1:9154/metrics").total("c_total") == 1000)
        #expect(counters.folder.members(of: CountersUnderTest.place).count { $0.isAlive } == 1)
        withExtendedLifetime(others) {}
    }

    @Test("another boot's counters are not believed, and removed")
    func boot() throws {
        let before = try CountersUnderTest(temporary, boot: BootIdentity(high: 1, low: 2))
        for _ in 0..<2 {
            MetricsRegistry(memory: try before.process()).counter("c_total", help: "").add(1000)
            before.folder.foldEnded()
        }
        let stray = try before.process()
        #expect(before.count() == 2000 && counters.count() == nil)
        try asProcess { $0.counter("c_total", help: "").add(1) }
        counters.folder.foldEnded()
        #expect(counters.count() == 1 && counters.files == ["v1-ended"])
        withExtendedLifetime(stray) {}
    }

    @Test("series that find no room are counted by their process alone, and it is told")
    func room() throws {
        let segment = try counters.process()
        let registry = MetricsRegistry(memory: segment)
        var large = MetricSeries("large_total", help: "", kind: .counter)
        large.dimensions = [.init("a", (0..<1000).map { "\($0)" }), .init("b", (0..<1000).map { "\($0)" })]
        large.omitsZeros = true
        for _ in 0..<9 { registry.run([large])[7] = 1 }
        #expect(segment.shortage != nil)
        let sum = counters.sum().total("large_total") + registry.unsharedReading().total("large_total")
        #expect(sum == 9 && registry.unsharedReading().total("large_total") > 0)
        registry.counter("c_total", help: "").add(3)
        #expect(counters.count() == 3, "what is small enough still finds room")
    }

    @Test("a folder or file that others may write is not used")
    func trust() throws {
        let path = temporary.path("open")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try permit(path, 0o777)
        #expect(throws: CounterError.self) { try CounterFolder(path: path) { _ in } }
        try FileManager.default.createSymbolicLink(atPath: temporary.path("link"), withDestinationPath: counters.path)
        #expect(throws: CounterError.self) { try CounterFolder(path: temporary.path("link")) { _ in } }
        try temporary.write([1], to: "file")
        #expect(throws: CounterError.self) { try CounterFolder(path: temporary.path("file")) { _ in } }
        #expect(throws: CounterError.self) { try CounterFolder(path: temporary.path("no/parent")) { _ in } }
        let segment = try counters.process()
        MetricsRegistry(memory: segment).counter("c_total", help: "").add()
        try permit("\(counters.path)/v1-\(segment.id)", 0o666)
        for _ in 0..<3 { #expect(counters.count() == nil) }
        #expect(counters.complained == [.untrusted(path: "\(counters.path)/v1-\(segment.id)", reason: "others may write to it")])
    }

    @Test("files that are none are passed over, each told once")
    func foreign() throws {
        for (name, bytes) in [("v1-0000000000000001", 0), ("v1-0000000000000002", 100), ("v1-0000000000000003", 9000), ("notes", 3)] {
            try Data(repeating: 7, count: bytes).write(to: URL(filePath: "\(counters.path)/\(name)"))
            try permit("\(counters.path)/\(name)", 0o600)
        }
        try Data(repeating: 7, count: 500).write(to: URL(filePath: "\(counters.path)/v1-ended"))
        // Safe: a NUL-terminated copy.
        #expect(unsafe mkfifo("\(counters.path)/v1-0000000000000004", 0o600) == 0)
        try asProcess { $0.counter("c_total", help: "").add(2) }
        for _ in 0..<3 { #expect(counters.count() == 2) }
        #expect(counters.complained.count == 5)
        counters.folder.foldEnded()
        #expect(counters.count() == 2 && counters.files.contains("notes"))
    }

    /// Every number of the damaged file is believed or refused; whatever it says, nothing traps and nobody else's counts are lost.
    @Test("a segment with any byte changed ends nobody")
    func damage() throws {
        let own = MetricsRegistry(memory: try counters.process())
        own.counter("own_total", help: "").add(3)
        let victim = try counters.process()
        let registry = MetricsRegistry(memory: victim)
        registry.counter("c_total", help: "C.", labels: [("a", "b")]).add(9)
        _ = registry.histogram("h", help: "", buckets: [1, 2])
        let path = "\(counters.path)/v1-\(victim.id)"
        let whole = Array(try Data(contentsOf: URL(filePath: path)).prefix(9216))
        var random = SystemRandomNumberGenerator()
        let places = Array(0..<80) + Array(512..<600) + Array(4352..<4460) + Array(8192..<9216)
        for place in places {
            for _ in 0..<2 {
                let file = try FileHandle(forWritingTo: URL(filePath: path))
                try file.seek(toOffset: UInt64(place))
                try file.write(contentsOf: [UInt8.random(in: 0...255, using: &random)])
                #expect(counters.sum().total("own_total") == 3)
                _ = counters.folder.members(of: CountersUnderTest.place)
                try file.seek(toOffset: UInt64(place))
                try file.write(contentsOf: [whole[place]])
            }
        }
        #expect(counters.count(labels: "a=\"b\"") == 9)
    }

    @Test("a file of the ended with any byte changed is refused")
    func damagedSum() throws {
        try asProcess { $0.counter("c_total", help: "").add(2) }
        counters.folder.foldEnded()
        let path = "\(counters.path)/v1-ended"
        let whole = Array(try Data(contentsOf: URL(filePath: path)))
        for place in whole.indices {
            var changed = whole
            changed[place] ^= 0x41
            #expect(throws: FieldReader.Malformed.self) { try EndedCounters(changed) }
            #expect(throws: FieldReader.Malformed.self) { try EndedCounters(Array(whole.prefix(place))) }
        }
        #expect(try EndedCounters(whole).serial == 1)
    }

    @Test("a card that is changed all the time is read whole")
    func cards() async throws {
        let segment = try counters.process()
        func card(_ round: Int) -> MemberCard {
            var card = MemberCard(place: CountersUnderTest.place, endpoints: [CountersUnderTest.endpoint], release: "test")
            card.fault = String(repeating: round % 2 == 0 ? "a" : "b", count: 1 + round % 200)
            return card
        }
        let changing = Task.detached {
            for round in 0..<20_000 { segment.show(card(round)) }
        }
        for _ in 0..<2000 {
            let fault = try SegmentReader(segment.id, in: counters.path).card.fault
            #expect(Set(fault).count <= 1)
        }
        await changing.value
    }

    @Test("as many groups are kept as there is room for, those that were added to last")
    func groups() throws {
        for group in 0..<(EndedCounters.mostGroups + 5) {
            MetricsRegistry(memory: try counters.process(["127.0.0.1:\(group)/metrics"])).counter("c_total", help: "").add()
            counters.folder.foldEnded()
        }
        #expect(counters.sum("127.0.0.1:4/metrics").total("c_total") == 0)
        #expect(counters.sum("127.0.0.1:5/metrics").total("c_total") == 1)
    }
}
