import Foundation
import TestSupport
import Testing

/// Exporter, collector and relay: every mistake of an operator has its one exit code, whichever process it is made with, and one line
/// that says what is wrong and where, without debug text of a library.
@Suite("Mistakes on the command lines of exporter, collector and relay", .timeLimit(.minutes(3)))
struct BadCommandLineProcessTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        var arguments: [String]
        var code: Int32
        /// What the line has to name.
        var mentions: [String]
        var testDescription: String { arguments.joined(separator: " ") }

        init(_ arguments: [String], _ code: Int32, _ mentions: String...) {
            self.arguments = arguments
            self.code = code
            self.mentions = mentions
        }
    }

    /// Of libraries, not of messages to people.
    private static let debugText = [
        "errno", "(error set)", "NIO", "Error Domain", "Cocoa", "BoringSSL", "OPENSSL", "Optional(", "Error(", "DeltaStream",
        "SocketAddressError", "code:",
    ]

    enum Program: String, CaseIterable, Sendable {
        case exporter, collector, relay

        var executable: String {
            switch self {
            case .exporter: "mizzen-exporter"
            case .collector: "mizzen-collector"
            case .relay: "mizzen-watcher"
            }
        }

        /// A command line without a mistake.
        func arguments(in folder: TemporaryFolder) -> [String] {
            let endpoint = { "ipc://\(folder.path($0))" }
            return switch self {
            case .exporter:
                [
                    "--deltas", endpoint("d"), "--snapshots", endpoint("s"), "--samples", endpoint("m"), "--host", "127.0.0.1", "--port",
                    "0", "--telemetry-host", "127.0.0.1", "--telemetry-port", "0",
                ]
            case .collector:
                [
                    "--deltas", endpoint("d"), "--snapshots", endpoint("s"), "--samples", endpoint("m"), "--bind-address", "127.0.0.1",
                    "--secure-port", "0", "--insecure-skip-authorization", "--samples-table", folder.path("kept"),
                ]
            case .relay:
                [
                    "--upstream", endpoint("ud"), "--upstream-snapshots", endpoint("us"), "--deltas", endpoint("d"), "--snapshots",
                    endpoint("s"), "--table", folder.path("table"), "--http", "127.0.0.1:0",
                ]
            }
        }
    }

    /// Of two options with one name the later counts; `FOLDER` in a mistake is the test's folder.
    private func expect(_ mistake: Mistake, of program: Program, in folder: TemporaryFolder) async throws {
        var arguments = program.arguments(in: folder)
        for word in mistake.arguments.map({ $0.replacing("FOLDER", with: folder.path("")) }) {
            if word.hasPrefix("--"), let position = arguments.firstIndex(of: word) { arguments.removeSubrange(position...position + 1) }
            arguments.append(word)
        }
        let process = try RunningProcess(program.executable, arguments, in: folder)
        let code = try await process.exitCode(within: .seconds(30))
        let what = "\(program) \(mistake.arguments): \(process.output)"
        #expect(code == mistake.code, "\(what)")
        let lines = process.output.split(separator: "\n").filter { $0.hasPrefix("\(program.executable): ") }
        #expect(lines.count == 1, "\(what)")
        for text in mistake.mentions { #expect(lines.first?.contains(text) == true, "\(text) in \(what)") }
        for text in Self.debugText { #expect(!process.output.contains(text), "\(text) in \(what)") }
    }

    @Test("an option's value that cannot be read, for all three", arguments: Program.allCases)
    func common(program: Program) async throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("not a directory".utf8), to: "file")
        try folder.write(Array("public nonsense\nsecret nonsense\n".utf8), to: "client.key")
        let mistakes = [
            Mistake(["--no-such-option"], 64, "--no-such-option"),
            Mistake(["--log-level", "loud"], 64, "loud", "--log-level"),
            Mistake(["--deltas", "nonsense"], 64, "--deltas", "nonsense", "ipc://PATH or tcp://HOST:PORT"),
            Mistake(["--deltas", "tcp://127.0.0.1:99999"], 64, "--deltas", "99999"),
            Mistake(["--snapshots", "ipc://"], 64, "--snapshots", "ipc:///run"),
            Mistake(["--snapshots", "ipc:///\(String(repeating: "x", count: 120))"], 64, "--snapshots", "107"),
            Mistake(["--deltas", "tcp://10.1.2.3:5000"], 64, "--deltas", "--stream-keys", "--allow-plain-tcp"),
            Mistake(["--stream-keys", "/no/such/directory"], 78, "/no/such/directory", "mizzen-watcher keys"),
            Mistake(["--stream-keys", "FOLDER"], 78, "client.key", "key of 40 characters"),
        ]
        for mistake in mistakes { try await expect(mistake, of: program, in: folder) }
        // The same mistake in the environment.
        var arguments = program.arguments(in: folder)
        if let position = arguments.firstIndex(of: "--deltas") { arguments.removeSubrange(position...position + 1) }
        let process = try RunningProcess(program.executable, arguments, in: folder, environment: ["MIZZEN_DELTAS": "rubbish"])
        #expect(try await process.exitCode(within: .seconds(30)) == 64, "\(process.output)")
        #expect(process.output.contains("--deltas: rubbish"), "\(process.output)")
    }

    @Test("keys without what a subscriber needs end every subscriber at its start", arguments: Program.allCases)
    func incompleteKeys(program: Program) async throws {
        let folder = try TemporaryFolder()
        let keys = try RunningProcess("mizzen-watcher", ["keys", folder.path("keys")], in: folder)
        #expect(try await keys.exitCode(within: .seconds(20)) == 0)
        try FileManager.default.removeItem(atPath: folder.path("keys/server.pub"))
        let option = program == .relay ? "--upstream" : "--deltas"
        try await expect(
            Mistake([option, "tcp://127.0.0.1:9", "--stream-keys", "FOLDER/keys"], 78, "server.pub", "to subscribe"), of: program,
            in: folder)
    }

    @Test("an HTTP address that cannot be listened at", arguments: Program.allCases)
    func http(program: Program) async throws {
        let folder = try TemporaryFolder()
        let taken = freePort()
        let other = try RunningProcess(
            "mizzen-exporter",
            Program.exporter.arguments(in: try TemporaryFolder()).map { $0 == "0" ? "\(taken)" : $0 }.withFirst("--telemetry-port", "0"),
            in: folder)
        try await eventually("the port is taken") { other.output.contains("serving metrics") }
        let (host, port): ((String) -> [String], [String]) =
            switch program {
            case .exporter: ({ ["--host", $0] }, ["--port", "\(taken)"])
            case .collector: ({ ["--bind-address", $0] }, ["--secure-port", "\(taken)"])
            case .relay: ({ ["--http", "\($0):0"] }, ["--http", "127.0.0.1:\(taken)"])
            }
        try await expect(Mistake(port, 69, "127.0.0.1:\(taken)", "in use"), of: program, in: folder)
        try await expect(Mistake(host("192.0.2.1"), 69, "192.0.2.1", "no such address"), of: program, in: folder)
        try await expect(Mistake(host("no.such.host.invalid"), 69, "no.such.host.invalid", "cannot be resolved"), of: program, in: folder)
        #expect(try await other.stop() == 0)
    }

    @Test("endpoints of publishers that are taken, or that cannot be made", arguments: [Program.collector, .relay])
    func publishing(program: Program) async throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("not a directory".utf8), to: "file")
        let (option, place) = program == .collector ? ("--samples", "m") : ("--deltas", "d")
        let other = try RunningProcess(program.executable, program.arguments(in: folder), in: folder)
        try await eventually("the endpoint is taken") { FileManager.default.fileExists(atPath: folder.path(place)) }
        // Its own table, so that the endpoint is what two relays have in common.
        let table = program == .relay ? ["--table", "FOLDER/other"] : []
        try await expect(Mistake(table, 69, folder.path(place), "publishes here already"), of: program, in: folder)
        #expect(try await other.stop() == 0)
        try await expect(
            Mistake([option, "ipc://FOLDER/file/socket"], 73, "file/socket", "not a directory"), of: program, in: folder)
        try await expect(
            Mistake([option, "tcp://192.0.2.1:5000", "--allow-plain-tcp"], 69, "192.0.2.1:5000", "no such address"), of: program, in: folder
        )
        let busy = freePort()
        let listener = try RunningProcess(
            "/usr/bin/env",
            ["python3", "-c", "import socket;s=socket.create_server(('127.0.0.1',\(busy)));print('on',flush=True);s.accept()"], in: folder)
        try await eventually("the port is taken") { listener.output.contains("on") }
        try await expect(Mistake([option, "tcp://127.0.0.1:\(busy)"], 69, "127.0.0.1:\(busy)", "in use"), of: program, in: folder)
    }

    @Test("what the user of the process may not do is said so", .enabled(if: geteuid() == 0), arguments: [Program.collector, .relay])
    func notPermitted(program: Program) async throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.path("private"), withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path(""))
        let option = program == .collector ? "--samples" : "--table"
        let place = program == .collector ? "ipc://\(folder.path("private/m"))" : folder.path("private/table")
        var arguments = program.arguments(in: folder)
        if let position = arguments.firstIndex(of: option) { arguments[position + 1] = place }
        let process = try RunningProcess(
            "/usr/bin/setpriv",
            ["--reuid=65534", "--regid=65534", "--clear-groups", RunningProcess.folder.appending(path: program.executable).path]
                + arguments, in: folder)
        #expect(try await process.exitCode(within: .seconds(30)) == 73, "\(process.output)")
        #expect(process.output.contains("private/") && process.output.lowercased().contains("permission denied"), "\(process.output)")
        for text in Self.debugText { #expect(!process.output.contains(text), "\(text) in \(process.output)") }
    }

    @Test(
        "options of the exporter",
        arguments: [
            Mistake(["--port", "http"], 64, "--port", "0 to 65535"), Mistake(["--port", "70000"], 64, "--port"),
            Mistake(["--telemetry-port", "-1"], 64, "--telemetry-port"), Mistake(["--samples", "nonsense"], 64, "--samples", "nonsense"),
            Mistake(["--samples", "ipc:///a,tcp://10.1.2.3:1"], 64, "--samples", "tcp://10.1.2.3:1"),
            Mistake(["--shard", "-1"], 64, "--shard"), Mistake(["--shard", "3", "--total-shards", "2"], 64, "--shard", "0 to 1"),
            Mistake(["--total-shards", "300"], 64, "--total-shards", "256"),
            Mistake(["--resources", "widgets"], 64, "--resources", "widgets"),
            Mistake(["--metric-allowlist", "("], 64, "--metric-allowlist", "("),
            Mistake(["--metric-allowlist", "a", "--metric-denylist", "b"], 64, "--metric-denylist"),
            Mistake(["--metric-labels-allowlist", "pods=["], 64, "--metric-labels-allowlist"),
            Mistake(["--metric-annotations-allowlist", "pods=[a,]"], 64, "--metric-annotations-allowlist", "pods=[a,]"),
            Mistake(["--metric-labels-on", "kube_pod_info=[*]"], 64, "--metric-labels-on", "'*'"),
            Mistake(["--metric-labels-on", "kube_pod_(=[a]"], 64, "--metric-labels-on", "regular expression"),
            Mistake(["--series-limit", "kube_pod_inf=1"], 64, "--series-limit", "kube_pod_inf", "mizzen-exporter families"),
            Mistake(["--series-limit", "kube_pod_info=none"], 64, "--series-limit", "none"),
            Mistake(["--auth-filter", "--kubeconfig", "/nope/kubeconfig"], 78, "/nope/kubeconfig"),
            Mistake(["--server-idle-timeout", "5"], 64, "--server-idle-timeout", "60s"),
            Mistake(["--node", "n", "--resources", "services"], 64, "--node"), Mistake(["--tls-config", "x"], 64, "--tls-config"),
        ])
    func exporter(mistake: Mistake) async throws {
        try await expect(mistake, of: .exporter, in: try TemporaryFolder())
    }

    @Test(
        "options of the collector",
        arguments: [
            Mistake(["--samples", "nonsense"], 64, "--samples"), Mistake(["--peer-samples", "nonsense"], 64, "--peer-samples", "nonsense"),
            Mistake(["--metric-resolution", "15"], 64, "--metric-resolution"), Mistake(["--metric-resolution", "1ms"], 64, "100ms"),
            Mistake(["--metric-resolution", "2000000h"], 64, "--metric-resolution", "24h"),
            Mistake(["--kubelet-request-timeout", "0"], 64, "--kubelet-request-timeout"),
            Mistake(["--kubelet-port", "0"], 64, "--kubelet-port", "1 to 65535"), Mistake(["--secure-port", "70000"], 64, "--secure-port"),
            Mistake(["--kubelet-preferred-address-types", "Home"], 64, "Home"),
            Mistake(["--node-selector", "a in"], 64, "--node-selector"),
            Mistake(["--http", "8080"], 64, "--http", "8080"), Mistake(["--tls-cert-file", "x"], 64, "--tls-private-key-file"),
            Mistake(["--kubelet-client-key", "x"], 64, "--kubelet-client-certificate"),
            Mistake(["--authentication-token-webhook-cache-ttl", "soon"], 64, "soon"),
            Mistake(["--kubeconfig", "x", "--in-cluster"], 64, "--in-cluster"),
            Mistake(["--kubeconfig", "/no/such/file"], 78, "/no/such/file", "does not exist"),
            Mistake(["--kubeconfig", "FOLDER/directory"], 78, "directory"),
            Mistake(["--kubeconfig", "FOLDER/text"], 78, "text", "mapping"),
            Mistake(["--kubeconfig", "FOLDER/broken"], 78, "broken", "neither YAML nor JSON"),
            Mistake(["--kubeconfig", "FOLDER/badauthority"], 78, "certificate-authority-data", "no certificate"),
            Mistake(["--tls-cert-file", "/no/such", "--tls-private-key-file", "FOLDER/text"], 78, "/no/such", "no such file"),
            Mistake(["--tls-cert-file", "FOLDER/text", "--tls-private-key-file", "FOLDER/text"], 78, "text", "PEM"),
            Mistake(["--tls-cert-file", "FOLDER/directory", "--tls-private-key-file", "FOLDER/text"], 78, "is a directory"),
            Mistake(["--kubelet-certificate-authority", "/no/such"], 78, "--kubelet-certificate-authority", "/no/such"),
            Mistake(["--kubelet-certificate-authority", "FOLDER/text"], 78, "--kubelet-certificate-authority", "text"),
            Mistake(["--kubelet-client-certificate", "FOLDER/text", "--kubelet-client-key", "FOLDER/text"], 78, "--kubelet-client"),
            Mistake(["--cert-dir", "FOLDER/text/certificates"], 73, "certificates", "not a directory", "--cert-dir"),
        ])
    func collector(mistake: Mistake) async throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("directory"), withIntermediateDirectories: false)
        try folder.write(Array("neither one nor the other".utf8), to: "text")
        try folder.write(Array("a: [b".utf8), to: "broken")
        try folder.write(
            Array(
                #"""
                {"current-context":"c","clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:9","certificate-authority-data":"bm90IFBFTQ=="}}],
                "users":[{"name":"c","user":{"token":"t"}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"c"}}]}
                """#.utf8), to: "badauthority")
        try await expect(mistake, of: .collector, in: folder)
    }

    @Test("a serving key that belongs to another certificate")
    func foreignKey() async throws {
        let folder = try TemporaryFolder()
        for name in ["one", "two"] {
            let openssl = try RunningProcess(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)",
                    "-keyout",
                    folder.path("\(name).key"), "-out", folder.path("\(name).crt"),
                ], in: folder)
            #expect(try await openssl.exitCode(within: .seconds(30)) == 0)
        }
        try await expect(
            Mistake(
                ["--tls-cert-file", "FOLDER/one.crt", "--tls-private-key-file", "FOLDER/two.key"], 78, "one.crt", "two.key",
                "does not belong"), of: .collector, in: folder)
    }

    @Test(
        "options of a relay",
        arguments: [
            Mistake(["--upstream", "nonsense"], 64, "--upstream", "nonsense"),
            Mistake(["--upstream-snapshots", "tcp://10.1.2.3:1"], 64, "--upstream-snapshots", "--stream-keys"),
            Mistake(["--table", "FOLDER/no/such/table"], 73, "no/such/table", "No such file or directory"),
            Mistake(["--http", "9180"], 64, "--http"), Mistake(["--resources", "widgets"], 64, "--resources", "widgets"),
            Mistake(["--subscriber-queue", "0"], 64, "--subscriber-queue"), Mistake(["--kubeconfig", "x"], 64, "--kubeconfig"),
            Mistake(["--replay-bytes", "-1"], 64, "--replay-bytes"),
        ])
    func relay(mistake: Mistake) async throws {
        try await expect(mistake, of: .relay, in: try TemporaryFolder())
    }
}

extension [String] {
    /// The same words with another value for an option.
    fileprivate func withFirst(_ option: String, _ value: String) -> [String] {
        guard let position = firstIndex(of: option), position + 1 < count else { return self }
        var words = self
        words[position + 1] = value
        return words
    }
}
