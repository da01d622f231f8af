import Foundation
import KubernetesObjects
import NIOCore
import ProcessRuntime
import Testing

@testable import Exporter

/// What others read in what we write.
@Suite("Promtool")
struct PromtoolProcessTests {
    @Test("promtool finds nothing that the names kept from kube-state-metrics do not bring with them")
    func check() throws {
        let exporter = try ExporterUnderTest(captured: ["--metric-opt-in-list=.*"])
        let complaints = try Self.complaints(of: exporter.exposition())
        let known = [
            "kube_pod_container_status_last_terminated_timestamp", "kube_pod_init_container_status_last_terminated_timestamp",
        ]
        let unexpected = complaints.split(separator: "\n").filter { line in !known.contains { line.hasPrefix($0) } }
        #expect(unexpected.isEmpty, "\(unexpected.joined(separator: "\n"))")
    }

    @Test("promtool finds nothing in the exporter's own metrics")
    func telemetry() throws {
        let exporter = try ExporterUnderTest(captured: [])
        exporter.telemetry.slowExchange("read-header")
        let text = String(decoding: exporter.telemetry.registry.render(), as: UTF8.self)
        #expect(text.contains("kube_state_metrics_list_total{") && text.contains("mizzen_exporter_slow_exchanges_total{"))
        #expect(try Self.complaints(of: text) == "")
    }

    @Test("promtool reads the samples of custom resources, and complains of no name", arguments: ["gauges", "infos", "wildcards"])
    func customResources(run: String) throws {
        let exporter = try CustomResourcesUnderTest(CustomResourceFixtures.text("\(run).config.yaml"))
        for object in try CustomResourceFixtures.objects() { exporter.upsert(object) }
        let text = exporter.exposition()
        #expect(text.contains("\n# TYPE "))
        #expect(try Self.complaints(of: text) == "")
    }

    private static func complaints(of text: String) throws -> String {
        let places = ["/usr/bin/promtool", "/usr/local/bin/promtool"]
        let tool = try #require(
            places.first(where: FileManager.default.isExecutableFile),
            "promtool is in none of \(places); `make test` installs it (Debian's package prometheus)")
        return try run(tool, ["check", "metrics"], input: text)
    }

    @Test("what is sent compressed reads back as what is sent plain, also after changes to a part of it")
    func gzip() throws {
        let exporter = try ExporterUnderTest(captured: [])
        let compressor = Compressor()
        for round in 0..<2 {
            var file = GzipFile()
            var chunks = Exposition(exporter.feed.sections, format: .openMetrics).makeIterator()
            var packed = Array(GzipFile.head.readableBytesView)
            while case let batch = chunks.gzip(&file, compressor, bytes: 1000), !batch.isEmpty {
                for blocks in batch { packed += blocks.readableBytesView }
            }
            packed += file.tail.readableBytesView
            #expect(try Self.run("/bin/gzip", ["-dc"], input: Data(packed)) == exporter.exposition(.openMetrics), "round \(round)")
            for pod in try CapturedCluster.objects(.pods).prefix(20) { exporter.delete(pod) }
        }
    }

    private static func run(_ tool: String, _ arguments: [String], input: String) throws -> String {
        try run(tool, arguments, input: Data(input.utf8))
    }

    private static func run(_ tool: String, _ arguments: [String], input: Data) throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try input.write(to: file)
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
