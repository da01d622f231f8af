import Foundation
import Names
import RecordTable
import Testing

@testable import Frontend

/// Every question of the capture, asked of the handler in this process under each Corefile, and compared whole: code, flags, records and TTLs.
///
/// Where the capture's CoreDNS passed a question on to another directive, the handler has to pass it on too.
@Suite("Answers equal to the captured ones")
struct ConformanceTests {
    static let corefiles = ["bare", "verified", "filtered", "noendpoints"]

    @Test("every captured question gets the captured answer", arguments: corefiles)
    func capturedAnswers(corefile: String) throws {
        let captured = try CapturedAnswers(corefile)
        let cluster = try CapturedCluster()
        let configuration = try FrontendConfiguration.parse(captured.corefile, file: corefile)
        let settings = try #require(configuration.blocks.first?.kubernetes.first)
        let handler = try KubernetesHandler(settings: settings, localAddresses: [])
        var worker = TestWorker(handler, cluster.table) { name, type in
            Self.upstream(name, type, isForwarding: !configuration.blocks[0].forward.isEmpty)
        }
        var compared = 0
        for (question, wanted) in captured.answers {
            let result = worker.ask(try question.packet(), question.transport)
            switch result {
            case .message(let octets):
                var got = try MessageText(octets)
                if wanted.flags.contains("TC"), got.flags.contains("TC") { got = wanted }  // which records fit is free
                #expect(got == wanted, "\(question)")
                compared += 1
            case .passedOn: #expect(Self.isFromElsewhere(wanted, configuration.blocks[0]), "\(question)")
            case .silence: Issue.record("no answer to \(question)")
            }
        }
        #expect(compared > (corefile == "filtered" ? 350 : 1700))
    }

    /// `DNS_TEST_SUBJECT=host:port DNS_TEST_COREFILE=verified swift test --filter ConformanceTests` judges a running server: ours or any other that
    /// serves the captured cluster under that Corefile (with `upstream.zone` behind it where it forwards).
    @Test(
        "a running server gives the captured answers",
        .enabled(if: ProcessInfo.processInfo.environment["DNS_TEST_SUBJECT"] != nil, "DNS_TEST_SUBJECT names no server"))
    func runningServer() throws {
        let subject = try #require(SubjectClient(), "DNS_TEST_SUBJECT is not an IPv4 address and a port")
        let corefile = ProcessInfo.processInfo.environment["DNS_TEST_COREFILE"] ?? "bare"
        for (question, wanted) in try CapturedAnswers(corefile).answers {
            guard let octets = subject.ask(try question.packet(), question.transport) else {
                Issue.record("no answer to \(question)")
                continue
            }
            var got = try MessageText(octets)
            if wanted.flags.contains("TC"), got.flags.contains("TC") { got = wanted }
            #expect(got == wanted, "\(question)")
        }
    }

    /// Whether an answer is one that the directives behind kubernetes gave: an upstream's, the hosts file's, or nobody's.
    private static func isFromElsewhere(_ answer: MessageText, _ block: BlockConfiguration) -> Bool {
        let hasOwnAuthority = (answer.answer + answer.authority).contains { $0.contains("hostmaster.cluster.local.") }
        if block.forward.isEmpty, block.hosts.isEmpty { return answer.code == "SERVFAIL" || answer.code == "REFUSED" }
        return !hasOwnAuthority
    }

    /// The records of `upstream.zone` that ExternalNames need. Without `forward` the look-up ends in a block that does not serve the name.
    static func upstream(_ name: String, _ type: RecordType, isForwarding: Bool) -> [UInt8]? {
        let packet = (try? TestPacket.query(name, type)) ?? []
        var query = Query()
        guard query.read(packet.span, transport: .tcp) == .query else { return nil }
        var response = ResponseWriter()
        var memory = [UInt8](repeating: 0, count: 512)
        var size = 0
        // Safe: the memory outlives the closure's use of it.
        unsafe memory.withUnsafeMutableBytes { memory in
            unsafe response.begin(query, in: memory)
            guard isForwarding, name == "db.example.com." else {
                size = response.finish(query, .refused)
                return
            }
            let address: IPAddress = type == .a ? .v4(0xC000_0250) : .v6(high: 0x2001_0db8 << 32, low: 0x80)
            response.address(.answer, .question, address, ttl: 300, of: query)
            size = response.finish(query, .answered)
        }
        return Array(memory.prefix(size))
    }
}
