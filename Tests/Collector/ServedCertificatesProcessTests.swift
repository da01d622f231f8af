import ArgumentParser
import EncryptedServing
import Logging
import ProcessRuntime
import TestSupport
import Testing

@testable import Collector

@Suite("Certificates and connections of the metrics API", .timeLimit(.minutes(2)))
struct ServedCertificatesProcessTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let names = "DNS:metrics.example.org,DNS:*.wide.example.org"

    /// The subject that a client which asks for `name` is shown.
    private func shown(_ url: String, for name: String?) async throws -> String {
        let address = url.dropFirst("https://".count)
        let client = try RunningProcess(
            "/usr/bin/openssl", ["s_client", "-connect", String(address)] + (name.map { ["-servername", $0] } ?? ["-noservername"]),
            in: folder)
        _ = try await client.exitCode(within: .seconds(20))
        return client.output.split(separator: "\n").first { $0.hasPrefix("subject=") }.map { String($0.dropFirst(8)).filter { $0 != " " } }
            ?? ""
    }

    @Test("each name gets its certificate, a renewed one at once; others and clients without a name get the default")
    func byName() async throws {
        let authority = try await AuthorityFiles("names")
        try await authority.issue("default", names: "DNS:localhost", subject: "/CN=default")
        try await authority.issue("own", names: Self.names, subject: "/CN=own.example.org")
        try await authority.issue("said", names: "DNS:unused.example.org", subject: "/CN=said")
        let files = { (name: String) in (authority.folder.path("\(name).crt"), authority.folder.path("\(name).key")) }
        let command = try CollectorCommand.parse([
            "--tls-cert-file", files("default").0, "--tls-private-key-file", files("default").1,
            "--tls-sni-cert-key", "\(files("own").0),\(files("own").1)",
            "--tls-sni-cert-key=\(files("said").0), \(files("said").1): other.example.org,a.wide.example.org",
        ])
        let encryption = try ServingEncryption(command.serving, logger: CapturedCluster.silent)
        let api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store())
        try await MetricsAPIUnderTest.serving(api, in: folder, adjust: { $0.encryption = { encryption.current } }) { url in
            for (name, subject) in [
                (nil, "CN=default"), ("nowhere.example.org", "CN=default"), ("metrics.example.org", "CN=own.example.org"),
                ("METRICS.example.org", "CN=own.example.org"), ("own.example.org", "CN=own.example.org"),
                ("b.wide.example.org", "CN=own.example.org"), ("a.wide.example.org", "CN=said"), ("other.example.org", "CN=said"),
                ("wide.example.org", "CN=default"), ("b.c.wide.example.org", "CN=default"),
            ] {
                #expect(try await shown(url, for: name) == subject, "\(name ?? "none")")
            }
            try await authority.issue("own", names: Self.names, subject: "/CN=renewed")
            #expect(try await shown(url, for: "metrics.example.org") == "CN=renewed")
            // Half of a renewal, and a pair that does not belong together: the former goes on.
            try authority.folder.write(Array("no certificate".utf8), to: "own.crt")
            #expect(try await shown(url, for: "metrics.example.org") == "CN=renewed")
        }
    }

    @Test("a pair that cannot be read is refused, and names what is wrong", arguments: ["a.crt", "a.crt,a.key:", "a,b,c", ",b", ""])
    func refused(text: String) throws {
        #expect {
            try NamedCertificateFiles(text)
        } throws: { "\($0)".contains("--tls-sni-cert-key is '\(text)'") }
        #expect(throws: (any Error).self) { try CollectorCommand.parse(["--tls-sni-cert-key", text]) }
    }

    @Test("a file that is not there ends the start, and is named")
    func missing() throws {
        let options = try CollectorCommand.parse(["--tls-sni-cert-key", "/missing.crt,/missing.key:a"]).serving
        let error = #expect(throws: ProcessError.self) { try ServingEncryption(options, logger: CapturedCluster.silent) }
        #expect(error?.code == ExitStatus.configuration && error?.place == "/missing.crt")
    }

    @Test("for a connection beyond the limit the one goes that has been silent longest, and is counted")
    func connections() async throws {
        let api = try CapturedCluster.api(catalog: CapturedCluster.catalog(), store: CapturedCluster.store())
        try await MetricsAPIUnderTest.serving(api, in: folder, adjust: { $0.mostConnections = 2 }) { url in
            let port = url.split(separator: ":").last ?? ""
            func hold() throws -> RunningProcess {
                try RunningProcess("/bin/bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(port); echo held; read -r -u 3"], in: folder)
            }
            let held = [try hold(), try hold()]
            for process in held { try await eventually("a connection is held") { process.output.contains("held") } }
            // Whoever asks is answered at once, however many are silent; a third is one too many.
            #expect(try await fetch(url + "/livez", ["--max-time", "20"]) == "ok")
            // What holds a connection ends when the other side has closed it: nothing is read from it then.
            _ = try await held[0].exitCode(within: .seconds(20))
            #expect(
                String(decoding: api.registry.render(), as: UTF8.self).contains(
                    "mizzen_collector_closed_connections_total{limit=\"connections\"}"))
            try await held[1].kill()
        }
    }
}
