import Foundation
import MizzenSystem
import TestSupport
import Testing

@Suite("Record table between processes", .serialized)
struct TableProcessTests {
    private func probe(_ words: [String], in folder: TemporaryFolder) throws -> RunningProcess {
        try RunningProcess("table-probe", words, in: folder)
    }

    @Test("readers at full speed meet no torn, mixed or missing record while a writer churns")
    func churn() async throws {
        let folder = try TemporaryFolder()
        let table = folder.path("table")
        let writer = try probe(["write", table, "7"], in: folder)
        try await eventually("the writer has filled the table") { writer.output.contains("writing") }
        let readers = try (0..<2).map { _ in try probe(["read", table, "40000"], in: folder) }
        for reader in readers {
            #expect(try await reader.exitCode(within: .seconds(120)) == 0, "\(reader.output)")
            #expect(reader.output.contains("read 40000"))
        }
        #expect(writer.isRunning, "\(writer.output)")
        try await writer.kill()
        let check = try probe(["check", table], in: folder)
        #expect(try await check.exitCode(within: .seconds(30)) == 0, "\(check.output)")
    }

    @Test("a writer killed at any moment leaves a table that answers, and that the next one takes over whole")
    func killedWriters() async throws {
        let folder = try TemporaryFolder()
        let table = folder.path("table")
        var random = SeededRandom(seed: 11)
        let first = try probe(["write", table, "1"], in: folder)
        try await eventually("the table is filled") { first.output.contains("writing") }
        let reader = try probe(["read", table, "200000"], in: folder)
        try await first.kill()
        for round in 0..<(isSoak ? 200 : 15) {
            // `write` checks all invariants after opening, before it goes on.
            let writer = try probe(["write", table, "\(round + 2)"], in: folder)
            try await eventually("writer \(round) has taken over") { writer.output.contains("writing") || !writer.isRunning }
            #expect(writer.isRunning, "\(writer.output)")
            // A random moment of its work: chance, not synchronisation.
            try await Task.sleep(for: .microseconds(Int64(random.next() % 20_000)))
            try await writer.kill()
        }
        #expect(try await reader.exitCode(within: .seconds(120)) == 0, "\(reader.output)")
        let check = try probe(["check", table], in: folder)
        #expect(try await check.exitCode(within: .seconds(30)) == 0, "\(check.output)")
    }

    @Test("a stopped reader neither holds the writer up nor reads garbage when it goes on")
    func stoppedReader() async throws {
        let folder = try TemporaryFolder()
        let table = folder.path("table")
        let writer = try probe(["write", table, "3"], in: folder)
        try await eventually("the table is filled") { writer.output.contains("writing") }
        let reader = try probe(["read", table, "100000"], in: folder)
        try await eventually("it reads") { reader.output.contains("reading") }
        func turns() -> Int { writer.output.split(separator: "\n").count { $0.hasPrefix("generation") } }
        for round in 0..<8 {
            try await reader.suspend()
            #expect(reader.isRunning, "it has read everything before it was stopped")
            let (before, used) = (turns(), writer.processorTicks)
            // Once, the table grows and shrinks below it.
            try await eventually("the writer goes on", within: .seconds(120)) {
                round == 4 ? turns() > before : writer.processorTicks > used
            }
            try await reader.resume()
        }
        #expect(try await reader.exitCode(within: .seconds(120)) == 0, "\(reader.output)")
        #expect(writer.isRunning, "\(writer.output)")
    }

    private static let python = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "python").path

    /// Runs a script of the folder `python` to its end.
    private func script(_ words: [String], in folder: TemporaryFolder) async throws -> (code: Int32, output: String) {
        let log = folder.path("script.log")
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "\(Self.python)/\(words[0])"] + words.dropFirst()
        process.standardOutput = try FileHandle(forWritingTo: URL(filePath: log))
        process.standardError = process.standardOutput
        try process.run()
        do {
            // Half a minute, but a quarter of an hour under the thread sanitizer.
            try await eventually("\(words[0]) ends", within: .seconds(1_200)) { !process.isRunning }
        } catch {
            process.terminate()
            throw DidNotHappen(description: "\(error); it said: \(String(decoding: try folder.read("script.log"), as: UTF8.self))")
        }
        return (process.terminationStatus, String(decoding: try folder.read("script.log"), as: UTF8.self))
    }

    @Test("kills, power losses, full and read-only disks, in small (scripts/attack has them in full)")
    func attack() async throws {
        let folder = try TemporaryFolder()
        let probe = RunningProcess.folder.appending(path: "table-probe").path
        let run = try await script(["attack.py", probe, "kills", "power", "files", "--kills", "6", "--seed", "1"], in: folder)
        #expect(run.code == 0, "\(run.output)")
        #expect(run.output.contains("every record equalled the list"))
    }

    @Test("a reader in Python, written from docs/record-table.md, finds what ours finds, and right records while a writer churns")
    func pythonReader() async throws {
        let folder = try TemporaryFolder()
        let table = folder.path("table")
        let made = try probe(["churn", table, "5", "once"], in: folder)
        #expect(try await made.exitCode(within: .seconds(60)) == 0, "\(made.output)")
        let ours = try probe(["dump", table], in: folder)
        #expect(try await ours.exitCode(within: .seconds(60)) == 0)
        let theirs = try await script(["reader.py", table], in: folder)
        #expect(theirs.code == 0)
        #expect(theirs.output == ours.output)
        #expect(ours.output.split(separator: "\n").count > 900)
        let live = folder.path("live")
        let writer = try probe(["write", live, "9"], in: folder)
        try await eventually("the table is filled") { writer.output.contains("writing") }
        let checked = try await script(["reader.py", live, "--look-ups", "5000"], in: folder)
        #expect(checked.output.hasPrefix("checked 20000 records"), "\(checked.output)")
        #expect(writer.isRunning, "\(writer.output)")
    }

    @Test("a data file cut short under a reader ends that process; the next is refused in words, and the next writer mends it")
    func cutShortWhileMapped() async throws {
        let folder = try TemporaryFolder()
        let table = folder.path("table")
        let made = try probe(["churn", table, "5", "once"], in: folder)
        #expect(try await made.exitCode(within: .seconds(60)) == 0, "\(made.output)")
        let data = try #require(FileManager.default.contentsOfDirectory(atPath: folder.path).first { $0.hasPrefix("table.") })
        let reader = try probe(["read", table, "100000000"], in: folder)
        try await eventually("it reads") { reader.output.contains("reading") }
        try FileHandle(forWritingTo: URL(filePath: folder.path(data))).truncate(atOffset: 8_192)
        // SIGBUS: a mapping beyond the file's end cannot be read, and no look-up asks the kernel first.
        #expect(try await reader.exitCode(within: .seconds(60)) == 7, "\(reader.output)")
        let next = try probe(["survey", table], in: folder)
        #expect(try await next.exitCode(within: .seconds(60)) == 0)
        #expect(next.output.contains("cut short (8192 of "))
        let recovery = try probe(["recover", table, "6"], in: folder)
        #expect(try await recovery.exitCode(within: .seconds(60)) == 0, "\(recovery.output)")
    }
}
