import Logging
import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

/// `loadbalance` on messages of the tests' own, with orders drawn from a seed.
@Suite("The order of addresses")
struct LoadbalanceTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// One thread's handler, and what it needs to look at a message.
    private final class Balancer {
        private let handler: LoadbalanceHandler
        private let bench = Workbench(table: TableSlot(path: "/nonexistent/table"))
        private let exchange: Exchange

        init(_ statement: String, seed: UInt64 = 1) throws {
            let settings = try #require(try read(statement).first)
            handler = LoadbalanceHandler(try LoadbalanceSource(settings: settings, root: "", logger: LoadbalanceTests.logger), seed: seed)
            let server = WorkerServer(
                ServerPlan(label: "dns://:53", listen: [], zones: [], place: "Corefile:1"), chains: [], blocks: [],
                metrics: FrontendMetrics(), thread: 0)
            exchange = Exchange(server: server, path: .slot(0, TestListener.make(server)))
        }

        /// The message of these records, in zone text, as it stands after the review: records in their order.
        func order(
            _ name: String, _ answer: [String], additional: [String] = [], code: UInt8 = 0, type: RecordType = .a
        ) throws -> [String] {
            let packet = try TestPacket.query(name, type)
            #expect(exchange.query.read(packet.span, transport: .udp) == .query)
            let message = try TestPacket.answer(to: packet, code: code, answer, additional: additional)
            // Safe: the bench's own memory.
            unsafe bench.use(bench.lookupMemory.buffer)
            #expect(bench.setMessage(message.span) && bench.count == message.count)
            handler.review(exchange, bench)
            return try Self.records(bench.messageBytes)
        }

        /// As text, one by one.
        static func records(_ octets: [UInt8]) throws -> [String] {
            let message = octets.span
            var reader = try PacketReader(message)
            var texts: [String] = []
            while let record = try reader.next(in: message) {
                var owner = DNSName()
                _ = try owner.read(message, at: record.owner)
                let data = octets[record.data]
                let isAddress = record.type == .a || record.type == .aaaa
                texts.append(
                    "\(owner) \(record.ttl) \(record.type) \(isAddress ? IPAddress(bytes: Array(data)).map { "\($0)" } ?? "?" : "…")")
            }
            return texts
        }
    }

    @Test("every order of an answer's addresses comes about as often as any other, and nothing else changes")
    func permutations() throws {
        let balancer = try Balancer("loadbalance")
        let records = (1...3).map { "a.example. 60 A 192.0.2.\($0)" }
        var counts: [[String]: Int] = [:]
        for _ in 0..<6000 {
            let order = try balancer.order("a.example", records)
            guard order.sorted() == records.map({ $0.replacing(" IN", with: "") }) else {
                Issue.record("\(order)")
                return
            }
            counts[order, default: 0] += 1
        }
        // 1,000 each, with a deviation of 29.
        #expect(counts.count == 6 && counts.values.allSatisfy { (850...1150).contains($0) })
    }

    @Test("only addresses of one name and type change places; aliases and other records keep theirs")
    func aliases() throws {
        let balancer = try Balancer("loadbalance round_robin")
        let records =
            ["a.example. 60 CNAME b.example.", "b.example. 60 CNAME c.example."] + (1...4).map { "c.example. 60 A 192.0.2.\($0)" }
            + ["d.example. 60 A 192.0.2.9", "d.example. 60 TXT \"t\"", "c.example. 60 AAAA 2001:db8::1", "c.example. 60 AAAA 2001:db8::2"]
        var orders: Set<[String]> = []
        for _ in 0..<200 {
            let order = try balancer.order("a.example", records)
            #expect(
                order.map { $0.split(separator: " ").dropLast().joined(separator: " ") }
                    == records.map { $0.split(separator: " ").prefix(3).joined(separator: " ") })
            #expect(order[6] == "d.example. 60 A 192.0.2.9" && Set(order[2...5]).count == 4 && Set(order[8...9]).count == 2)
            orders.insert(order)
        }
        // 24 orders of four addresses, times two.
        #expect(orders.count > 40)
    }

    @Test("an answer that is no success, or has one address, is left alone")
    func untouched() throws {
        let balancer = try Balancer("loadbalance")
        let records = (1...3).map { "a.example. 60 A 192.0.2.\($0)" }
        for _ in 0..<20 {
            #expect(try balancer.order("a.example", records, code: 3) == records)
            #expect(try balancer.order("a.example", [records[0]]) == [records[0]])
            #expect(try balancer.order("a.example", []) == [])
        }
    }

    @Test("weights converge: each address is first as often as its share, the letters of the question aside")
    func weights() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            Array("# comment\nA.example\n192.0.2.1 10\n192.0.2.2 30 # more\n\nother.example.\n192.0.2.3 255\n".utf8), to: "weights")
        let balancer = try Balancer("loadbalance weighted \(folder.path("weights"))", seed: 7)
        // The third has no weight, which is a weight of 1.
        let records = (1...3).map { "a.example. 60 A 192.0.2.\($0)" }
        var first = [0, 0, 0]
        for _ in 0..<8200 {
            let order = try balancer.order("A.Example", records)
            #expect(Set(order.map { $0.split(separator: " ").last }).count == 3)
            first[Int(String(order[0].suffix(1))).map { $0 - 1 } ?? 0] += 1
        }
        // 2,000, 6,000 and 200 of 8,200.
        #expect((1850...2150).contains(first[0]) && (5850...6150).contains(first[1]) && (140...260).contains(first[2]), "\(first)")
        // Addresses of a name without weights weigh the same.
        let others = (1...3).map { "b.example. 60 A 192.0.2.\($0)" }
        first = [0, 0, 0]
        for _ in 0..<3000 {
            first[Int(String(try balancer.order("b.example", others)[0].suffix(1))).map { $0 - 1 } ?? 0] += 1
        }
        #expect(first.allSatisfy { (900...1100).contains($0) }, "\(first)")
    }

    @Test("weights are those of the name that has the addresses, behind an alias and in the additional section too")
    func owners() throws {
        let folder = try TemporaryFolder()
        // Of two weights for one address the first counts.
        try folder.write(
            Array("a.example\n192.0.2.1 1\nb.example\n192.0.2.1 1\n192.0.2.2 255\n192.0.2.2 1\n".utf8), to: "weights")
        let balancer = try Balancer("loadbalance weighted \(folder.path("weights"))", seed: 3)
        let addresses = (1...2).map { "B.example. 60 A 192.0.2.\($0)" }
        func isFirst(_ answer: [String], additional: [String] = []) throws -> Int {
            try (0..<200).count { _ in try balancer.order("a.example", answer, additional: additional)[1].hasSuffix("192.0.2.2") }
        }
        #expect(try isFirst(["a.example. 60 CNAME b.example."] + addresses) > 180)
        #expect(try isFirst(["a.example. 60 SRV 0 1 80 b.example."], additional: addresses) > 180)
    }

    @Test("addresses of the additional section are shuffled within their name and never leave their section")
    func additional() throws {
        let balancer = try Balancer("loadbalance")
        let addresses = (1...3).map { "b.example. 60 A 192.0.2.\($0)" }
        var orders: Set<[String]> = []
        for _ in 0..<200 {
            let order = try balancer.order("b.example", [addresses[0]], additional: Array(addresses[1...]))
            #expect(order[0] == addresses[0])
            orders.insert(order)
        }
        #expect(orders.count == 2)
    }

    @Test("a file of weights that is not there yet is waited for with a warning, unless nobody would look for it")
    func missingFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("weights")
        func source(_ reload: String, _ log: RecordedLog) throws -> LoadbalanceSource {
            let settings = try #require(try read("loadbalance weighted \(path) {\n reload \(reload)\n}").first)
            return try LoadbalanceSource(settings: settings, root: "", logger: log.logger)
        }
        #expect(throws: AddressWeights.Fault.self) { _ = try source("0s", RecordedLog()) }
        let log = RecordedLog()
        let waiting = try source("1s", log)
        #expect(log.lines == ["the file of weights does not exist, it is looked for again every=1s path=\(path)"])
        let start = ContinuousClock.now
        waiting.follow(start)
        try folder.write(Array("a.example\n192.0.2.1 7\n".utf8), to: "weights")
        waiting.follow(start + .seconds(2))
        #expect(waiting.weights.weights(of: "a.example.")?.values.first == 7)
        try folder.write(Array("192.0.2.1\n".utf8), to: "weights")
        let fault = #expect(throws: AddressWeights.Fault.self) { _ = try source("1s", log) }
        #expect(fault?.message == "\(path):1: expected a weight behind 192.0.2.1")
    }

    @Test("preferred networks come first, whatever was drawn", arguments: ["round_robin", ""])
    func preferred(policy: String) throws {
        let balancer = try Balancer("loadbalance \(policy) {\n prefer 10.0.0.0/8 2001:db8::/32\n}")
        let records = ["192.0.2.1", "10.0.0.1", "192.0.2.2", "10.0.0.2", "10.0.0.3"].map { "a.example. 60 A \($0)" }
        var orders: Set<[String]> = []
        for _ in 0..<200 {
            let order = try balancer.order("a.example", records)
            #expect(order.prefix(3).allSatisfy { $0.contains(" 10.") } && Set(order).count == 5)
            orders.insert(order)
        }
        #expect(orders.count == 12)
        let six = ["2001:db9::1", "2001:db8::1"].map { "a.example. 60 AAAA \($0)" }
        #expect(try balancer.order("a.example", six, type: .aaaa)[0].hasSuffix("2001:db8::1"))
    }

    @Test("a file of weights that changes is read again, one that is broken leaves those of before")
    func reload() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("weights")
        try folder.write(Array("a.example\n192.0.2.1 1\n".utf8), to: "weights")
        let settings = try #require(try read("loadbalance weighted \(path) {\n reload 1s\n}").first)
        let source = try LoadbalanceSource(settings: settings, root: "", logger: Self.logger)
        let start = ContinuousClock.now
        source.follow(start)
        #expect(source.currentVersion == 1)
        try folder.write(Array("a.example\n192.0.2.1 200\n".utf8), to: "weights")
        source.follow(start + .milliseconds(500))
        #expect(source.currentVersion == 1)
        source.follow(start + .milliseconds(1100))
        let address = try #require(IPAddress("192.0.2.1"))
        #expect(source.currentVersion == 2 && source.weights.weights(of: "a.example.")?[address] == 200)
        for broken in ["192.0.2.1 1\n", "a.example\n192.0.2.1 0\n", "a.example\n192.0.2.1 256\n", "a.example\nnobody 1\n", "a b c\n"] {
            try folder.write(Array(broken.utf8), to: "weights")
            source.follow(start + .seconds(10))
            #expect(source.currentVersion == 2 && source.weights.weights(of: "a.example.")?[address] == 200)
            #expect(throws: AddressWeights.Fault.self) { _ = try AddressWeights.read(path) }
        }
    }
}

private func read(_ statement: String) throws -> [LoadbalanceSettings] { try settings(of: LoadbalanceSettings.row, statement) }
