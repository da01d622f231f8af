import Logging
import Names
import ProcessRuntime
import TestSupport
import Testing

@testable import Frontend

@Suite("A directive that breaks a rule")
struct DirectiveMistakeTests {
    @Test("fails the one answer, which is counted as SERVFAIL and as a mistake; the worker goes on")
    func counted() throws {
        let folder = try TemporaryFolder()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let corefile = ".:1053 {\n prometheus\n hosts {\n 192.0.2.1 a.org\n }\n}\n"
        let configuration = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
        let metrics = FrontendMetrics()
        let serving = try ServingPlan(configuration, metrics: metrics, logger: logger)
        let table = TableSlot(path: folder.path("no-table"))
        let worker = try Worker(thread: 0, mailbox: WorkerMailbox(), pulse: WorkerPulse(), table: table, metrics: metrics, logger: logger)
        let plan = WorkerPlan(serving, metrics: metrics, logger: logger, thread: 0)
        let clumsy = Chain([Clumsy()] + plan.chains[0].all)
        let server = WorkerServer(serving.servers[0], chains: [clumsy], blocks: serving.blocks, metrics: metrics, thread: 0)

        func answer(_ name: String) throws -> MessageText? {
            let memory = ScratchMemory(count: 512)
            let packet = try TestPacket.query(name, .a)
            // Safe: the memory lives as long as its owner.
            let resolution = unsafe worker.runner.run(
                packet.span, transport: .udp, .slot(0, TestListener.make(server)), on: server, began: 0, into: memory.buffer)
            guard case .answer(let count) = resolution, let exchange = worker.runner.current else { return nil }
            _ = worker.conclude(exchange)
            return try? MessageText(memory.bytes(count))
        }

        #expect(try answer("a.org")?.answer == ["a.org. 3600 IN A 192.0.2.1"])
        #expect(worker.runner.current?.isMistake == false)

        #expect(try answer("clumsy.org")?.code == "SERVFAIL")
        #expect(worker.runner.current?.failure == "a directive wrote records out of section order")

        let text = String(decoding: metrics.render(), as: UTF8.self)
        #expect(text.contains("mizzen_directive_mistakes_total 1\n"))
        #expect(text.contains("rcode=\"SERVFAIL\",plugin=\"\"} 1\n"))
        #expect(try answer("a.org")?.answer == ["a.org. 3600 IN A 192.0.2.1"])
        #expect(worker.runner.current?.isMistake == false)
    }
}

/// Writes an additional record before the answer.
private final class Clumsy: DirectiveHandler {
    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard exchange.query.name.description == "clumsy.org." else { return .next }
        bench.response.address(.additional, .question, .v4(1), ttl: 5, of: exchange.query)
        bench.response.address(.answer, .question, .v4(2), ttl: 5, of: exchange.query)
        return .done(.answered)
    }
}
