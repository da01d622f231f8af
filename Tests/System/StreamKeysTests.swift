import Foundation
import TestSupport
import Testing

@Suite("The stream across hosts, with keys", .serialized)
struct StreamKeysProcessTests {
    private func run(_ arguments: [String], in folder: TemporaryFolder) async throws -> (code: Int32, output: String) {
        let process = try RunningProcess("mizzen-watcher", arguments, in: folder)
        let code = try await process.exitCode(within: .seconds(60))
        return (code, process.output)
    }

    @Test("keys are made, a watcher publishes with them, and only who has them can read")
    func whole() async throws {
        let system = try await RunningSystem()
        let keys = system.folder.path("keys")
        let made = try await run(["keys", keys], in: system.folder)
        #expect(made.code == 0, "\(made.output)")
        #expect(made.output.contains("--stream-keys \(keys)"))
        let client = try await run(["keys", keys, "--client", "host-2"], in: system.folder)
        #expect(client.code == 0, "\(client.output)")
        let again = try await run(["keys", keys], in: system.folder)
        #expect(again.code == 73)
        #expect(again.output.contains("has keys already"), "\(again.output)")

        let endpoints = [
            "--deltas", "tcp://127.0.0.1:\(freePort())", "--snapshots", "tcp://127.0.0.1:\(freePort())",
        ]
        let watcher = try RunningProcess(
            "mizzen-watcher",
            [
                "--kubeconfig", system.kubeconfig, "--table", system.table, "--http", "127.0.0.1:\(system.watcherPort)",
                "--stream-keys", keys,
            ] + endpoints, in: system.folder)
        try await eventually("the watcher is ready") { try await system.isWatcherReady() }
        let tail = ["tail", "--once", "--topic", "services/", "--timeout", "30"] + endpoints
        let welcome = try await run(tail + ["--stream-keys", keys + "/host-2"], in: system.folder)
        #expect(welcome.code == 0, "\(welcome.output)")
        #expect(welcome.output.contains(#""resource":"services""#), "\(welcome.output.prefix(500))")
        let stranger = try await run(tail, in: system.folder)
        #expect(stranger.code == 69)
        #expect(stranger.output.contains("--stream-keys"), "\(stranger.output)")
        #expect(!stranger.output.contains(#""resource":"services""#))
        #expect(try await watcher.stop() == 0)
    }

    @Test("tcp beyond loopback without keys is refused, with the way out")
    func refused() async throws {
        let folder = try TemporaryFolder()
        let (code, output) = try await run(
            ["tail", "--once", "--deltas", "tcp://192.0.2.1:1", "--snapshots", "tcp://192.0.2.1:2"], in: folder)
        #expect(code == 64)
        #expect(output.contains("--stream-keys") && output.contains("--allow-plain-tcp"), "\(output)")
    }
}
