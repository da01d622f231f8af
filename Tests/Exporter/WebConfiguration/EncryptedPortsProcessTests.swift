import Foundation
import Logging
import MizzenSystem
import ProcessRuntime
import TestSupport
import Testing

@testable import Exporter

/// Both ports as curl and openssl see them.
@Suite("Encrypted ports")
struct EncryptedPortsProcessTests {
    private static let secret = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"

    private struct Ports: Sendable {
        var main: String
        var telemetry: String
        /// What a plain scrape of the main port gives.
        var exposition: String
        var registry: MetricsRegistry
    }

    /// An authority with a server's certificate `server`, and `web.yml` beside it.
    private static func files(_ web: String) async throws -> AuthorityFiles {
        let files = try await AuthorityFiles()
        try await files.issue("server", names: "IP:127.0.0.1,DNS:first.example.org")
        try files.folder.write(Array(web.utf8), to: "web.yml")
        return files
    }

    private static func serving(
        _ files: AuthorityFiles, _ body: @Sendable (Ports) async throws -> Void
    ) async throws {
        let exporter = try ExporterUnderTest(captured: [])
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let source = try WebConfigurationSource(
            files.folder.path("web.yml"), registry: exporter.telemetry.registry, logger: logger)
        let passwords = PasswordBook()
        try await exporter.serving(
            front: { WebFront(source, passwords: passwords).front(HTTPTimeouts(readHeader: .seconds(5), idle: .seconds(60))) },
            compresses: true
        ) { addresses in
            let scheme = source.current.loaded.tls == nil ? "http" : "https"
            try await body(
                Ports(
                    main: "\(scheme)://\(addresses.main)", telemetry: "\(scheme)://\(addresses.telemetry)",
                    exposition: exporter.exposition(), registry: exporter.telemetry.registry))
        }
    }

    /// - Returns: curl's exit code, then the status, the version of HTTP, and the answer's headers and body.
    private static func curl(
        _ url: String, _ files: AuthorityFiles, _ options: [String] = []
    ) async throws -> (exit: Int32, status: String, text: String) {
        let answer = files.folder.path("answer-\(UUID().uuidString)")
        let process = try RunningProcess(
            "/usr/bin/curl",
            ["--silent", "--include", "--max-time", "20", "--cacert", files.certificate, "--output", answer]
                + ["--write-out", "%{http_code} %{http_version}"] + options + [url],
            in: files.folder)
        let exit = try await process.exitCode(within: .seconds(30))
        return (exit, process.output, (try? String(contentsOfFile: answer, encoding: .utf8)) ?? "")
    }

    private static let encrypted = "tls_server_config: {cert_file: server.crt, key_file: server.key"

    @Test("both ports speak TLS with HTTP/2 and HTTP/1.1, and a scrape is whole in each, plain and compressed")
    func versions() async throws {
        let files = try await Self.files("\(Self.encrypted)}\nhttp_server_config: {headers: {X-Frame-Options: deny}}\n")
        try await Self.serving(files) { ports in
            for (option, version) in [("--http1.1", "200 1.1"), ("--http2", "200 2")] {
                for further in [[], ["--compressed"]] {
                    let (_, status, text) = try await Self.curl("\(ports.main)/metrics", files, [option] + further)
                    #expect(status == version)
                    let head = text.range(of: "\r\n\r\n")
                    #expect(head.map { text[$0.upperBound...] == ports.exposition } == true, "\(option) \(further)")
                    #expect(text.prefix(1000).lowercased().contains("x-frame-options: deny"))
                }
                let telemetry = try await Self.curl("\(ports.telemetry)/metrics", files, [option])
                #expect(telemetry.status == version && telemetry.text.contains("kube_state_metrics_build_info"))
                #expect(try await Self.curl("\(ports.telemetry)/nothing", files, [option]).status.hasPrefix("404"))
                let head = try await Self.curl("\(ports.main)/metrics", files, [option, "--head"])
                #expect(head.exit == 0 && head.status == version)
            }
            // Who speaks no TLS gets no answer.
            #expect(try await Self.curl(ports.main.replacing("https", with: "http"), files).exit != 0)
        }
    }

    @Test("http2: false leaves HTTP/1.1")
    func withoutHTTP2() async throws {
        let files = try await Self.files("\(Self.encrypted)}\nhttp_server_config: {http2: false}\n")
        try await Self.serving(files) { ports in
            let answer = try await Self.curl("\(ports.main)/healthz", files, ["--http2"])
            #expect(answer.status == "200 1.1")
        }
    }

    @Test("versions, ciphers and curves are those that are named")
    func terms() async throws {
        let files = try await Self.files(
            "\(Self.encrypted), max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384], curve_preferences: [CurveP384]}"
        )
        try await Self.serving(files) { ports in
            let address = ports.main.replacing("https://", with: "")
            func handshake(_ options: [String]) async throws -> (exit: Int32, text: String) {
                let process = try RunningProcess(
                    "/usr/bin/openssl", ["s_client", "-connect", address, "-CAfile", files.certificate] + options, in: files.folder)
                let exit = try await process.exitCode(within: .seconds(30))
                return (exit, process.output)
            }
            let good = try await handshake([])
            #expect(good.exit == 0 && good.text.contains("ECDHE-ECDSA-AES256-GCM-SHA384") && good.text.contains("TLSv1.2"))
            #expect(good.text.contains("secp384r1") || good.text.contains("P-384"))
            for bad in [["-tls1_3"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], ["-tls1_2", "-curves", "P-521"]] {
                #expect(try await handshake(bad).exit != 0, "\(bad)")
            }
        }
    }

    @Test(
        "clients' certificates are asked for and judged as client_auth_type says",
        arguments: [
            // Without one, from the authority, from another, expired.
            ("NoClientCert", "yyyy"), ("RequestClientCert", "yyyy"), ("RequireAnyClientCert", "nyyy"), ("VerifyClientCertIfGiven", "yynn"),
            ("RequireAndVerifyClientCert", "nynn"),
        ])
    func clients(type: String, expected: String) async throws {
        let other = try await AuthorityFiles("other")
        try await other.issue("client", names: "DNS:client.example.org")
        let authority = type == "NoClientCert" ? "" : ", client_ca_file: authority.crt"
        let files = try await Self.files("\(Self.encrypted), client_auth_type: \(type)\(authority)}")
        try await files.issue("good", names: "DNS:client.example.org")
        try await files.issue("expired", names: "DNS:client.example.org", days: -1)
        let shown: [[String]] = [
            [], ["--cert", files.folder.path("good.crt"), "--key", files.folder.path("good.key")],
            ["--cert", other.folder.path("client.crt"), "--key", other.folder.path("client.key")],
            ["--cert", files.folder.path("expired.crt"), "--key", files.folder.path("expired.key")],
        ]
        try await Self.serving(files) { ports in
            for versions in [["--tls-max", "1.2"], ["--tlsv1.3"]] {
                var got = ""
                for options in shown {
                    let (exit, status, _) = try await Self.curl("\(ports.main)/healthz", files, options + versions)
                    got += exit == 0 && status.hasPrefix("200") ? "y" : "n"
                }
                #expect(got == expected, "\(versions)")
            }
        }
    }

    @Test(
        "of clients' certificates only those with an allowed name are let in",
        arguments: ["RequireAndVerifyClientCert", "RequireAnyClientCert"])
    func names(type: String) async throws {
        let allowed = "[a.example.org, 10.1.2.3, '2001:db8::1', 'spiffe://x/y', a@b.example]"
        let files = try await Self.files(
            "\(Self.encrypted), client_ca_file: authority.crt, client_auth_type: \(type), client_allowed_sans: \(allowed)}")
        let cases: [(String, Bool)] = [
            ("DNS:a.example.org", true), ("DNS:b.example.org,IP:10.1.2.3", true), ("IP:2001:db8::1", true), ("URI:spiffe://x/y", true),
            ("email:a@b.example", true), ("DNS:b.example.org", false), ("DNS:x.a.example.org,IP:10.1.2.4", false),
        ]
        for (index, item) in cases.enumerated() { try await files.issue("client\(index)", names: item.0) }
        try await Self.serving(files) { ports in
            for (index, item) in cases.enumerated() {
                let shown = ["--cert", files.folder.path("client\(index).crt"), "--key", files.folder.path("client\(index).key")]
                let (exit, status, _) = try await Self.curl("\(ports.main)/healthz", files, shown)
                #expect((exit == 0 && status.hasPrefix("200")) == item.1, "\(item.0): \(status)")
            }
            #expect(try await Self.curl("\(ports.main)/healthz", files).exit != 0)
        }
    }

    @Test("with users every path of both ports wants a password, over TLS or not", arguments: [false, true])
    func passwords(isEncrypted: Bool) async throws {
        let files = try await Self.files(
            (isEncrypted ? "\(Self.encrypted)}\n" : "") + "basic_auth_users: {alice: \(Self.secret)}\n"
                + "http_server_config: {headers: {X-Content-Type-Options: nosniff}}\n")
        try await Self.serving(files) { ports in
            for url in ["\(ports.main)/metrics", "\(ports.main)/livez", "\(ports.telemetry)/metrics"] {
                #expect(try await Self.curl(url, files, ["--user", "alice:secret"]).status.hasPrefix("200"))
                let none = try await Self.curl(url, files)
                #expect(none.status.hasPrefix("401") && none.text.lowercased().contains("www-authenticate: basic\r\n"))
                #expect(none.text.hasSuffix("Unauthorized\n") && none.text.lowercased().ranges(of: "nosniff").count == 1)
                for bad in ["alice:Secret", "bob:secret", ":", "alice:"] {
                    #expect(try await Self.curl(url, files, ["--user", bad]).status.hasPrefix("401"))
                }
            }
        }
    }

    @Test("more requests than the limit get 429")
    func rate() async throws {
        let files = try await Self.files("rate_limit: {interval: 1h, burst: 2}")
        try await Self.serving(files) { ports in
            var got: [String] = []
            for _ in 0..<3 { got.append(String(try await Self.curl("\(ports.main)/healthz", files).status.prefix(3))) }
            #expect(got == ["200", "200", "429"])
        }
    }

    @Test(
        "a renewed certificate, another user and another configuration count from the next connection on; broken ones do not, and are counted"
    )
    func renewal() async throws {
        let files = try await Self.files("\(Self.encrypted)}\n")
        let folder = files.folder
        try await Self.serving(files) { ports in
            func ask(_ host: String, _ options: [String] = []) async throws -> String {
                let port = try #require(ports.main.split(separator: ":").last)
                let name = "https://\(host):\(port)/healthz"
                let (exit, status, _) = try await Self.curl(name, files, ["--resolve", "\(host):\(port):127.0.0.1"] + options)
                return exit == 0 ? String(status.prefix(3)) : "no"
            }
            func taken() -> Bool? {
                let text = String(decoding: ports.registry.render(), as: UTF8.self)
                return text.split(separator: "\n").first { $0.hasPrefix("kube_state_metrics_last_config_reload_successful{") }?.hasSuffix(
                    " 1")
            }
            #expect(try await ask("first.example.org") == "200" && taken() == true)
            // First the certificate, which has no key yet, as a tool that renews may leave it for a moment.
            try await files.issue("next", names: "IP:127.0.0.1,DNS:second.example.org")
            try folder.write(folder.read("next.crt"), to: "server.crt")
            #expect(try await ask("first.example.org") == "200" && taken() == false)
            try folder.write(folder.read("next.key"), to: "server.key")
            #expect(try await ask("second.example.org") == "200" && taken() == true)
            #expect(try await ask("first.example.org") == "no")
            let changes: [(String, String, Bool)] = [
                ("\(Self.encrypted)}\nbasic_auth_users: {alice: \(Self.secret)}", "401", true), ("nonsense: [", "401", false),
                // From TLS to none at all.
                ("basic_auth_users: {}", "401", false), ("\(Self.encrypted), min_version: TLS13}", "200", true),
            ]
            for (text, status, isTaken) in changes {
                try folder.write(Array(text.utf8), to: "web.yml")
                #expect(try await ask("second.example.org") == status && taken() == isTaken, "\(text)")
            }
            #expect(try await ask("second.example.org", ["--tls-max", "1.2"]) == "no")
            try folder.remove("server.key")
            #expect(try await ask("second.example.org") == "200" && taken() == false)
        }
    }

    @Test("at the start, what is wrong is an error with the option, the file, the line and what to do, code 64")
    func start() async throws {
        let files = try await Self.files("")
        try await files.issue("other", names: "DNS:x")
        let cases: [(String, String)] = [
            ("\n\nnonsense: 1\n", "web.yml:3: nonsense"), ("tls_server_config: {cert_file: server.crt, key_file: none.key}", "none.key"),
            ("tls_server_config: {cert_file: web.yml, key_file: server.key}", "no certificate chain in PEM"),
            ("tls_server_config: {cert_file: server.crt, key_file: server.crt}", "no private key in PEM"),
            ("tls_server_config: {cert_file: server.crt, key_file: other.key}", "issued together"),
            ("\(Self.encrypted), client_auth_type: RequireAndVerifyClientCert, client_ca: x}", "client_ca holds no certificates"),
        ]
        for (text, words) in cases {
            try files.folder.write(Array(text.utf8), to: "web.yml")
            let error = #expect(throws: ProcessError.self) {
                try WebConfigurationSource(
                    files.folder.path("web.yml"), registry: MetricsRegistry(),
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            }
            #expect(error?.code == ExitStatus.usage && error?.place?.hasPrefix("--tls-config ") == true)
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        }
    }
}
