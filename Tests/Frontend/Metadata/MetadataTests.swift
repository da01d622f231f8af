import Logging
import Testing

@testable import Frontend

@Suite("metadata")
struct MetadataTests {
    /// Knows one thing of each exchange.
    private final class Knower: DirectiveHandler {
        override func metadata(_ label: Substring, _ exchange: Exchange) -> String? { label == "name" ? "\(exchange.query.name)" : nil }
    }

    private func value(_ lines: String, _ name: String, _ label: String) throws -> String? {
        let handlers = try settings(of: MetadataSettings.row, lines).map { MetadataHandler($0) as DirectiveHandler }
        let knower = Knower()
        knower.rank = try #require(Directive.rank(of: "forward"))
        let chain = Chain(handlers + [knower])
        let configuration = try FrontendConfiguration.parse(Array(".:53 {\n whoami\n}".utf8), file: "Corefile")
        let serving = try ServingPlan(configuration, metrics: FrontendMetrics(), logger: .init(label: "test"))
        let server = WorkerServer(serving.servers[0], chains: [chain], blocks: serving.blocks, metrics: FrontendMetrics(), thread: 0)
        let exchange = Exchange(server: server, path: .slot(0, TestListener.make(server)))
        exchange.query.ask(try DNSName(name), .a)
        exchange.zone = server.zones[0]
        return exchange.metadata(label)
    }

    @Test("what directives know is there where the Corefile says metadata, and nowhere else")
    func zones() throws {
        #expect(try value("metadata", "A.test", "forward/name") == "a.test.")
        #expect(try value("metadata test", "a.test", "forward/name") == "a.test.")
        #expect(try value("metadata other", "a.test", "forward/name") == nil)
        #expect(try value("", "a.test", "forward/name") == nil)
        #expect(try value("metadata", "a.test", "forward/other") == nil)
        #expect(try value("metadata", "a.test", "name") == nil)
    }
}
