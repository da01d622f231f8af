import TestSupport
import Testing

@Suite("Record table between processes", .serialized)
struct SeparateProcessTests {
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
            #expect(reader.output.hasPrefix("read 40000"))
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
        for round in 0..<25 {
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
        for _ in 0..<20 {
            reader.signal(19)  // SIGSTOP
            try await Task.sleep(for: .milliseconds(25))
            reader.signal(18)  // SIGCONT
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try await reader.exitCode(within: .seconds(120)) == 0, "\(reader.output)")
        #expect(writer.isRunning, "\(writer.output)")
    }
}
