import Logging
import ProcessRuntime
import Testing

@testable import Frontend

@Suite("Directives without effect")
struct AcceptedTests {
    private func warnings(_ lines: String) throws -> [String] {
        try FrontendConfiguration.parse(Array(".:53 {\n\(lines)\n}".utf8), file: "Corefile").warnings.map {
            "\($0.line) \($0.message.prefix { $0 != ":" })"
        }
    }

    @Test(
        "one warning says so, whatever their options",
        arguments: [
            ("pprof", "pprof"), ("pprof 127.0.0.1:6053 {\n block 5\n}", "pprof"), ("trace", "trace"),
            ("trace zipkin localhost:9411 {\n every 100\n service dns\n client_server\n}", "trace"),
            ("geoip /db.mmdb {\n edns-subnet\n}", "geoip"),
        ])
    func warned(lines: String, name: String) throws {
        #expect(try warnings(lines) == ["2 \(name)"])
    }

    @Test("multisocket has nothing to warn of: threads have sockets of their own")
    func multisocket() throws {
        #expect(try warnings("multisocket").isEmpty && warnings("multisocket 1024").isEmpty)
        for line in ["multisocket 0", "multisocket 1025", "multisocket x", "multisocket 1 2"] {
            #expect(mistake(of: MultisocketSettings.row, line) != nil, "\(line)")
        }
    }

    @Test("what CoreDNS would refuse is refused", arguments: ["pprof x", "pprof {\n profile\n}", "trace a b c", "geoip"])
    func mistakes(line: String) {
        #expect(throws: CorefileError.self) { try warnings(line) }
    }

    @Test(
        "geoip is refused where a view asks for what it would know",
        arguments: [("metadata('geoip/country/code') == 'DE'", true), ("name() == 'geoip'", false)])
    func geoip(expression: String, isRefused: Bool) throws {
        var block = try FrontendConfiguration.parse(Array(".:53 {\n geoip /db.mmdb\n}".utf8), file: "Corefile").blocks[0]
        var view = ViewSettings()
        view.conditions = [try ViewExpression(expression)]
        block.add(view, of: "view")
        let setup = BlockSetup(
            block: block, localAddresses: [], metrics: FrontendMetrics(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        do {
            _ = try GeoipSettings.makeSources(block.all(GeoipSettings.self), setup)
            #expect(!isRefused)
        } catch {
            #expect(isRefused && error.place == "Corefile:1")
        }
    }
}
