import MizzenSystem
import NIOSSL
import Names
import TestSupport
import Testing

@testable import Frontend

/// Sessions over real sockets, with unbound and OpenSSL on the other side. No test awaits while it has a session: a session stays on
/// its thread.
@Suite("TLS sessions with real servers")
struct TLSSessionProcessTests {
    /// An authority and the servers with its certificates, for all tests.
    private struct World: Sendable {
        let authority: AuthorityFiles
        let stranger: AuthorityFiles
        let server: UnboundServer
        let expired: UnboundServer

        init() async throws {
            authority = try await AuthorityFiles()
            stranger = try await AuthorityFiles("stranger")
            try await authority.issue("server", names: "DNS:dns.example.org,IP:127.0.0.1")
            try await authority.issue("expired", names: "DNS:dns.example.org", days: -1)
            try await authority.issue("client", names: "DNS:client.example.org")
            server = try await UnboundServer("server", of: authority)
            expired = try await UnboundServer("expired", of: authority)
        }
    }

    private static let world = Task { try await World() }

    private let world: World
    private let trusting: TLSClientConfiguration
    private let name = TLSServerName.name("dns.example.org")

    init() async throws {
        world = try await Self.world.value
        trusting = try Self.configuration(world.authority.certificate)
    }

    private static func configuration(_ authorities: String?, identity: (String, String)? = nil) throws -> TLSClientConfiguration {
        func word(_ text: String) -> Token { Token(text: text, file: "Corefile", line: 3, startsRow: false, isQuoted: false) }
        return try TLSClientConfiguration(
            TLSFiles(
                identity: identity.map { TLSFiles.Identity(certificate: word($0.0), key: word($0.1)) }, authorities: authorities.map(word)),
            place: "forward: tls")
    }

    /// The answer section of an answer to a query of `id`.
    private func records(_ answer: [UInt8]?, id: UInt16) throws -> [String] {
        let answer = try #require(answer)
        #expect(Array(answer.prefix(2)) == [UInt8(id >> 8), UInt8(id & 0xFF)])
        return try MessageText(answer).answer
    }

    @Test("one connection serves query after query")
    func queries() throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: name)
        #expect(connection.session.version == nil)
        #expect(try connection.handshake() == .open)
        #expect(connection.session.version == .tlsv13)
        #expect(try records(connection.ask("a.example.org", id: 1), id: 1) == ["a.example.org. 300 IN A 192.0.2.1"])
        #expect(try records(connection.ask("b.example.org", id: 2), id: 2) == ["b.example.org. 300 IN A 192.0.2.2"])
        #expect(connection.session.state == .open && connection.plaintext.isEmpty)
        #expect(!connection.session.close().isEmpty)
        #expect(connection.session.state == .closed)
    }

    @Test("two queries sent at once are both answered")
    func pipelined() throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: name)
        for (name, id) in [("a.example.org", 7), ("b.example.org", 8)] as [(String, UInt16)] {
            try connection.say(connection.framed(TestPacket.query(name, .a, id: id)))
        }
        var answers: Set<String> = []
        for _ in 0..<2 {
            let head = try #require(try connection.hear(2))
            answers.formUnion(try MessageText(try #require(try connection.hear(Int(head[0]) << 8 | Int(head[1])))).answer)
        }
        #expect(answers == ["a.example.org. 300 IN A 192.0.2.1", "b.example.org. 300 IN A 192.0.2.2"])
    }

    @Test("a query that is there before the handshake is over goes out with its end")
    func early() throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: name)
        #expect(connection.session.state == .handshaking)
        #expect(try records(connection.ask("a.example.org", id: 3), id: 3) == ["a.example.org. 300 IN A 192.0.2.1"])
    }

    @Test("octets may come one at a time")
    func pieces() throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: name)
        connection.pieceSize = 1
        #expect(try connection.handshake() == .open)
        #expect(try records(connection.ask("a.example.org", id: 4), id: 4) == ["a.example.org. 300 IN A 192.0.2.1"])
    }

    @Test("servers of one version only are spoken to in theirs", arguments: [("1.2", TLSVersion.tlsv12), ("1.3", .tlsv13)])
    func versions(text: String, version: TLSVersion) async throws {
        let server = try await UnboundServer(
            "server", of: world.authority, protocols: "MinProtocol = TLSv\(text)\nMaxProtocol = TLSv\(text)")
        try {
            let connection = try TLSConnection(port: server.port, trusting, as: name)
            #expect(try connection.handshake() == .open)
            #expect(connection.session.version == version)
            #expect(try records(connection.ask("a.example.org", id: 5), id: 5) == ["a.example.org. 300 IN A 192.0.2.1"])
        }()
    }

    @Test("an upstream without a name is known by its address")
    func address() throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: .address(.v4(0x7F00_0001)))
        #expect(try connection.handshake() == .open)
        let other = try TLSConnection(port: world.server.port, trusting, as: .address(.v4(0xC000_0201)))
        #expect(try other.handshake() == .failed("TLS: the other side's certificate is not for 192.0.2.1"))
    }

    @Test("a certificate for another name is not accepted, and nothing that was to be said is sent")
    func wrongName() throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: .name("dns.example.com"))
        try connection.say(connection.framed(TestPacket.query("a.example.org", .a)))
        #expect(try connection.handshake() == .failed("TLS: the other side's certificate is not for dns.example.com"))
        #expect(connection.session.send([1]).isEmpty && connection.session.close().isEmpty)
        #expect(connection.session.receive([1, 2, 3].span) == TLSSession.Output())
        #expect(connection.plaintext.isEmpty)
    }

    @Test("a certificate that has expired is not accepted, and the day is said")
    func expired() throws {
        let connection = try TLSConnection(port: world.expired.port, trusting, as: name)
        guard case .failed(let reason) = try connection.handshake() else { return #expect(Bool(false), "\(connection.session.state)") }
        #expect(reason.wholeMatch(of: /TLS: the other side's certificate expired on \d{4}-\d\d-\d\d/) != nil, "\(reason)")
    }

    @Test("an authority that is not trusted here vouches for nobody", arguments: [true, false])
    func unknownAuthority(system: Bool) throws {
        let configuration = try Self.configuration(system ? nil : world.stranger.certificate)
        let connection = try TLSConnection(port: world.server.port, configuration, as: name)
        #expect(try connection.handshake() == .failed("TLS: no authority that is trusted here signed the other side's certificate"))
    }

    @Test("a connection that the server ends while it is idle is closed, not failed")
    func serverEnds() async throws {
        let server = try await UnboundServer("server", of: world.authority)
        try {
            let connection = try TLSConnection(port: server.port, trusting, as: name)
            #expect(try records(connection.ask("a.example.org", id: 6), id: 6) == ["a.example.org. 300 IN A 192.0.2.1"])
            server.process.signal(15)
            #expect(try connection.hear(1) == nil)
            #expect(connection.session.state == .closed)
        }()
    }

    @Test("a connection that ends in the middle of the handshake has failed", arguments: [1, 5, 100, 700])
    func cutHandshake(size: Int) throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: name)
        connection.onTheWay = { Array($0.prefix(size)) }
        #expect(try connection.step())
        connection.session.connectionEnded()
        #expect(connection.session.state == .failed("the connection was closed during the TLS handshake"))
    }

    @Test("an octet changed on the way fails the connection, and nothing of the record is given out")
    func tampered() throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: name)
        #expect(try records(connection.ask("a.example.org", id: 9), id: 9) == ["a.example.org. 300 IN A 192.0.2.1"])
        connection.onTheWay = { bytes in bytes.dropLast() + [bytes.last.map { $0 ^ 1 } ?? 0] }
        #expect(try connection.ask("b.example.org", id: 10) == nil)
        #expect(connection.plaintext.isEmpty)
        #expect(connection.session.state == .failed("TLS: what came was garbled or changed on the way"))
    }

    @Test("what came before a fault is given out with it")
    func answerBeforeFault() throws {
        let connection = try TLSConnection(port: world.server.port, trusting, as: name)
        #expect(try records(connection.ask("a.example.org", id: 11), id: 11) == ["a.example.org. 300 IN A 192.0.2.1"])
        connection.onTheWay = { $0 + [0x17, 3, 3, 0, 20] + [UInt8](repeating: 7, count: 20) }
        #expect(try records(connection.ask("b.example.org", id: 12), id: 12) == ["b.example.org. 300 IN A 192.0.2.2"])
        #expect(connection.session.state == .failed("TLS: what came was garbled or changed on the way"))
    }

    @Test("a server that asks for a certificate gets the one of the configuration, and who has none hears why")
    func clientCertificate() async throws {
        let folder = world.authority.folder
        let port = freePort()
        let process = try RunningProcess(
            "/usr/bin/openssl",
            [
                "s_server", "-accept", "127.0.0.1:\(port)", "-cert", folder.path("server.crt"), "-key", folder.path("server.key"),
                "-Verify",
                "1", "-verify_return_error", "-CAfile", world.authority.certificate, "-rev",
            ], in: folder)
        try await eventually("openssl listens") { process.output.contains("ACCEPT") }
        try {
            let identified = try Self.configuration(
                world.authority.certificate, identity: (folder.path("client.crt"), folder.path("client.key")))
            let connection = try TLSConnection(port: port, identified, as: name)
            try connection.say(Array("abc\n".utf8))
            #expect(try connection.hear(4) == Array("cba\n".utf8))
            try connection.close()
            let anonymous = try TLSConnection(port: port, trusting, as: name)
            #expect(try anonymous.hear(1) == nil)
            #expect(anonymous.session.state == .failed("TLS: the other side wants a certificate"))
        }()
    }

    @Test("a key of another certificate is refused when the configuration is read")
    func foreignKey() throws {
        let folder = world.authority.folder
        let (certificate, key) = (folder.path("client.crt"), folder.path("server.key"))
        let fault = #expect(throws: TLSFault.self) { try Self.configuration(nil, identity: (certificate, key)) }
        #expect(
            fault?.message
                == "Corefile:3: forward: tls: '\(key)' does not belong to the certificate in '\(certificate)'"
        )
        let mixed = #expect(throws: TLSFault.self) { try Self.configuration(nil, identity: (certificate, certificate)) }
        #expect(
            mixed?.message == "Corefile:3: forward: tls: '\(certificate)' holds no private key in PEM, or one with a passphrase")
    }
}
