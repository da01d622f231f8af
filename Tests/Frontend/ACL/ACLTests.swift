import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

@Suite("acl")
struct ACLTests {
    private func verdict(_ lines: String, _ name: String, _ type: RecordType, _ client: String) throws -> String {
        let source = ACLSource(try settings(of: ACLSettings.row, lines))
        let found = source.verdict(try DNSName(name), type, try #require(IPAddress(client)))
        return found.map { "\($0.action) \($0.zone)" } ?? "none"
    }

    @Test(
        "the first line that fits decides",
        arguments: [
            ("acl {\n block type ANY net *\n}", "a.test", "ANY", "192.0.2.1", "block ."),
            ("acl {\n block type ANY net *\n}", "a.test", "A", "192.0.2.1", "none"),
            ("acl {\n filter type A AAAA net 10.0.0.0/8 2001:db8::/32\n}", "a.test", "AAAA", "10.1.1.1", "filter ."),
            ("acl {\n filter type A AAAA net 10.0.0.0/8 2001:db8::/32\n}", "a.test", "A", "2001:db8::1", "filter ."),
            ("acl {\n filter type A AAAA net 10.0.0.0/8 2001:db8::/32\n}", "a.test", "A", "11.1.1.1", "none"),
            ("acl {\n filter net 10.0.0.1 type A\n}", "a.test", "A", "10.0.0.1", "filter ."),
            ("acl {\n allow net 10.0.0.1\n block net 10.0.0.0/30\n}", "a.test", "A", "10.0.0.1", "allow ."),
            ("acl {\n allow net 10.0.0.1\n block net 10.0.0.0/30\n}", "a.test", "A", "10.0.0.2", "block ."),
            ("acl {\n DROP NET 10.0.0.1\n}", "a.test", "A", "10.0.0.1", "drop ."),
            ("acl {\n block type A * AAAA\n}", "a.test", "MX", "10.0.0.1", "block ."),
            ("acl {\n block type A * type AAAA\n}", "a.test", "MX", "10.0.0.1", "block ."),
            ("acl {\n block net * net 192.0.2.1\n}", "a.test", "MX", "10.0.0.1", "block ."),
            ("acl {\n block net 192.0.2.1 type A net 192.0.2.2\n}", "a.test", "A", "192.0.2.2", "block ."),
            ("acl {\n block net 192.0.2.1 type A net 192.0.2.2\n}", "a.test", "A", "192.0.2.3", "none"),
            ("acl {\n block\n}", "a.test", "MX", "2001:db8::", "block ."),
            ("acl b.test test {\n block\n}", "a.b.test", "A", "10.0.0.1", "block b.test."),
            ("acl b.test test {\n block\n}", "a.c.test", "A", "10.0.0.1", "block test."),
            ("acl b.test test {\n block\n}", "a.other", "A", "10.0.0.1", "none"),
            ("acl {\n allow net 10.0.0.1\n}\nacl {\n block\n}", "a.test", "A", "10.0.0.1", "allow ."),
            ("acl {\n allow net 10.0.0.1\n}\nacl {\n block\n}", "a.test", "A", "10.0.0.2", "block ."),
        ])
    func verdicts(lines: String, name: String, type: String, client: String, expected: String) throws {
        #expect(try verdict(lines, name, try #require(RecordType(mnemonic: type)), client) == expected)
    }

    @Test(
        "what is no rule is refused with what was expected",
        arguments: [
            ("acl {\n refuse net *\n}", "unknown option 'refuse': there are allow, block, filter, drop"),
            ("acl {\n block 10.0.0.0/8\n}", "expected 'type' or 'net', found '10.0.0.0/8'"),
            ("acl {\n block net\n}", "expected words after 'net'"),
            ("acl {\n block type net *\n}", "expected words after 'type'"),
            ("acl {\n block type a\n}", "expected a record type like A or AAAA, or *, found 'a'"),
            ("acl {\n block net 10.0.0.0/33\n}", "found '10.0.0.0/33'"),
        ])
    func mistakes(lines: String, words: String) throws {
        let message = try #require(mistake(of: ACLSettings.row, lines))
        #expect(message.contains(words), "\(message)")
    }

    @Test("a set of networks holds what one of them holds")
    func networkSet() throws {
        var random = SeededRandom(seed: 20_261_126)
        for _ in 0..<200 {
            let networks = (0..<Int(random.next() % 12)).compactMap { _ in
                random.next() % 2 == 0
                    ? IPNetwork(.v4(UInt32(truncatingIfNeeded: random.next()) & 0xFF), length: 24 + Int(random.next() % 9))
                    : IPNetwork(.v6(high: random.next() & 0xF, low: random.next() & 0xFF), length: Int(random.next() % 129))
            }
            let set = NetworkSet(networks)
            for bits in 0..<300 {
                for address in [IPAddress.v4(UInt32(bits)), .v6(high: UInt64(bits & 0xF), low: UInt64(bits)), .v6(high: .max, low: .max)] {
                    #expect(set.contains(address) == networks.contains { $0.contains(address) }, "\(networks) \(address)")
                }
            }
        }
        let all = NetworkSet([try #require(IPNetwork("0.0.0.0/0")), try #require(IPNetwork("255.255.255.255"))])
        #expect(all.contains(.v4(.max)) && all.contains(.v4(0)) && !all.contains(.v6(high: 0, low: 0)))
    }

    @Test("clients are told why, those that are dropped get nothing, and all are counted")
    func answers() async throws {
        let frontend = try await RunningFrontend(
            """
            .:0 {
             bind 127.0.0.1
             acl {
              drop type MX
              filter type AAAA
              block type ANY
             }
             hosts /nonexistent {
              192.0.2.1 one.test
             }
            }
            """)
        let address = frontend.address
        func ask(_ type: RecordType) async throws -> [UInt8] {
            let packet = try TestPacket.query("one.test", type, advertisedSize: 1232)
            return try await onThread { try TestClient.ask(packet, address) }
        }
        let blocked = try await ask(.any)
        #expect(try MessageText(blocked).code == "REFUSED")
        #expect(Array(blocked.suffix(8)) == [0, 6, 0, 15, 0, 2, 0, 15])
        let filtered = try await ask(.aaaa)
        #expect(try MessageText(filtered).code == "NOERROR" && MessageText(filtered).flags == "QR RD")
        #expect(Array(filtered.suffix(8)) == [0, 6, 0, 15, 0, 2, 0, 17])
        // On one socket: the dropped one would have come first.
        let packets = [try TestPacket.query("one.test", .mx, id: 1), try TestPacket.query("one.test", .a, id: 2)]
        let answer = try await onThread {
            let socket = try Socket.connecting(.datagram, to: address)
            for packet in packets { _ = try Socket.send(packet.span, on: socket) }
            return try TestClient.receive(socket)
        }
        #expect(answer[1] == 2)
        #expect(try MessageText(answer).answer == ["one.test. 3600 IN A 192.0.2.1"])
        let metrics = String(decoding: frontend.control.metrics.render(), as: UTF8.self)
        for sample in [
            "blocked_requests_total{server=\"dns://127.0.0.1:0\",zone=\".\",view=\"\"} 1",
            "filtered_requests_total{server=\"dns://127.0.0.1:0\",zone=\".\",view=\"\"} 1",
            "dropped_requests_total{server=\"dns://127.0.0.1:0\",zone=\".\",view=\"\"} 1",
            "allowed_requests_total{server=\"dns://127.0.0.1:0\",view=\"\"} 1",
        ] {
            #expect(metrics.contains("coredns_acl_\(sample)\n"), "\(sample)")
        }
        try await frontend.stop()
    }
}
