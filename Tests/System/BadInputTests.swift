import Foundation
import TestSupport
import Testing

/// Each fault ends a process with one line that says what, where and what to do, and a code that is not 0.
@Suite("Bad input from the operator")
struct BadInputProcessTests {
    private func run(
        _ name: String, _ arguments: [String], in folder: TemporaryFolder
    ) async throws -> (code: Int32, output: String) {
        let process = try RunningProcess(name, arguments, in: folder)
        let code = try await process.exitCode(within: .seconds(20))
        return (code, process.output)
    }

    private func watcher(_ folder: TemporaryFolder, kubeconfig: String, table: String = "table") -> [String] {
        [
            "--kubeconfig", kubeconfig, "--table", table.hasPrefix("/") ? table : folder.path(table), "--deltas",
            "ipc://\(folder.path("d"))", "--snapshots", "ipc://\(folder.path("s"))", "--http", "127.0.0.1:0",
        ]
    }

    private static let validKubeconfig = #"""
        {"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:9"}}],
        "users":[{"name":"c","user":{"token":"t"}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"c"}}]}
        """#

    private func folderWithKubeconfig(_ text: String = validKubeconfig) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.write(Array(text.utf8), to: "kubeconfig")
        return folder
    }

    @Test(
        "a kubeconfig that cannot be used",
        arguments: [
            ("not: [valid", "kubeconfig"), ("just text", "kubeconfig"),
            (validKubeconfig.replacing(#""current-context":"c""#, with: #""current-context":"gone""#), "gone"),
            (
                validKubeconfig.replacing(
                    #""server":"http://127.0.0.1:9""#,
                    with: #""server":"https://127.0.0.1:9","certificate-authority":"/nowhere/ca.crt""#), "/nowhere/ca.crt"
            ),
        ])
    func brokenKubeconfig(text: String, mentions: String) async throws {
        let folder = try folderWithKubeconfig(text)
        let (code, output) = try await run(
            "mizzen-watcher", watcher(folder, kubeconfig: folder.path("kubeconfig")), in: folder)
        #expect(code == 78, "\(output)")
        #expect(output.contains(mentions), "\(output)")
        #expect(output.split(separator: "\n").count == 1, "\(output)")
    }

    @Test("a table in a place that is not there, or that is no table")
    func unusableTable() async throws {
        let folder = try folderWithKubeconfig()
        let kubeconfig = folder.path("kubeconfig")
        let missing = try await run(
            "mizzen-watcher", watcher(folder, kubeconfig: kubeconfig, table: "no/such/table"), in: folder)
        #expect(missing.code == 73)
        #expect(missing.output.contains("No such file or directory"))
        try folder.write([UInt8](repeating: 65, count: 50_000), to: "foreign")
        let foreign = try await run(
            "mizzen-watcher", watcher(folder, kubeconfig: kubeconfig, table: "foreign"), in: folder)
        #expect(foreign.code == 73)
        #expect(foreign.output.contains("not a record table"))
        #expect(try folder.read("foreign") == [UInt8](repeating: 65, count: 50_000))
    }

    @Test("a resource that Mizzen does not know")
    func unknownResource() async throws {
        let folder = try folderWithKubeconfig()
        let (code, output) = try await run(
            "mizzen-watcher", watcher(folder, kubeconfig: folder.path("kubeconfig")) + ["--resources", "pods,widgets"],
            in: folder)
        #expect(code == 64)
        #expect(output.contains("widgets"))
    }

    @Test("a second watcher on one table")
    func secondWatcher() async throws {
        let folder = try folderWithKubeconfig()
        let options = watcher(folder, kubeconfig: folder.path("kubeconfig"))
        let first = try RunningProcess("mizzen-watcher", options, in: folder)
        try await eventually("the first has the table") { first.output.contains("watching") }
        let (code, output) = try await run("mizzen-watcher", options, in: folder)
        #expect(code == 73)
        #expect(output.contains("process \(first.identifier)"))
        #expect(try await first.stop() == 0)
    }

    @Test("a broken Corefile, for the frontend and for check")
    func brokenCorefile() async throws {
        let folder = try TemporaryFolder()
        try folder.write(Array(".:1053 {\n    kubernetes cluster.local {\n        ttl banana\n    }\n}\n".utf8), to: "Corefile")
        for arguments in [
            ["--corefile", folder.path("Corefile"), "--table", folder.path("table")], ["check", folder.path("Corefile")],
        ] {
            let (code, output) = try await run("mizzen-frontend", arguments, in: folder)
            #expect(code != 0)
            #expect(output.contains("Corefile:3"), "\(output)")
            #expect(output.contains("ttl"), "\(output)")
        }
    }

    @Test("a port that another program uses")
    func portInUse() async throws {
        let folder = try TemporaryFolder()
        let port = freePort()
        let other = Process()
        other.executableURL = URL(filePath: "/usr/bin/env")
        other.arguments = [
            "python3", "-c",
            "import socket,sys;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('127.0.0.1',\(port)));print('x',flush=True);sys.stdin.read()",
        ]
        let input = Pipe()
        let ready = Pipe()
        other.standardInput = input
        other.standardOutput = ready
        try other.run()
        defer { try? input.fileHandleForWriting.close() }
        _ = try ready.fileHandleForReading.read(upToCount: 1)
        try folder.write(Array(RunningSystem.corefile(port: port).utf8), to: "Corefile")
        let (code, output) = try await run(
            "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--table", folder.path("table")], in: folder)
        #expect(code != 0)
        #expect(output.contains("\(port)"), "\(output)")
    }

    @Test("an option's value from the environment is used, and complained about by its name")
    func environment() async throws {
        let folder = try folderWithKubeconfig()
        let process = try RunningProcess(
            "mizzen-watcher", ["--kubeconfig", folder.path("kubeconfig"), "--http", "127.0.0.1:0"], in: folder,
            environment: [
                "MIZZEN_TABLE": folder.path("none/such/table"), "MIZZEN_DELTAS": "ipc://\(folder.path("d"))",
                "MIZZEN_SNAPSHOTS": "ipc://\(folder.path("s"))",
            ])
        #expect(try await process.exitCode(within: .seconds(20)) == 73)
        #expect(process.output.contains(folder.path("none/such/table")))
    }
}
