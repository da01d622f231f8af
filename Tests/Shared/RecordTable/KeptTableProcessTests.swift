import Foundation
import TestSupport
import Testing

@Suite("What is kept, and processes that are killed", .serialized)
struct KeptTableProcessTests {
    @Test("killed at any moment, a process leaves each record whole, the old or the new one")
    func killed() async throws {
        let folder = try TemporaryFolder()
        var random = SystemRandomNumberGenerator()
        for round in 0..<(isSoak ? 300 : 20) {
            let process = try RunningProcess("table-probe", ["keep", folder.path("kept")], in: folder)
            try await eventually("process \(round) has taken over") { process.output.contains("keeping") || !process.isRunning }
            try #require(process.isRunning, "\(process.output)")
            // A random moment of its work: chance, not synchronisation.
            try await Task.sleep(for: .microseconds(Int64.random(in: 0...30_000, using: &random)))
            try await process.kill()
        }
    }
}
