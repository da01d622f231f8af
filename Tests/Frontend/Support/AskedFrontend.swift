import Logging

@testable import Frontend

struct NoAnswer: Error {}

/// What a block with these lines answers to a packet, without sockets; its `forward` gets what `upstream` says.
func frontendAnswer(of lines: String, to packet: [UInt8], upstream: TestUpstream? = nil) throws -> [UInt8] {
    let forward = upstream.map { " forward . \($0.address)\n" } ?? ""
    let corefile = ".:53 {\n bind 127.0.0.1\n\(lines)\n\(forward)}"
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let metrics = FrontendMetrics()
    let configuration = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
    let serving = try ServingPlan(configuration, metrics: metrics, logger: logger)
    let server = WorkerPlan(serving, metrics: metrics, logger: logger, thread: 0).servers[0]
    let runner = ChainRunner(table: TableSlot(path: "/nonexistent"))
    let memory = ScratchMemory(count: 65_535)
    // Safe: the memory lives as long as its owner, which is used below.
    var resolution = unsafe runner.run(
        packet.span, transport: .udp, .slot(0, TestListener.make(server)), on: server, began: monotonicNow(), into: memory.buffer)
    while case .waiting = resolution {
        guard let exchange = runner.pending, let request = exchange.request, let upstream else { throw NoAnswer() }
        let reply: Reply = upstream.reply(to: request.message).map { .message($0) } ?? .failed("no answer")
        // Safe: as above.
        resolution = unsafe runner.resume(exchange, reply, into: memory.buffer)
    }
    guard case .answer(let count) = resolution else { throw NoAnswer() }
    return memory.bytes(count)
}
