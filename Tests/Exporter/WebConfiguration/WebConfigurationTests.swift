import Foundation
import NIOSSL
import ProcessRuntime
import Testing

@testable import Exporter

@Suite("Web configuration")
struct WebConfigurationTests {
    /// `secret`; bcrypt's three kinds of hashes differ in their second character only.
    private static let hash = "04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
    /// `fakepassword`, of another program.
    private static let otherHash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

    private static let pair = "cert_file: a.crt, key_file: /b.key"

    @Test("everything that the format has is read")
    func everything() throws {
        let web = try WebConfiguration(
            """
            tls_server_config:
              cert_file: a.crt
              key_file: /etc/b.key
              client_auth_type: RequireAndVerifyClientCert
              client_ca_file: ca.crt
              client_allowed_sans: [prometheus.example.org, 10.1.2.3]
              min_version: TLS12
              max_version: TLS13
              cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
              curve_preferences: [X25519, CurveP256]
              prefer_server_cipher_suites: true
            http_server_config:
              http2: false
              headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=60}
            basic_auth_users: {alice: $2y$\(Self.hash), bob: $2a$\(Self.hash)}
            rate_limit: {interval: 1s, burst: 20}
            """, relativeTo: "/etc/web")
        let encryption = try #require(web.encryption)
        #expect(encryption.certificate == .file("/etc/web/a.crt") && encryption.key == .file("/etc/b.key"))
        #expect(encryption.clientAuthority == .file("/etc/web/ca.crt") && encryption.clients == .requireAndVerify)
        #expect(encryption.allowedNames == ["prometheus.example.org", "10.1.2.3"])
        #expect(encryption.minimum == .tlsv12 && encryption.maximum == .tlsv13)
        #expect(encryption.ciphers == [.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] && encryption.curves == [.x25519, .secp256r1])
        #expect(!web.allowsHTTP2 && web.headers.count == 2 && web.users.keys.sorted() == ["alice", "bob"])
        #expect(web.rateLimit == .init(interval: .seconds(1), burst: 20))
        #expect(web.warnings.map { $0.contains("prefer_server_cipher_suites") } == [true])
    }

    @Test("nothing, or comments alone, is plain HTTP for everyone; versions alone encrypt nothing, and that is said")
    func nothing() throws {
        for text in ["", "# later\n---\n", "tls_server_config:\n", "tls_server_config: {min_version: TLS13}"] {
            let web = try WebConfiguration(text, relativeTo: "/")
            #expect(web.encryption == nil && web.users.isEmpty && web.allowsHTTP2)
            #expect(web.warnings.isEmpty == !text.contains("min_version"))
        }
    }

    @Test("texts in the configuration stand for files, a file comes before a text, and 1.3's ciphers alone leave older versions out")
    func inline() throws {
        let web = try WebConfiguration(
            "tls_server_config: {cert: A, key: B, key_file: b.key, cipher_suites: [TLS_AES_128_GCM_SHA256]}", relativeTo: ".")
        #expect(web.encryption?.certificate == .text("A") && web.encryption?.key == .file("./b.key"))
        #expect(web.encryption?.minimum == .tlsv13)
        #expect(web.warnings.count == 1)
    }

    @Test("client_auth_type has all of Go's values", arguments: WebConfiguration.ClientAuthentication.allCases)
    func clients(type: WebConfiguration.ClientAuthentication) throws {
        let web = try WebConfiguration("tls_server_config: {\(Self.pair), client_auth_type: \(type.rawValue)}", relativeTo: "/")
        #expect(web.encryption?.clients == type)
    }

    @Test(
        "what is wrong is said with its line and its place",
        arguments: [
            ("tls_server_config: [", 2, ""), ("\nbasic_auth: {}", 2, "basic_auth: this is no field"),
            ("tls_server_config:\n  cert_file: a", 2, "there is no key"),
            ("tls_server_config:\n  key_file: a", 2, "there is no certificate"),
            ("tls_server_config: {\(pair),\n min_version: SSL3}", 2, "TLS13, TLS12, TLS11, TLS10"),
            ("tls_server_config: {\(pair),\n min_version: TLS13, max_version: TLS12}", 2, "newer than max_version"),
            ("tls_server_config: {\(pair),\n cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]}", 2, "cipher_suites[0]"),
            ("tls_server_config: {\(pair),\n curve_preferences: [P-256]}", 2, "CurveP256"),
            ("tls_server_config: {\(pair),\n client_auth_type: Always}", 2, "RequireAndVerifyClientCert"),
            ("tls_server_config: {\(pair), client_ca_file: c}", 1, "client_auth_type"),
            ("tls_server_config: {\(pair),\n client_allowed_sans: [a], client_auth_type: RequestClientCert}", 2, "RequireAnyClientCert"),
            ("tls_server_config: {\(pair),\n certs: a}", 2, "certs: this is no field"),
            ("http_server_config:\n  headers:\n    Server: me", 3, "cannot be set"),
            ("http_server_config:\n  headers:\n    X-Frame-Options: DENY", 3, "deny, sameorigin"),
            ("http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\nb\"", 3, "cannot have this value"),
            ("http_server_config: {http2: maybe}", 1, "true or false"), ("basic_auth_users:\n  alice: secret", 2, "htpasswd"),
            ("basic_auth_users:\n  a: $2y$04$abc\n  a: b", nil, "twice"), ("rate_limit: {interval: soon}", 1, "1s"),
            ("rate_limit: {burst: -1}", 1, "from 0 on"),
        ] as [(String, Int?, String)])
    func faults(text: String, line: Int?, words: String) {
        let fault = #expect(throws: WebConfigurationFault.self) { try WebConfiguration(text, relativeTo: "/") }
        #expect(line == nil || fault?.line == line, "\(String(describing: fault))")
        #expect(words.isEmpty || fault?.reason.contains(words) == true, "\(String(describing: fault))")
        #expect(fault?.reason.contains("secret") != true)
    }

    @Test("bcrypt's three kinds verify; other passwords, other hashes and a zero byte do not")
    func passwords() throws {
        for kind in ["$2a$", "$2b$", "$2y$"] {
            let hash = try #require(PasswordHash(kind + Self.hash))
            #expect(hash.matches(Array("secret".utf8)))
            for other in ["Secret", "secre", "secret ", "", "secret\0x"] { #expect(!hash.matches(Array(other.utf8))) }
            #expect(!hash.matches([UInt8](repeating: 97, count: 600)))
        }
        #expect(PasswordHash(Self.otherHash)?.matches(Array("fakepassword".utf8)) == true)
        let bad = ["", "secret", "$1$\(Self.hash)", "$2y$99" + Self.hash.dropFirst(2), "$2y$" + Self.hash.dropLast()]
        for text in bad + ["$2y$" + Self.hash.dropLast() + ":", "$2x$\(Self.hash)"] { #expect(PasswordHash(text) == nil) }
    }

    @Test("a header's name and password are read as RFC 7617 says, and nothing else is")
    func credentials() throws {
        let held = try #require(PasswordBook.credentials("basic YTpiOmM="))
        #expect(held.user == "a" && held.password == Array("b:c".utf8))
        for bad in [nil, "", "Basic", "Basic ", "Basic !!!", "Basic YWJj", "Bearer YTpi"] { #expect(PasswordBook.credentials(bad) == nil) }
    }

    @Test("who is known is let in, also the second time, who is not is not")
    func book() async throws {
        let users = ["alice": try #require(PasswordHash("$2y$" + Self.hash))]
        let book = PasswordBook()
        func header(_ text: String) -> String { "Basic \(Data(text.utf8).base64EncodedString())" }
        for _ in 0..<2 {
            #expect(await book.admits(header("alice:secret"), users: users))
            for bad in ["alice:wrong", "bob:secret", ":", "alice:"] { #expect(await !book.admits(header(bad), users: users)) }
            #expect(await !book.admits(nil, users: users))
        }
        // A password that has changed is no longer good.
        #expect(await !book.admits(header("alice:secret"), users: ["alice": try #require(PasswordHash(Self.otherHash))]))
        for number in 0..<150 { #expect(await !book.admits(header("alice:\(number)"), users: users)) }
    }
}
