import Testing

@testable import Frontend

/// A directive that a server block names again, as imported snippets make it: what CoreDNS takes is taken, what it refuses is refused.
@Suite("Repeated directives")
struct RepeatedDirectiveTests {
    private func block(_ lines: String) throws -> (block: BlockConfiguration, warnings: [String]) {
        let configuration = try parse(". {\n\(lines)\n}")
        return (configuration.blocks[0], configuration.warnings.map { "\($0.line): \($0.message)" })
    }

    @Test(
        "refused, with the place of the first",
        arguments: [
            "cache", "errors", "hosts", "kubernetes cluster.local", "loop", "metadata", "multisocket", "nsid", "pprof", "prometheus",
            "ready",
            "view a",
        ])
    func refused(line: String) throws {
        let name = line.split(separator: " ")[0]
        let error = #expect(throws: CorefileError.self) { _ = try parse(". {\n \(line)\n \(line)\n}") }
        #expect(error.map { "\($0)" } == "Corefile:3: \(name): expected once in a server block, already given at Corefile:2")
    }

    @Test(
        "taken without a word where it says the same",
        arguments: [
            "any", "autopath @kubernetes", "bufsize 1400", "cancel", "chaos", "debug", "dns64", "header {\n response set ra\n }", "health",
            "k8s_external example.org", "loadbalance", "local", "minimal", "reload", "root /", "timeouts {\n read 1s\n }", "whoami",
        ])
    func same(line: String) throws {
        let (block, warnings) = try block(" \(line)\n \(line)")
        #expect(block.directives.map(\.settings.count) == [1] && warnings.isEmpty, "\(warnings)")
    }

    @Test("of two that differ the one counts that counts for CoreDNS, and a warning names it")
    func firstAndLast() throws {
        let (block, warnings) = try block(
            " bufsize 1232\n bufsize 512\n reload 10s\n reload 20s\n chaos a\n chaos b\n cancel 1s\n cancel 2s\n root /a\n root /b")
        #expect(block.all(BufsizeSettings.self).map(\.size) == [1232])
        #expect(block.all(ReloadSettings.self).map(\.interval) == [.seconds(10)])
        #expect(block.all(ChaosSettings.self).map(\.version) == ["a"])
        #expect(block.all(CancelSettings.self).map(\.timeout) == [.seconds(2)])
        #expect(block.all(RootSettings.self).map(\.path) == ["/b"])
        #expect(warnings.contains("3: bufsize: ignored: the one at Corefile:2 counts, the first of the server block"))
        #expect(warnings.contains("10: root: ignored: the one at Corefile:11 counts, the last of the server block"))
        #expect(warnings.count == 5, "\(warnings)")
    }

    @Test("of others all lines count, as if they stood in one block")
    func merged() throws {
        let (block, warnings) = try block(
            """
             health :8081
             health {
              lameduck 5s
             }
             timeouts {
              read 1s
             }
             timeouts {
              idle 2s
             }
             dns64 64:ff9b:1::/96
             dns64 {
              allow_ipv4
             }
             loadbalance weighted /w
             loadbalance {
              prefer 10.0.0.0/8
             }
            """)
        let health = try #require(block.all(HealthSettings.self).first)
        #expect(health.address == ":8081" && health.lameduck == .seconds(5))
        let timeouts = try #require(block.all(TimeoutsSettings.self).first)
        #expect(timeouts.read == .seconds(1) && timeouts.idle == .seconds(2))
        let dns64 = try #require(block.all(DNS64Settings.self).first)
        #expect(dns64.prefix.starts(with: [0, 0x64, 0xFF, 0x9B, 0, 1]) && dns64.answersIPv4)
        // The second says nothing of weights, and with CoreDNS that means none.
        let balance = try #require(block.all(LoadbalanceSettings.self).first)
        #expect(balance.policy == .roundRobin && balance.preferred.count == 1)
        #expect(block.directives.allSatisfy { $0.settings.count == 1 } && warnings.isEmpty, "\(warnings)")
    }
}
