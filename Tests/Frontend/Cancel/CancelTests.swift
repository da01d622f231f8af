import TestSupport
import Testing

@testable import Frontend

@Suite("cancel")
struct CancelTests {
    @Test("an upstream that does not answer is given up when the query is that old")
    func timeout() async throws {
        let upstream = try TestUpstream("test. 300 SOA ns.test. host.test. 1 2 3 4 60", behaviour: .isSilent)
        let frontend = try await RunningFrontend(".:0 {\n bind 127.0.0.1\n cancel 100ms\n forward . \(upstream.address)\n}")
        let address = frontend.address
        let packet = try TestPacket.query("a.test", .a)
        let (answer, passed) = try await onThread {
            let began = monotonicNow()
            return (try TestClient.ask(packet, address), monotonicNow() - began)
        }
        #expect(try MessageText(answer).code == "SERVFAIL")
        // One exchange with an upstream alone may take 2 s.
        #expect(passed >= 100_000_000 && passed < 1_900_000_000, "\(passed)")
        try await frontend.stop()
        upstream.stop()
    }

    @Test("times are as CoreDNS takes them", arguments: [("cancel", 5001), ("cancel 2s", 2000), ("cancel 1ms", 1)])
    func settings(line: String, milliseconds: Int) throws {
        #expect(try FrontendTests.settings(of: CancelSettings.row, line)[0].timeout == .milliseconds(milliseconds))
    }

    @Test("other times are refused", arguments: ["cancel 0s", "cancel -1s", "cancel 5", "cancel 1s 2s"])
    func mistakes(line: String) {
        #expect(mistake(of: CancelSettings.row, line) != nil)
    }
}
