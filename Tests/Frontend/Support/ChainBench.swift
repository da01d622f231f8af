import Logging
import MizzenSystem
import Names
import ProcessRuntime
import TestSupport

@testable import Frontend

/// A server's whole query path on the test's own thread, without sockets: upstreams are a closure, and a query comes at the time that a test
/// says.
final class ChainBench {
    /// What upstreams answer to a name and type.
    enum Upstream {
        /// Code, with an OPT record above 15, then zone text of the sections; the header's second word besides.
        case answer(UInt8 = 0, [String] = [], authority: [String] = [], additional: [String] = [], flags: UInt16 = 0)
        case fails
    }

    let metrics = FrontendMetrics()
    let plan: ServingPlan
    private let folder: TemporaryFolder
    private let runner: ChainRunner
    private let workerPlan: WorkerPlan
    private let memory = ScratchMemory(count: 65_535)
    /// So far ahead that nothing is done before the time that a test says.
    private let start = monotonicNow() + 1_000_000_000_000
    /// Seconds since the beginning.
    var seconds: Double = 0
    /// Options of the OPT record that upstreams answer with; nil for no such record.
    var upstreamOptions: [UInt8]?
    /// What was asked of upstreams, by clients or by refreshes.
    private(set) var asked: [String] = []
    var upstream: (_ name: String, _ type: RecordType) -> Upstream

    init(_ corefile: String, table: String? = nil, upstream: @escaping (String, RecordType) -> Upstream = { _, _ in .fails }) throws {
        folder = try TemporaryFolder()
        self.upstream = upstream
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let configuration = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
        plan = try ServingPlan(configuration, metrics: metrics, logger: logger)
        let slot = TableSlot(path: table ?? folder.path("no-table"))
        workerPlan = WorkerPlan(plan, metrics: metrics, logger: logger, thread: 0, table: slot)
        runner = ChainRunner(table: slot)
        runner.bench.refreshTable()
    }

    func instant(_ seconds: Double) -> Instant { start + UInt64(seconds * 1_000_000_000) }

    /// The answer as it would be sent; nil for silence.
    func octets(_ packet: [UInt8], over transport: QueryTransport = .udp) -> [UInt8]? {
        let server = workerPlan.servers[0]
        // Safe: the memory lives as long as this object, for this and each further run.
        let resolution = unsafe runner.run(
            packet.span, transport: transport, .slot(0, TestListener.make(server)), on: server,
            began: instant(seconds), into: memory.buffer)
        let answer = finish(resolution)
        if let exchange = runner.current { runner.conclude(exchange) }
        // As a worker does once the client has its answer.
        while let resolution = runner.runBegun() { _ = finish(resolution) }
        return answer
    }

    private func finish(_ first: Resolution) -> [UInt8]? {
        var resolution = first
        while true {
            switch resolution {
            case .silence: return nil
            case .answer(let count): return memory.bytes(count)
            case .waiting:
                guard let exchange = runner.pending, let request = exchange.request else { return nil }
                // Safe: as above.
                resolution = unsafe runner.resume(exchange, reply(to: request.message), into: memory.buffer)
            }
        }
    }

    private func reply(to message: [UInt8]) -> Reply {
        var query = Query()
        guard query.read(message.span, transport: .tcp) == .query else { return .failed("not a query") }
        asked.append("\(query.name) \(query.type)")
        switch upstream(query.name.description, query.type) {
        case .fails: return .failed("no answer in time")
        case .answer(let code, let answer, let authority, let additional, let flags):
            do {
                var reply = try TestPacket.answer(
                    to: message, code: code & 0xf, answer, authority: authority, additional: additional, flags: flags)
                if code > 0xf || upstreamOptions != nil {
                    let options = upstreamOptions ?? []
                    reply += [0, 0, 41, 4, 0xD0, code >> 4, 0, 0, 0, UInt8(options.count >> 8), UInt8(options.count & 0xFF)] + options
                    reply[11] += 1
                }
                return .message(reply)
            } catch {
                return .failed("not a record: \(error)")
            }
        }
    }

    /// `CODE`, or the answer's records as `TTL TYPE DATA`.
    func ask(
        _ name: String, _ type: RecordType = .a, at seconds: Double? = nil, over transport: QueryTransport = .udp,
        advertisedSize: UInt16? = nil
    ) throws -> String {
        if let seconds { self.seconds = seconds }
        guard let octets = octets(try TestPacket.query(name, type, advertisedSize: advertisedSize), over: transport) else {
            return "silence"
        }
        let text = try MessageText(octets)
        let cut = text.flags.contains("TC") ? "TC " : ""
        if text.answer.isEmpty { return cut + text.code }
        return cut
            + text.answer.map { $0.split(separator: " ").dropFirst(1).filter { $0 != "IN" }.joined(separator: " ") }.joined(separator: ", ")
    }

    /// A sample of the metrics, with its labels.
    func metric(_ beginning: String) -> Double {
        String(decoding: metrics.render(), as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix(beginning) }
            .reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "") ?? 0) }
    }
}
