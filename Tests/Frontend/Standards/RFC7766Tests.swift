import Glibc
import MizzenSystem
import Synchronization
import TestSupport
import Testing

@testable import Frontend

/// What a client cannot see of one exchange alone needs a connection of its own, so these judge a frontend of this process only.
@Suite("RFC 7766: DNS over TCP", .serialized)
struct RFC7766Tests {
    private static let corefile = """
        example.com:0 {
            bind 127.0.0.1
            forward . {upstream}
        }
        .:0 {
            bind 127.0.0.1
            hosts /nonexistent {
                192.0.2.1 one.example.org
            }
        }
        """

    /// Runs `body` with an address whose names below example.com wait for an upstream that says nothing.
    private func with(_ body: @escaping @Sendable (SocketAddress, TestUpstream) throws -> Void) async throws {
        let upstream = try TestUpstream(
            "example.com. 60 SOA ns.example.com. host.example.com. 1 2 3 4 60\na.example.com. 60 A 192.0.2.7", behaviour: .isSilent)
        defer { upstream.stop() }
        let frontend = try await RunningFrontend(Self.corefile.replacing("{upstream}", with: "\(upstream.address)"))
        let address = frontend.address
        try await onThread { try body(address, upstream) }
        try await frontend.stop()
    }

    @Test("section 6.2.1.1 and 7: an answer that is known does not wait for one that is not")
    func outOfOrder() async throws {
        try await with { (address, _) throws in
            let stream = try TestClient.open(
                address,
                sending: [
                    try TestPacket.query("a.example.com", .a, id: 1), try TestPacket.query("one.example.org", .a, id: 2),
                    try TestPacket.query("b.example.com", .a, id: 3), try TestPacket.query("one.example.org", .aaaa, id: 4),
                ])
            let first = try TestClient.read(2, from: stream)
            #expect(first.map { $0[1] } == [2, 4])
            let rest = try TestClient.read(2, from: stream)
            #expect(Set(rest.map { $0[1] }) == [1, 3])
            #expect(rest.allSatisfy { $0[3] & 0xF == 2 })
        }
    }

    @Test("section 6.2.1: a connection stays open after an answer, for any number of further queries")
    func reuse() async throws {
        try await with { (address, _) throws in
            let stream = try TestClient.open(address, sending: [])
            for number in 1...300 {
                let answer = try LoopbackStream.ask(try TestPacket.query("one.example.org", .a, id: UInt16(number)), on: stream)
                #expect(answer.map { Int($0[0]) << 8 | Int($0[1]) } == number)
            }
        }
    }

    @Test("section 6.2.4: a client that has ended its side gets the answers that others still have to give, and then the end")
    func halfClosed() async throws {
        try await with { (address, upstream) throws in
            upstream.behaviour.withLock { $0 = .answers }
            let count = 200
            let stream = try TestClient.open(
                address, sending: try (1...count).map { try TestPacket.query("a.example.com", .a, id: UInt16($0)) })
            shutdown(stream.raw, Int32(SHUT_WR))
            let answers = try TestClient.read(count + 1, from: stream)
            #expect(Set(answers.map { Int($0[0]) << 8 | Int($0[1]) }) == Set(1...count))
            for answer in answers { #expect(try MessageText(answer).answer == ["a.example.com. 60 IN A 192.0.2.7"]) }
        }
    }

    @Test("section 8: length and message leave together")
    func oneSegment() async throws {
        try await with { (address, _) throws in
            let stream = try TestClient.open(address, sending: [try TestPacket.query("one.example.org", .a)])
            let octets = try TestClient.receive(stream)
            #expect(octets.count == 2 + Int(octets[0]) << 8 + Int(octets[1]))
        }
    }

    @Test("section 5: a query over TCP is answered over TCP, whatever size its OPT names")
    func sizeMeansNothing() async throws {
        try await StandardsSubject.with { (subject) async throws in
            for size: UInt16 in [0, 512, 1232] {
                let message = try await subject.ask(StandardsSubject.large, .a, .tcp, advertisedSize: size)
                #expect(message.answer.count == 200 && !message.isCut)
            }
        }
    }
}
