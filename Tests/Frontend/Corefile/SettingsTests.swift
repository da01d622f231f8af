import Names
import RegularExpressions
import Testing

@testable import Frontend

/// What directives are told, option by option.
@Suite("Directive settings")
struct SettingsTests {
    private func block(_ lines: String, zones: String = "example.org") throws -> BlockConfiguration {
        try parse("\(zones) {\n\(lines)\n}").blocks[0]
    }

    @Test("defaults are CoreDNS's")
    func defaults() throws {
        let block = try block("errors\nready\nhealth\nprometheus\nhosts\nforward . 192.0.2.1")
        #expect(block.ready[0].address == ":8181")
        #expect(block.ready[0].monitor == .untilReady)
        #expect(block.health[0] == HealthSettings())
        #expect(block.health[0].address == ":8080")
        #expect(block.prometheus[0].address == "localhost:9153")
        #expect(block.hosts[0].path == "/etc/hosts")
        #expect(block.hosts[0].timeToLive == 3600)
        #expect(block.hosts[0].zones == [try #require(ZoneName("example.org"))])
        let forward = block.forward[0]
        #expect(forward.targets == [.address(.v4(0xC000_0201), port: 53)])
        #expect(forward.maximumFailures == 2)
        #expect(forward.expire == .seconds(10))
        #expect(forward.healthCheck == .init(interval: .milliseconds(500), recursionDesired: true, domain: .root))
    }

    @Test("errors takes its options")
    func errors() throws {
        let errors = try block(
            "errors {\n stacktrace\n consolidate 5m \"^a b$\" warning show_first\n consolidate 30s x\n}"
        ).errors[0]
        #expect(errors.stacktrace)
        #expect(
            try errors.consolidations == [
                .init(period: .seconds(300), pattern: RegularExpression("^a b$"), level: .warning, showFirst: true),
                .init(period: .seconds(30), pattern: RegularExpression("x"), level: .error, showFirst: false),
            ])
    }

    @Test("hosts takes its options and entries")
    func hosts() throws {
        let hosts = try block(
            "hosts /tmp/h a.org 10.0.0.0/8 {\n 192.0.2.1 x.a.org y.a.org\n fe80::1%eth0 z.a.org\n ttl 60\n no_reverse\n reload 0s\n fallthrough a.org\n}"
        ).hosts[0]
        #expect(hosts.path == "/tmp/h")
        #expect(hosts.zones.map(\.text) == ["a.org.", "10.in-addr.arpa."])
        #expect(
            hosts.entries.map { "\($0.address) \($0.names.map(\.text))" } == [
                #"192.0.2.1 ["x.a.org.", "y.a.org."]"#, #"fe80::1 ["z.a.org."]"#,
            ])
        #expect(hosts.timeToLive == 60)
        #expect(!hosts.answersReverse)
        #expect(hosts.reload == .zero)
        #expect(hosts.fallsThrough.zones.map(\.text) == ["a.org."])
    }

    @Test("forward takes its options")
    func forward() throws {
        let forward = try block(
            """
            forward example.org 192.0.2.1:54 [2001:db8::1]:55 2001:db8::2 dns://192.0.2.3 /etc/resolv.conf {
              except a.example.org 10.0.0.0/15
              force_tcp
              prefer_udp
              expire 20s
              max_fails 0
              policy round_robin
              health_check 2s no_rec domain Example.COM
              max_concurrent 1000
              next NXDOMAIN servfail
              failover REFUSED
              failfast_all_unhealthy_upstreams
            }
            """
        ).forward[0]
        #expect(forward.from.map(\.text) == ["example.org."])
        let v6 = try #require(IPAddress("2001:db8::1"))
        let other = try #require(IPAddress("2001:db8::2"))
        #expect(
            forward.targets == [
                .address(.v4(0xC000_0201), port: 54), .address(v6, port: 55), .address(other, port: 53),
                .address(.v4(0xC000_0203), port: 53),
                .resolverFile("/etc/resolv.conf"),
            ])
        #expect(forward.except.map(\.text) == ["a.example.org.", "0.10.in-addr.arpa.", "1.10.in-addr.arpa."])
        #expect(forward.forceTCP && forward.preferUDP && forward.failsFastWithoutHealthyUpstream)
        #expect(forward.expire == .seconds(20))
        #expect(forward.maximumFailures == 0)
        #expect(forward.policy == .roundRobin)
        #expect(forward.healthCheck.interval == .seconds(2))
        #expect(!forward.healthCheck.recursionDesired)
        #expect(forward.healthCheck.domain.text == "example.com.")
        #expect(forward.maximumConcurrent == 1000)
        #expect(forward.next == [3, 2])
        #expect(forward.failover == [5])
    }

    @Test("bind leaves exceptions out")
    func bind() throws {
        let block = try block("bind 127.0.0.1 127.0.0.2 eth0 {\n except 127.0.0.2\n}\nbind ::1")
        #expect(block.bindAddresses.map(\.description) == ["127.0.0.1", "eth0", "::1"])
    }

    @Test(
        "durations are Go's",
        arguments: [
            ("0", Duration.zero), ("5s", .seconds(5)), ("1m30s", .seconds(90)), ("1.5h", .seconds(5400)),
            ("100ms", .milliseconds(100)),
            ("2us", .microseconds(2)), ("2µs", .microseconds(2)), ("7ns", .nanoseconds(7)), ("-1s", .seconds(-1)),
            (".5s", .milliseconds(500)),
        ])
    func durations(text: String, duration: Duration) {
        #expect(Duration(goNotation: text) == duration)
    }

    @Test("what Go does not take as a duration is none", arguments: ["", "5", "s", "5x", "1s2", "--1s", ".s", "1 s"])
    func noDurations(text: String) {
        #expect(Duration(goNotation: text) == nil)
    }
}
