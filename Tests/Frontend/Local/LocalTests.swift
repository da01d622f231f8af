import TestSupport
import Testing

@testable import Frontend

@Suite("local")
struct LocalTests {
    private static let soa = "604800 IN SOA localhost. root.localhost. SERIAL 0 0 0 604800"

    private static let cases: [(String, String, String, [String], [String])] = [
        ("Localhost", "A", "NOERROR", ["Localhost. 604800 IN A 127.0.0.1"], []),
        ("localhost", "AAAA", "NOERROR", ["localhost. 604800 IN AAAA ::1"], []),
        ("localhost", "MX", "NOERROR", [], ["localhost. \(soa)"]),
        ("localhost", "NS", "NOERROR", ["localhost. 604800 IN NS localhost."], []),
        ("localhost.svc.test", "A", "NOERROR", ["localhost.svc.test. 604800 IN A 127.0.0.1"], []),
        ("localhost.svc.test", "TXT", "NOERROR", [], ["localhost.svc.test. \(soa)"]),
        ("sub.localhost", "A", "NXDOMAIN", [], ["localhost. \(soa)"]),
        ("127.in-addr.arpa", "SOA", "NOERROR", ["127.in-addr.arpa. \(soa)"], []),
        ("127.in-addr.arpa", "A", "NOERROR", [], ["127.in-addr.arpa. \(soa)"]),
        ("1.0.0.127.in-addr.arpa", "PTR", "NOERROR", ["1.0.0.127.in-addr.arpa. 604800 IN PTR localhost."], []),
        ("1.0.0.127.in-addr.arpa", "A", "NOERROR", [], ["127.in-addr.arpa. \(soa)"]),
        ("2.0.0.127.in-addr.arpa", "PTR", "NXDOMAIN", [], ["127.in-addr.arpa. \(soa)"]),
        ("1.0.0.0.in-addr.arpa", "PTR", "NXDOMAIN", [], ["0.in-addr.arpa. \(soa)"]),
    ]

    @Test("this host's names and addresses are answered here", arguments: cases)
    func answers(name: String, type: String, code: String, answer: [String], authority: [String]) throws {
        let packet = try TestPacket.query(name, try #require(RecordType(mnemonic: type)))
        let text = try MessageText(try frontendAnswer(of: " local", to: packet))
        #expect(text.code == code && text.flags == "QR RD")
        #expect(text.answer == answer && text.authority == authority)
    }

    @Test("localhost_prefix off passes such names on")
    func prefix() throws {
        let lines = " local {\n  localhost_prefix off\n }\n hosts /nonexistent {\n  192.0.2.1 localhost.test\n }"
        let text = try MessageText(try frontendAnswer(of: lines, to: try TestPacket.query("localhost.test", .a)))
        #expect(text.answer == ["localhost.test. 3600 IN A 192.0.2.1"])
        #expect(mistake(of: LocalSettings.row, "local {\n localhost_prefix maybe\n}")?.contains("expected 'on' or 'off'") == true)
    }

    @Test("questions with the prefix are counted")
    func counted() async throws {
        let frontend = try await RunningFrontend(".:0 {\n bind 127.0.0.1\n local\n}")
        let address = frontend.address
        for name in ["localhost.a.test", "localhost"] {
            let packet = try TestPacket.query(name, .a)
            _ = try await onThread { try TestClient.ask(packet, address) }
        }
        let text = String(decoding: frontend.control.metrics.render(), as: UTF8.self)
        #expect(text.contains("coredns_local_localhost_requests_total 1\n"))
        try await frontend.stop()
    }
}
