import Logging
import MizzenSystem
import Names
import Testing
import TestSupport

@testable import Frontend

@Suite("Hosts")
struct HostsMapTests {
    private func map(_ text: String, zones: [String] = ["."], answersReverse: Bool = true) -> HostsMap {
        HostsMap(
            HostsSettings.entries(ofFile: Array(text.utf8)), zones: zones.compactMap { ZoneName($0) },
            answersReverse: answersReverse)
    }

    @Test("a hosts file gives names their addresses and addresses their names")
    func entries() throws {
        let map = map(
            "# comment\n192.0.2.1 a.org b.org # c.org\n\n2001:db8::1\ta.org\nfe80::1%eth0 d.org\nnonsense e.org\n192.0.2.3\n"
        )
        let found = try #require(map.addresses(of: try DNSName("a.org")))
        #expect(found.v4.map(\.description) == ["192.0.2.1"])
        #expect(found.v6.map(\.description) == ["2001:db8::1"])
        #expect(map.addresses(of: try DNSName("c.org")) == nil)
        #expect(map.addresses(of: try DNSName("d.org"))?.v6.map(\.description) == ["fe80::1"])
        #expect(map.names(of: try #require(IPAddress("192.0.2.1"))).map(\.description) == ["a.org.", "b.org."])
        #expect(map.count == 8)
    }

    @Test("names outside the zones are left out, and so is the way back if asked")
    func zones() throws {
        let map = map("192.0.2.1 a.org b.com", zones: ["org"], answersReverse: false)
        #expect(map.addresses(of: try DNSName("a.org")) != nil)
        #expect(map.addresses(of: try DNSName("b.com")) == nil)
        #expect(map.names(of: try #require(IPAddress("192.0.2.1"))).isEmpty)
    }

    @Test("every one of many names is found, and no other")
    func many() throws {
        let map = map((0..<3000).map { "10.0.\($0 / 256).\($0 % 256) host\($0).example.org" }.joined(separator: "\n"))
        for number in 0..<3000 {
            let found = map.addresses(of: try DNSName("host\(number).example.org"))
            #expect(found?.v4 == [.v4(0x0A00_0000 + UInt32(number))])
            #expect(map.addresses(of: try DNSName("host\(number).example.com")) == nil)
        }
    }

    @Test("a file that changed is read again")
    func reload() throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("192.0.2.1 a.org".utf8), to: "hosts")
        var settings = HostsSettings()
        settings.path = folder.path("hosts")
        settings.zones = [.root]
        let source = HostsSource(settings: settings, logger: .init(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let before = source.currentVersion
        #expect(!source.reload())
        try folder.write(Array("192.0.2.1 a.org\n192.0.2.22 b.org".utf8), to: "hosts")
        #expect(source.reload())
        #expect(source.currentVersion > before)
        #expect(source.map.addresses(of: try DNSName("b.org")) != nil)
    }

    @Test("timers come out in the order in which they are due")
    func timers() {
        var random = SeededRandom(seed: 7)
        var queue = TimerQueue<Int>()
        let dues = (0..<500).map { _ in Int.random(in: 0..<1000, using: &random) }
        for due in dues { queue.add(due, due: Instant(due)) }
        var out: [Int] = []
        while let next = queue.next(due: 499) { out.append(next) }
        #expect(out == dues.filter { $0 <= 499 }.sorted())
        #expect(queue.earliest == dues.filter { $0 > 499 }.min().map { Instant($0) })
    }
}
