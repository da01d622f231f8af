import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ProcessRuntime
import TestSupport
import Testing

@testable import Exporter

/// A real Prometheus scrapes us, and says what it has understood.
@Suite("Prometheus", .serialized)
struct PrometheusProcessTests {
    /// A series without `job` and `instance`, which the scrape adds, and its value.
    private struct Sample: Hashable, CustomStringConvertible {
        var labels: [String: String]
        var value: Double

        var description: String { "\(labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")) \(value)" }
    }

    private struct Answer: Decodable {
        struct Content: Decodable {
            struct Series: Decodable {
                struct Point: Decodable {
                    var value: Double

                    init(from decoder: any Decoder) throws {
                        var parts = try decoder.unkeyedContainer()
                        _ = try parts.decode(Double.self)
                        value = Double(try parts.decode(String.self)) ?? .nan
                    }
                }

                var metric: [String: String]
                var value: Point
            }

            var result: [Series]
        }

        var data: Content
    }

    // Debian's Prometheus asks for OpenMetrics; with native histograms for protobuf.
    @Test(
        "every series of the captured cluster arrives as it was sent, and so do the exporter's own metrics",
        arguments: [[], ["--enable-feature=native-histograms"]], [false, true])
    func scraped(options: [String], compresses: Bool) async throws {
        let program = try Self.program()
        let exporter = try ExporterUnderTest(captured: [
            try CapturedCluster.text("all.flags").trimmed, "--metric-opt-in-list=.*", "--metric-labels-allowlist=*=[*]",
        ])
        let expected = Set(exporter.lines().filter { $0.hasPrefix("kube_") }.map(Self.sample))
        let running = exporter.lines().count { $0.hasPrefix("kube_pod_status_phase{") && $0.hasSuffix(#"phase="Running"} 1"#) }
        try await exporter.serving(compresses: compresses) { addresses in
            try await Self.withPrometheus(program, options, scraping: ["\(addresses.main)", "\(addresses.telemetry)"]) { query in
                try await eventually("both ports are scraped", within: .seconds(60)) { try await query("sum(up)").map(\.value) == [2] }
                let got = Set(try await query(#"{__name__=~"kube_.*",__name__!~"kube_state_metrics_.*"}"#))
                #expect(got.count == expected.count)
                for sample in expected.symmetricDifference(got).sorted(by: { $0.description < $1.description }).prefix(6) {
                    Issue.record("\(expected.contains(sample) ? "missing" : "too much"): \(sample)")
                }
                #expect(try await query("kube_state_metrics_build_info").count == 1)
                // What a dashboard asks.
                #expect(try await query(#"sum(kube_pod_status_phase{phase="Running"})"#).map(\.value) == [Double(running)])
            }
        }
    }

    @Test("it scrapes encrypted ports with a password, over HTTP/2, and without the password it gets nothing")
    func encrypted() async throws {
        let files = try await AuthorityFiles()
        try await files.issue("server", names: "IP:127.0.0.1")
        let web = """
            tls_server_config: {cert_file: server.crt, key_file: server.key, min_version: TLS13}
            basic_auth_users: {prometheus: $2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW}

            """
        try files.folder.write(Array(web.utf8), to: "web.yml")
        let exporter = try ExporterUnderTest(captured: [])
        let source = try WebConfigurationSource(
            files.folder.path("web.yml"), registry: exporter.telemetry.registry,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let expected = Set(exporter.lines().filter { $0.hasPrefix("kube_") }.map(Self.sample))
        let passwords = PasswordBook()
        try await exporter.serving(
            front: { WebFront(source, passwords: passwords).front(HTTPTimeouts(readHeader: .seconds(5), idle: .seconds(300))) }
        ) { addresses in
            let targets = ["\(addresses.main)", "\(addresses.telemetry)"]
            func settings(password: String) -> String {
                "scheme: https, tls_config: {ca_file: '\(files.certificate)'}, basic_auth: {username: prometheus, password: \(password)}, "
            }
            try await Self.withPrometheus(Self.program(), [], scraping: targets, settings(password: "secret")) { query in
                try await eventually("both ports are scraped", within: .seconds(60)) { try await query("sum(up)").map(\.value) == [2] }
                let got = Set(try await query(#"{__name__=~"kube_.*",__name__!~"kube_state_metrics_.*"}"#))
                #expect(got == expected)
            }
            try await Self.withPrometheus(Self.program(), [], scraping: targets, settings(password: "wrong")) { query in
                try await eventually("both ports refuse", within: .seconds(60)) { try await query("sum(up)").map(\.value) == [0] }
                #expect(try await query(#"{__name__=~"kube_.*"}"#).isEmpty)
            }
        }
    }

    private static func program() throws -> String {
        let program = "/usr/bin/prometheus"
        try #require(
            FileManager.default.isExecutableFile(atPath: program),
            "\(program) is missing; `make test` installs it (Debian's package prometheus)")
        return program
    }

    /// - Parameter settings: further ones of the scrape, in YAML's flow form, each with a comma behind it.
    private static func withPrometheus(
        _ program: String, _ options: [String], scraping targets: [String], _ settings: String = "",
        _ body: (@Sendable (String) async throws -> [Sample]) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let port = freePort()
        let list = targets.map { "'\($0)'" }.joined(separator: ", ")
        // A scrape that takes too long ends all series; one of a debug build in protobuf, beside other tests, may take more than a second.
        let configuration = """
            global: {scrape_interval: 5s, scrape_timeout: 5s}
            scrape_configs:
            - {job_name: mizzen, honor_labels: true, \(settings)static_configs: [{targets: [\(list)]}]}

            """
        try folder.write(Array(configuration.utf8), to: "prometheus.yml")
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments =
            [
                "--config.file=\(folder.path("prometheus.yml"))", "--storage.tsdb.path=\(folder.path("data"))",
                "--web.listen-address=127.0.0.1:\(port)",
            ] + options
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        try await body { expression in
            var address = URLComponents(string: "http://127.0.0.1:\(port)/api/v1/query")!
            address.queryItems = [URLQueryItem(name: "query", value: expression)]
            var request = HTTPClientRequest(url: address.string!)
            // The client takes answers that shrink so well for bombs.
            request.headers.add(name: "Accept-Encoding", value: "identity")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
            let text = Data(try await response.body.collect(upTo: 1 << 26).readableBytesView)
            return try JSONDecoder().decode(Answer.self, from: text).data.result.map { series in
                Sample(labels: series.metric.filter { !["job", "instance"].contains($0.key) }, value: series.value.value)
            }
        }
    }

    /// A line of text; escapes resolved.
    private static func sample(_ line: String) -> Sample {
        var labels: [String: String] = [:]
        var rest = line[...]
        labels["__name__"] = String(rest.prefix { $0 != "{" })
        rest = rest.drop { $0 != "{" }.dropFirst()
        while rest.first != "}" {
            if rest.first == "," { rest.removeFirst() }
            let name = String(rest.prefix { $0 != "=" })
            rest = rest.dropFirst(name.count + 2)
            var value = ""
            while let character = rest.popFirst(), character != "\"" {
                if character == "\\", let escaped = rest.popFirst() {
                    value.append(escaped == "n" ? "\n" : escaped)
                } else {
                    value.append(character)
                }
            }
            // Prometheus does not tell an empty label from none.
            if !value.isEmpty { labels[name] = value }
        }
        return Sample(labels: labels, value: Double(rest.dropFirst(2)) ?? .nan)
    }
}
