import Logging
import MizzenSystem
import Names
import ProcessRuntime
import RecordTable

/// The way of one question through a Corefile: the real chain with a note at each of its handlers, without sockets.
struct QueryExplanation {
    private let plan: ServingPlan
    private let workerPlan: WorkerPlan
    private let trace = QueryTrace()
    private let runner: ChainRunner
    private let memory = ScratchMemory(count: 65_535)

    init(_ configuration: FrontendConfiguration, corefile: String, table: String) throws(ProcessError) {
        let (metrics, logger) = (FrontendMetrics(), Logger(label: "explain") { _ in SwiftLogNoOpLogHandler() })
        plan = try ServingPlan(configuration, metrics: metrics, logger: logger, corefile: corefile)
        let slot = TableSlot(path: table)
        workerPlan = WorkerPlan(plan, metrics: metrics, logger: logger, thread: 0, table: slot) { [trace] source, setup in
            // It would tell its collector.
            if source is DnstapSource { return nil }
            return source.makeHandler(setup).map { TracedHandler($0, trace) }
        }
        runner = ChainRunner(table: slot)
        runner.bench.refreshTable()
    }

    /// What the table says, if there is one.
    var reader: TableReader? { runner.bench.table.reader }
    /// Why there is none, or not the current one.
    var tableFault: TableError? { runner.bench.table.fault }

    /// The first zone of names of the cluster that a server has.
    var clusterZone: DNSName? {
        let kubernetes = Directive.rank(of: "kubernetes")
        let handlers = workerPlan.servers.flatMap(\.zones).flatMap(\.chain.handlers).filter { $0.rank == kubernetes }
        return handlers.flatMap(\.tableZones).first { !$0.label($0.labelCount - 1, equals: "arpa") }
    }

    /// To be called once.
    /// - Parameters:
    ///   - port: of the server that is asked; the Corefile's first where it has none.
    ///   - ask: answers an upstream's question; nil for none.
    func explain(
        _ name: DNSName, _ type: RecordType, from client: IPAddress, port: UInt16, asking ask: ((UpstreamRequest) -> Reply)?
    ) -> Explanation {
        var explanation = Explanation(name, type, from: client)
        guard let index = plan.servers.firstIndex(where: { $0.listen.contains { $0.port == port } }) ?? plan.servers.indices.first else {
            explanation.end = "the Corefile has no server"
            return explanation
        }
        let (server, planned) = (workerPlan.servers[index], plan.servers[index])
        explanation.server = planned.label
        explanation.otherServers = plan.servers.map(\.label).filter { $0 != planned.label }
        let local = planned.listen.first ?? SocketAddress(address: SocketAddress.anyV4, port: port)
        let packet = Self.packet(name, type)
        let path = ReplyPath.paper(client: SocketAddress(address: client, port: 40_000), local: local)
        // Safe: the memory lives as long as this value, for this and each further run.
        var resolution = unsafe runner.run(
            packet.span, transport: .udp, path, on: server, began: monotonicNow(), into: memory.buffer)
        let root = runner.current ?? runner.pending?.root
        explanation.block = block(name, planned, server, root)
        search: while true {
            switch resolution {
            case .silence:
                explanation.end = "no answer is sent"
                break search
            case .answer(let count):
                explanation.answer = Self.answer(memory.bytes(count))
                break search
            case .waiting:
                guard let exchange = runner.pending, let request = exchange.request, let ask else {
                    explanation.end = "the answer is the upstream's; --ask asks it and shows what becomes of its answer"
                    break search
                }
                // Safe: as above.
                resolution = unsafe runner.resume(exchange, ask(request), into: memory.buffer)
            }
        }
        explanation.steps = trace.steps
        explanation.tableNames = trace.tableNames.map { "\($0)" }
        explanation.records = records()
        return explanation
    }

    private func records() -> [String] {
        guard let reader else { return [] }
        var report = TableReport(reader: reader)
        for name in trace.tableNames { _ = report.find(AddressText.readReverse(name).map { "\($0)" } ?? "\(name)") }
        return report.text.split(separator: "\n").map(String.init)
    }

    /// Which server block has the query, and why.
    private func block(_ name: DNSName, _ planned: ServerPlan, _ server: WorkerServer, _ exchange: Exchange?) -> [String] {
        var lower = name
        _ = lower.lowercase()
        let candidates = server.zones.indices.filter { lower.hasSuffix(server.zones[$0].name) }
        guard let zone = exchange?.zone, let taken = server.zones.firstIndex(where: { $0 === zone }) else {
            let zones = candidates.map { server.zones[$0].text }
            return [
                zones.isEmpty
                    ? "no zone of this server has the name: the query is refused"
                    : "no block of \(zones.joined(separator: ", ")) takes it"
            ]
        }
        var lines: [String] = []
        for index in candidates where index < taken {
            let why = server.zones[index].filter.map { "view \($0.viewName) does not take the query" } ?? "DS is asked of the zone above"
            lines.append("not the block of \(server.zones[index].text): \(why)")
        }
        // The plan's zones are in the Corefile's order, the server's longest first.
        let block = workerPlan.chains.firstIndex { $0 === zone.chain }.map { plan.blocks[$0] }
        let place = block.map { "\($0.configuration.file):\($0.configuration.line)" } ?? "the Corefile"
        let rest = candidates.filter { $0 > taken }.map { server.zones[$0].text }
        let why =
            rest.isEmpty ? "the only zone that has the name" : "the longest zone that has the name, before \(rest.joined(separator: ", "))"
        lines.append("block at \(place): \(zone.text) is \(why)\(zone.view.isEmpty ? "" : "; view \(zone.view) takes the query")")
        return lines
    }

    private static func packet(_ name: DNSName, _ type: RecordType) -> [UInt8] {
        var packet: [UInt8] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
        for index in 0..<name.length { packet.append(name.storage[index]) }
        packet += [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xFF), 0, 1]
        return packet + [0, 0, 41, 0x04, 0xD0, 0, 0, 0, 0, 0, 0]
    }

    private static func answer(_ message: [UInt8]) -> Explanation.Answer {
        let code = PacketReader.responseCode(of: message.span)
        let records = try? AnswerRecords(message.span)
        return Explanation.Answer(
            code: Mnemonics.responseCode(code) ?? "\(code)", isTruncated: message[2] & 0x02 != 0,
            answer: records?.answer.map(RecordLine.text) ?? [], authority: records?.authority.map(RecordLine.text) ?? [],
            additional: records?.additional.map(RecordLine.text) ?? [])
    }
}
