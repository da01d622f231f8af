import MizzenSystem
import Names
import TestSupport
import Testing

@testable import Frontend

/// What a session makes of other sides that are no TLS servers, or bad ones.
@Suite("TLS sessions with the wrong other side")
struct TLSSessionTests {
    private func session() throws -> TLSSession {
        try TLSSession(TLSClientConfiguration(TLSFiles(), place: "forward: tls"), serverName: .name("dns.example.org"))
    }

    @Test("the first octets are a handshake record that names the server, offers dot and no version below 1.2")
    func hello() throws {
        let session = try session()
        let hello = session.start()
        #expect(Array(hello.prefix(2)) == [0x16, 0x03])
        #expect(hello.firstRange(of: Array("dns.example.org".utf8)) != nil)
        // RFC 7301: a list of three octets with one name of three.
        #expect(hello.firstRange(of: [0x00, 0x10, 0x00, 0x06, 0x00, 0x04, 0x03] + Array("dot".utf8)) != nil)
        // RFC 8446 section 4.2.1, with a grease value before the two.
        #expect(hello.firstRange(of: [0x03, 0x04, 0x03, 0x03]) != nil && hello.firstRange(of: [0x03, 0x03, 0x03, 0x02]) == nil)
        #expect(session.state == .handshaking)
    }

    @Test("an address is not sent as a name")
    func helloToAddress() throws {
        let session = try TLSSession(
            TLSClientConfiguration(TLSFiles(), place: "forward: tls"), serverName: .address(.v4(0xC000_0201)))
        let hello = session.start()
        #expect(!hello.isEmpty && hello.firstRange(of: Array("192.0.2.1".utf8)) == nil)
    }

    @Test(
        "who speaks no TLS is told apart at the first octets",
        arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "220 mail.example.org ESMTP\r\n"])
    func noTLS(text: String) throws {
        let session = try session()
        _ = session.start()
        _ = session.receive(Array(text.utf8).span)
        #expect(session.state == .failed("TLS: the other side does not speak it on this port"))
    }

    @Test("a DNS message is no TLS either")
    func plainDNS() throws {
        let session = try session()
        _ = session.start()
        let answer = try TestPacket.query("a.org", .a, flags: 0x8180)
        _ = session.receive(([0, UInt8(answer.count)] + answer).span)
        #expect(session.state == .failed("TLS: the other side does not speak it on this port"))
    }

    @Test("who sends nothing, or half a record, is waited for; when the connection ends the handshake has failed")
    func stalls() throws {
        let session = try session()
        _ = session.start()
        #expect(session.receive([0x16, 0x03, 0x03, 0x01].span) == TLSSession.Output())
        #expect(session.send([1, 2, 3]).isEmpty)
        #expect(session.state == .handshaking)
        session.connectionEnded()
        #expect(session.state == .failed("the connection was closed during the TLS handshake"))
        session.connectionEnded()
        #expect(session.state == .failed("the connection was closed during the TLS handshake"))
    }

    @Test(
        "an alert is said in words",
        arguments: [
            (40, "broke off with a handshake failure"), (70, "both sides have no version in common"), (120, "for other protocols only"),
        ])
    func alerts(number: UInt8, words: String) throws {
        let session = try session()
        _ = session.start()
        _ = session.receive([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, number].span)
        guard case .failed(let reason) = session.state else { return #expect(Bool(false), "\(session.state)") }
        #expect(reason.contains(words), "\(reason)")
    }

    @Test("octets at random fail the handshake, and nothing else happens")
    func random() throws {
        let configuration = try TLSClientConfiguration(TLSFiles(), place: "forward: tls")
        var random = SeededRandom(seed: 7858)
        for _ in 0..<(isSoak ? 5000 : 200) {
            let session = try TLSSession(configuration, serverName: .name("dns.example.org"))
            _ = session.start()
            // Every second time a handshake record's head, so that what is inside is looked at too.
            let size = Int.random(in: 1...400, using: &random)
            let body = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
            let head: [UInt8] = Bool.random(using: &random) ? [0x16, 3, 3, UInt8(size >> 8), UInt8(size & 0xFF)] : []
            let output = session.receive((head + body).span)
            #expect(output.plaintext.isEmpty)
            #expect(session.state != .open && session.state != .closed)
        }
    }

    @Test("a session may be closed, or dropped, at any time")
    func endings() throws {
        let fresh = try session()
        #expect(fresh.close().isEmpty && fresh.state == .closed && fresh.start().isEmpty)
        let begun = try session()
        _ = begun.start()
        #expect(begun.close().isEmpty && begun.state == .closed)
        #expect(begun.receive([0x16].span) == TLSSession.Output() && begun.send([1]).isEmpty)
        _ = try session()
        let dropped = try session()
        _ = dropped.start()
    }

    @Test("a dropped session leaves nothing behind")
    func memory() throws {
        weak var kept: TLSSession?
        do {
            let session = try session()
            _ = session.start()
            _ = session.send([1, 2, 3])
            kept = session
        }
        #expect(kept == nil)
    }

    @Test(
        "whom to expect is a host name or an address",
        arguments: [
            ("dns.example.org", TLSServerName.name("dns.example.org")), ("dns.example.org.", .name("dns.example.org")),
            ("A-1", .name("A-1")), ("192.0.2.1", .address(.v4(0xC000_0201))), ("::1", .address(.v6(high: 0, low: 1))),
        ])
    func names(text: String, name: TLSServerName) {
        #expect(TLSServerName(text) == name)
    }

    @Test(
        "nothing else is",
        arguments: ["", ".", "a..b", ".a", "a b", "a_b", "ä", "a\0b", "*.a", String(repeating: "a", count: 64), "[::1]", "a:1"])
    func noNames(text: String) {
        #expect(TLSServerName(text) == nil)
    }
}
