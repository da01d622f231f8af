import Logging
import MizzenSystem
import Names
import Testing

@testable import Frontend

/// Handlers with a script, in a chain of their own: what the runner does with each step, without sockets.
@Suite("The answer chain")
struct ChainTests {
    /// What happened, in order.
    private final class Journal {
        var entries: [String] = []
    }

    /// Does what it was told, and writes down what was asked of it.
    private final class Scripted: DirectiveHandler {
        let name: String
        private let journal: Journal
        var onTake: (Exchange, Workbench) -> Step = { _, _ in .next }
        var onLate: (Exchange, Workbench) -> Step = { _, _ in .next }
        var onResume: (Exchange, Workbench, Reply) -> Step = { _, _, _ in .fail(.serverFailure) }
        var isOfTable = false
        var keepsBooks = false

        init(_ name: String, _ journal: Journal) {
            self.name = name
            self.journal = journal
        }

        override var tableZones: [DNSName] { isOfTable ? [DNSName()] : [] }
        override var concludes: Bool { keepsBooks }

        override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
            journal.entries.append("\(name) takes \(exchange.query.name)")
            return onTake(exchange, bench)
        }

        override func takeLate(_ exchange: Exchange, _ bench: Workbench) -> Step {
            journal.entries.append("\(name) takes \(exchange.query.name) late")
            return onLate(exchange, bench)
        }

        override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
            journal.entries.append("\(name) goes on")
            return onResume(exchange, bench, reply)
        }

        override func review(_ exchange: Exchange, _ bench: Workbench) { journal.entries.append("\(name) reviews") }
        override func abandon(_ exchange: Exchange) { journal.entries.append("\(name) abandons") }
        override func conclude(_ exchange: Exchange, _ bench: Workbench) { journal.entries.append("\(name) concludes \(exchange.code)") }
        override func refreshed(_ exchange: Exchange, _ bench: Workbench) { journal.entries.append("\(name) has \(exchange.isWritten)") }
    }

    private final class Fixture {
        let journal = Journal()
        let runner = ChainRunner(table: TableSlot(path: "/nonexistent/table"))
        let memory = ScratchMemory(count: 65_535)
        let group: UpstreamGroup

        init() throws {
            var settings = ForwardSettings()
            settings.targets = [.address(.v4(0xC000_0201), port: 53)]
            group = UpstreamGroup(source: try ForwardSource(settings: settings, metrics: FrontendMetrics().forward))
        }

        func handler(_ name: String, _ change: (Scripted) -> Void = { _ in }) -> Scripted {
            let handler = Scripted(name, journal)
            change(handler)
            return handler
        }

        func server(_ handlers: [DirectiveHandler]) -> WorkerServer {
            let plan = ServerPlan(label: "dns://:53", listen: [], zones: [(DNSName(), ".", 0)], place: "Corefile:1")
            let block = BlockPlan(configuration: BlockConfiguration(addresses: [], file: "Corefile", line: 1), sources: [])
            return WorkerServer(plan, chains: [Chain(handlers)], blocks: [block], metrics: FrontendMetrics(), thread: 0)
        }

        /// The whole answer, "silence" or "waits".
        func ask(_ name: String, _ server: WorkerServer) throws -> String {
            let packet = try TestPacket.query(name, .a)
            // Safe: the memory lives as long as the fixture.
            return try text(
                unsafe runner.run(
                    packet.span, transport: .udp, .slot(0, TestListener.make(server)), on: server, began: 0, into: memory.buffer))
        }

        func text(_ resolution: Resolution) throws -> String {
            switch resolution {
            case .silence: return "silence"
            case .waiting: return "waits"
            case .answer(let count):
                if let exchange = runner.current { runner.conclude(exchange) }
                let message = try MessageText(memory.bytes(count))
                return ([message.code] + message.answer).joined(separator: " ")
            }
        }
    }

    private static func address(_ last: UInt32) -> (Exchange, Workbench) -> Step {
        { exchange, bench in
            bench.response.address(.answer, .question, .v4(0xC000_0200 + last), ttl: 5, of: exchange.query)
            return .done(.answered)
        }
    }

    @Test("a query passes handlers in order until one answers; those that asked review the answer backwards; books are kept once")
    func order() throws {
        let fixture = try Fixture()
        let server = fixture.server([
            fixture.handler("a") { $0.onTake = { _, _ in .nextAndReview } },
            fixture.handler("b"),
            fixture.handler("c") { $0.onTake = { _, _ in .nextAndReview } },
            fixture.handler("d") { $0.onTake = Self.address(7) },
            fixture.handler("e") { $0.keepsBooks = true },
        ])
        #expect(try fixture.ask("x.org", server) == "NOERROR x.org. 5 IN A 192.0.2.7")
        #expect(
            fixture.journal.entries == [
                "a takes x.org.", "b takes x.org.", "c takes x.org.", "d takes x.org.", "c reviews", "a reviews", "e concludes 0",
            ])
    }

    @Test("what fails or is dropped is reviewed by nobody; changes of the query are taken back")
    func failure() throws {
        for (step, answer) in [(Step.fail(.refused), "REFUSED"), (.drop, "silence")] {
            let fixture = try Fixture()
            let server = fixture.server([
                fixture.handler("a") { $0.onTake = { _, _ in .nextAndReview } }, fixture.handler("b") { $0.onTake = { _, _ in step } },
            ])
            #expect(try fixture.ask("x.org", server) == answer)
            #expect(fixture.journal.entries == ["a takes x.org.", "b takes x.org.", "a abandons"])
        }
    }

    @Test("nobody takes the query: SERVFAIL, with a reason for the log")
    func nobody() throws {
        let fixture = try Fixture()
        let server = fixture.server([fixture.handler("a")])
        #expect(try fixture.ask("x.org", server) == "SERVFAIL")
        #expect(fixture.runner.current?.failure == "no directive took the query")
    }

    @Test("an exchange that waits goes on where it was: no handler before it runs again, and another query passes meanwhile")
    func waiting() throws {
        let fixture = try Fixture()
        let group = fixture.group
        let server = fixture.server([
            fixture.handler("a") { $0.onTake = { _, _ in .nextAndReview } },
            fixture.handler("b") { handler in
                handler.onTake = { exchange, bench in
                    guard exchange.query.name.description == "slow.org." else { return Self.address(1)(exchange, bench) }
                    exchange.request = UpstreamRequest(group: group, message: exchange.query.upstreamMessage())
                    return .ask
                }
                handler.onResume = { exchange, bench, _ in Self.address(2)(exchange, bench) }
            },
        ])
        #expect(try fixture.ask("slow.org", server) == "waits")
        let waiting = try #require(fixture.runner.pending)
        #expect(try fixture.ask("fast.org", server) == "NOERROR fast.org. 5 IN A 192.0.2.1")
        // Safe: the memory lives as long as the fixture.
        let answer = try fixture.text(unsafe fixture.runner.resume(waiting, .failed("x"), into: fixture.memory.buffer))
        #expect(answer == "NOERROR slow.org. 5 IN A 192.0.2.2")
        #expect(
            fixture.journal.entries == [
                "a takes slow.org.", "b takes slow.org.", "a takes fast.org.", "b takes fast.org.", "a reviews", "b goes on", "a reviews",
            ])
    }

    @Test("a query that is over holds no listener, whose sockets would stay open")
    func letsGo() throws {
        let fixture = try Fixture()
        let group = fixture.group
        let server = fixture.server([
            fixture.handler("a") { handler in
                handler.onTake = { exchange, _ in
                    exchange.request = UpstreamRequest(group: group, message: exchange.query.upstreamMessage())
                    return .ask
                }
                handler.onResume = { exchange, bench, _ in Self.address(2)(exchange, bench) }
            }
        ])
        weak var listener: Listener?
        do {
            let made = TestListener.make(server)
            listener = made
            let packet = try TestPacket.query("slow.org", .a)
            // Safe: the memory lives as long as the fixture; so below.
            let first = unsafe fixture.runner.run(
                packet.span, transport: .udp, .slot(0, made), on: server, began: 0, into: fixture.memory.buffer)
            #expect(try fixture.text(first) == "waits")
        }
        // It is where the answer will go.
        #expect(listener != nil)
        do {
            let waiting = try #require(fixture.runner.pending)
            let root = waiting.root
            #expect(try fixture.text(unsafe fixture.runner.resume(waiting, .failed("x"), into: fixture.memory.buffer)) != "waits")
            fixture.runner.finish(root)
        }
        #expect(listener == nil)
        #expect(try fixture.ask("other.org", server) == "waits")
    }

    @Test("a look-up passes the whole chain as a query of its own, and its answer comes back to who asked")
    func lookup() throws {
        let fixture = try Fixture()
        let target = try DNSName("y.org")
        let server = fixture.server([
            fixture.handler("a") { handler in
                handler.onTake = { exchange, bench in
                    exchange.query.name == target ? Self.address(9)(exchange, bench) : exchange.look(up: target, .a)
                }
                handler.onResume = { exchange, bench, reply in
                    guard case .message(let message) = reply, bench.relay(message.span, exchange) else { return .fail(.serverFailure) }
                    return .message
                }
            }
        ])
        #expect(try fixture.ask("x.org", server) == "NOERROR y.org. 5 IN A 192.0.2.9")
        #expect(fixture.journal.entries == ["a takes x.org.", "a takes y.org.", "a goes on"])
    }

    @Test("look-ups that lead to one another end")
    func endless() throws {
        let fixture = try Fixture()
        let server = fixture.server([
            fixture.handler("a") { $0.onTake = { exchange, _ in exchange.look(up: exchange.query.name, .a) } }
        ])
        #expect(try fixture.ask("x.org", server) == "SERVFAIL")
        #expect(fixture.journal.entries.filter { $0.hasSuffix("takes x.org.") }.count == ChainRunner.deepest + 1)
    }

    @Test("a handler that puts a query off is asked behind those of the record table, about the question that it has seen")
    func late() throws {
        let fixture = try Fixture()
        let other = Question(try DNSName("other.org"), .a)
        let server = fixture.server([
            fixture.handler("cache") { handler in
                handler.onTake = { _, _ in .nextAndDefer }
                handler.onLate = { exchange, bench in
                    exchange.query.name.description == "kept.org." ? Self.address(3)(exchange, bench) : .nextAndReview
                }
            },
            fixture.handler("rename") {
                $0.onTake = { exchange, bench in
                    exchange.ask(other, bench)
                    return .nextAndReview
                }
            },
            fixture.handler("table") { $0.isOfTable = true },
            fixture.handler("last") { $0.onTake = Self.address(4) },
        ])
        #expect(try fixture.ask("kept.org", server) == "NOERROR kept.org. 5 IN A 192.0.2.3")
        #expect(
            fixture.journal.entries == [
                "cache takes kept.org.", "rename takes kept.org.", "table takes other.org.", "cache takes kept.org. late",
                "rename abandons", "cache reviews",
            ])
        fixture.journal.entries = []
        #expect(try fixture.ask("new.org", server) == "NOERROR other.org. 5 IN A 192.0.2.4")
        #expect(
            fixture.journal.entries == [
                "cache takes new.org.", "rename takes new.org.", "table takes other.org.", "cache takes new.org. late",
                "last takes other.org.", "rename reviews", "cache reviews",
            ])
    }

    @Test("a refresh runs the handlers behind the one that began it, and answers nobody")
    func refresh() throws {
        let fixture = try Fixture()
        let cache = fixture.handler("cache")
        cache.onTake = { [unowned cache] exchange, bench in
            bench.refresh(exchange, by: cache)
            return Self.address(1)(exchange, bench)
        }
        let server = fixture.server([fixture.handler("a"), cache, fixture.handler("b") { $0.onTake = Self.address(2) }])
        #expect(try fixture.ask("x.org", server) == "NOERROR x.org. 5 IN A 192.0.2.1")
        guard case .silence = fixture.runner.runBegun() else { return #expect(Bool(false), "a refresh answers nobody") }
        #expect(fixture.runner.runBegun() == nil)
        #expect(fixture.journal.entries == ["a takes x.org.", "cache takes x.org.", "b takes x.org.", "cache has true"])
    }
}
