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
        let plan = try ServingPlan(configuration, metrics: metrics, logger: logger)
        let table = TableSlot(path: folder.path("no-table"))
        let worker = try Worker(thread: 0, mailbox: WorkerMailbox(), pulse: WorkerPulse(), table: table, metrics: metrics, logger: logger)
        let blocks = plan.blocks.map { WorkerBlock($0) }
        let server = WorkerServer(plan.servers[0], blocks: blocks, blockPlans: plan.blocks, metrics: metrics, thread: 0)
        let packet = try TestPacket.query("a.org", .a)

        func answer() -> MessageText? {
            let memory = ScratchMemory(count: 512)
            // Safe: the memory lives as long as its owner.
            guard case .answer(let count) = unsafe worker.resolver.run(packet.span, transport: .udp, on: server, into: memory.buffer)
            else { return nil }
            return try? MessageText(memory.bytes(count))
        }

        #expect(answer()?.answer == ["a.org. 3600 IN A 192.0.2.1"])
        #expect(!worker.resolver.isMistake)

        let frame = Resolver.Frame(table: table)
        #expect(frame.query.read(packet.span, transport: .udp) == .query)
        // Safe: the frame keeps its memory.
        unsafe frame.response.begin(frame.query, in: frame.memory.buffer)
        frame.response.address(.additional, .question, .v4(1), ttl: 5, of: frame.query)
        frame.response.address(.answer, .question, .v4(2), ttl: 5, of: frame.query)
        let size = worker.resolver.finish(frame, .answered)
        #expect(try MessageText(frame.memory.bytes(size)).code == "SERVFAIL")
        #expect(worker.resolver.failure == "a directive wrote records out of section order")
        _ = worker.count(
            server, requestSize: packet.count, responseSize: size, code: UInt16(frame.memory.bytes(size)[3] & 0xF), isV6: false,
            began: monotonicNow())

        let text = String(decoding: metrics.render(), as: UTF8.self)
        #expect(text.contains("mizzen_directive_mistakes_total 1\n"))
        #expect(text.contains("rcode=\"SERVFAIL\",plugin=\"hosts\"} 1\n"))
        #expect(answer()?.answer == ["a.org. 3600 IN A 192.0.2.1"])
        #expect(!worker.resolver.isMistake)
    }
}
