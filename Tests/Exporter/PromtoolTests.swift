import Foundation
import Testing

@testable import Exporter

/// Prometheus' own judgement of what we write.
@Suite("Promtool")
struct PromtoolProcessTests {
    @Test("promtool finds nothing that the names kept from kube-state-metrics do not bring with them")
    func check() throws {
        let places = ["/usr/bin/promtool", "/usr/local/bin/promtool"]
        let tool = try #require(
            places.first(where: FileManager.default.isExecutableFile),
            "promtool is in none of \(places); `make test` installs it (Debian's package prometheus)")
        let exporter = try ExporterUnderTest(captured: ["--metric-opt-in-list=.*"])
        let complaints = try Self.run(tool, ["check", "metrics"], input: exporter.exposition())
        let known = [
            "kube_pod_container_status_last_terminated_timestamp", "kube_pod_init_container_status_last_terminated_timestamp",
        ]
        let unexpected = complaints.split(separator: "\n").filter { line in !known.contains { line.hasPrefix($0) } }
        #expect(unexpected.isEmpty, "\(unexpected.joined(separator: "\n"))")
    }

    private static func run(_ tool: String, _ arguments: [String], input: String) throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try Data(input.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: tool)
        process.arguments = arguments
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardError = output
        process.standardOutput = output
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }
}
