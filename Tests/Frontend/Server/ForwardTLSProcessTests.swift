import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

/// `forward` to `tls://`, through a whole frontend, with unbound on the other side.
@Suite("Forwarding over TLS")
struct ForwardTLSProcessTests {
    private struct World: Sendable {
        let authority: AuthorityFiles
        let server: UnboundServer

        init() async throws {
            authority = try await AuthorityFiles()
            try await authority.issue("server", names: "DNS:dns.example.org,IP:127.0.0.1")
            server = try await UnboundServer("server", of: authority)
        }
    }

    private static let world = Task { try await World() }

    private let world: World

    init() async throws { world = try await Self.world.value }

    private func corefile(_ upstreams: String, _ options: String = "", name: String? = "dns.example.org") -> String {
        """
        .:0 {
            bind 127.0.0.1
            root \(world.authority.folder.path)
            forward . \(upstreams) {
                tls authority.crt
                \(name.map { "tls_servername \($0)" } ?? "")
                \(options)
            }
        }
        """
    }

    private func tls(_ port: UInt16) -> String { "tls://127.0.0.1:\(port)" }

    private func ask(_ frontend: RunningFrontend, _ name: String = "a.example.org", overStream: Bool = false) async throws -> MessageText {
        let address = frontend.address
        let packet = try TestPacket.query(name, .a)
        return try MessageText(
            try await onThread {
                overStream ? try TestClient.askOverStream([packet], address)[0] : try TestClient.ask(packet, address, milliseconds: 9000)
            })
    }

    private func metric(_ frontend: RunningFrontend, _ name: String, _ port: UInt16) -> Double {
        frontend.metric("coredns_proxy_\(name){proxy_name=\"forward\",to=\"127.0.0.1:\(port)\",proto=\"tcp-tls\"}") ?? -1
    }

    @Test(
        "queries of either transport are answered, one connection serves them one after another, and files are relative to the block's root"
    )
    func queries() async throws {
        let frontend = try await RunningFrontend(corefile(tls(world.server.port)))
        #expect(try await ask(frontend).answer == ["a.example.org. 300 IN A 192.0.2.1"])
        #expect(try await ask(frontend, "b.example.org").answer == ["b.example.org. 300 IN A 192.0.2.2"])
        #expect(try await ask(frontend, "none.example.org", overStream: true).code == "NXDOMAIN")
        #expect(metric(frontend, "conn_cache_misses_total", world.server.port) == 1)
        #expect(metric(frontend, "conn_cache_hits_total", world.server.port) == 2)
        try await frontend.stop()
    }

    @Test("many queries at once each get their own answer")
    func many() async throws {
        let frontend = try await RunningFrontend(corefile(tls(world.server.port)), threads: 2)
        let address = frontend.address
        let answers = try await onThread {
            try TestClient.askOverStream(
                try (1...40).map { try TestPacket.query($0 % 2 == 0 ? "a.example.org" : "b.example.org", .a, id: UInt16($0)) }, address)
        }
        #expect(Set(answers.map { Int($0[0]) << 8 | Int($0[1]) }) == Set(1...40))
        for answer in answers {
            #expect(
                try MessageText(answer).answer == [
                    answer[1] % 2 == 0 ? "a.example.org. 300 IN A 192.0.2.1" : "b.example.org. 300 IN A 192.0.2.2"
                ])
        }
        try await frontend.stop()
    }

    @Test("an idle connection is closed when 'expire' is over, and a new one is made")
    func expire() async throws {
        let frontend = try await RunningFrontend(corefile(tls(world.server.port), "expire 100ms"))
        #expect(try await ask(frontend).code == "NOERROR")
        let asked = ContinuousClock.now
        try await eventually("its idle time is over") { ContinuousClock.now - asked > .milliseconds(200) }
        #expect(try await ask(frontend).code == "NOERROR")
        #expect(metric(frontend, "conn_cache_misses_total", world.server.port) == 2)
        try await frontend.stop()
    }

    @Test("a server that is killed and comes back is asked again; health checks go over TLS too")
    func comesBack() async throws {
        let first = try await UnboundServer("server", of: world.authority)
        let frontend = try await RunningFrontend(corefile(tls(first.port), "failfast_all_unhealthy_upstreams\nhealth_check 100ms"))
        #expect(try await ask(frontend).code == "NOERROR")
        try await first.process.kill()
        #expect(try await ask(frontend).code == "SERVFAIL")
        let failures = "coredns_proxy_healthcheck_failures_total{proxy_name=\"forward\",to=\"127.0.0.1:\(first.port)\"}"
        try await eventually("it is down") { frontend.metric(failures) ?? 0 >= 3 }
        let second = try await UnboundServer("server", of: world.authority, port: first.port)
        try await eventually("it is asked again") {
            (try? TestClient.ask(TestPacket.query("a.example.org", .a), frontend.address)).map { $0[3] & 0xf == 0 } ?? false
        }
        try await frontend.stop()
        try await second.process.kill()
    }

    @Test("a connection that the server ends while it is idle costs no query")
    func restarted() async throws {
        let first = try await UnboundServer("server", of: world.authority)
        let frontend = try await RunningFrontend(corefile(tls(first.port), "max_fails 0"))
        #expect(try await ask(frontend).code == "NOERROR")
        _ = try await first.process.stop()
        let second = try await UnboundServer("server", of: world.authority, port: first.port)
        #expect(try await ask(frontend).code == "NOERROR")
        try await frontend.stop()
        try await second.process.kill()
    }

    @Test("a handshake that stands still is given up after two seconds for the next upstream, and after five for none")
    func stalledHandshake() async throws {
        // Accepted by the kernel, and never spoken to.
        let stalled = try Socket.listening(.stream, on: SocketAddress(address: .v4(0x7F00_0001), port: 0))
        let port = try Socket.boundPort(stalled)
        let both = try await RunningFrontend(corefile("\(tls(port)) \(tls(world.server.port))", "policy sequential"))
        var began = ContinuousClock.now
        #expect(try await ask(both).answer.count == 1)
        #expect((Duration.seconds(1.9) ... .seconds(4.5)).contains(ContinuousClock.now - began))
        try await both.stop()
        let alone = try await RunningFrontend(corefile(tls(port)))
        began = ContinuousClock.now
        #expect(try await ask(alone).code == "SERVFAIL")
        #expect((Duration.seconds(3.9) ... .seconds(8)).contains(ContinuousClock.now - began))
        try await alone.stop()
        withExtendedLifetime(stalled) {}
    }

    @Test("an upstream that is somebody else gets no query; the client gets SERVFAIL, and the log one line, however many ask")
    func wrongCertificate() async throws {
        let log = RecordedLog()
        let frontend = try await RunningFrontend(
            corefile(tls(world.server.port), name: "dns.example.com"), threads: 2, logger: log.logger)
        for _ in 0..<4 { #expect(try await ask(frontend).code == "SERVFAIL") }
        let said = log.lines.filter { $0.contains("upstream") }
        #expect(
            said == [
                "an upstream cannot be asked over TLS error=TLS: the other side's certificate is not for dns.example.com server name=dns.example.com upstream=127.0.0.1:\(world.server.port)"
            ])
        try await frontend.stop()
    }

    @Test("a plain upstream beside one over TLS is asked in plain text, over the query's transport")
    func plain() async throws {
        let upstream = try TestUpstream(
            "example.org. 300 SOA ns.example.org. host.example.org. 1 2 3 4 60\na.example.org. 300 A 192.0.2.77")
        let frontend = try await RunningFrontend(corefile("\(upstream.address) \(tls(world.server.port))", "policy round_robin"))
        var answers: [String] = []
        for _ in 0..<4 { answers += try await ask(frontend).answer }
        #expect(answers.sorted() == (["192.0.2.1", "192.0.2.1", "192.0.2.77", "192.0.2.77"].map { "a.example.org. 300 IN A \($0)" }))
        #expect(upstream.questions == ["udp a.example.org. A", "udp a.example.org. A"])
        try await frontend.stop()
        upstream.stop()
    }
}
