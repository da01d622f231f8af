import ArgumentParser
import Foundation
import Logging
import MizzenSystem
import ProcessRuntime
import Synchronization
import TestSupport
import Testing

@testable import Exporter

/// What the file of `--keep` is written with, read with, and refused for.
@Suite struct KeepingTests {
    /// Notes what is logged.
    private struct Notes: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        final class Lines: Sendable {
            let all = Mutex<[String]>([])
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.all.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
        }
    }

    /// In nanoseconds.
    private final class Clock: Sendable {
        let now = Mutex<Int64>(1_000_000_000_000)
    }

    private static let head = KeptFile.Head(version: "1", shard: 0, totalShards: 1, options: [:])
    private let lines = Notes.Lines()
    private let registry = MetricsRegistry()
    private let clock = Clock()
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func keeper(_ options: [String] = [], write: @escaping FileReplacement.Write = FileReplacement.systemWrite) throws
        -> ExpositionKeeper
    {
        let time = clock.now.withLock { $0 }
        let notes = Notes(lines: lines)
        let keeping = try KeepOptions.parse(["--keep", folder.path("kept")] + options)
        let keeper = ExpositionKeeper(
            keeping, registry: registry, logger: Logger(label: "test", factory: { _ in notes }), now: { time }, write: write)
        return try #require(keeper)
    }

    private func keepable() throws -> ExpositionKeeper.Keepable {
        let exporter = try ExporterUnderTest(captured: ["--resources=nodes"])
        let asOf = clock.now.withLock { $0 } - 2_000_000_000
        return ExpositionKeeper.Keepable(head: Self.head, sections: exporter.feed.sections.map { ($0, asOf) })
    }

    private var log: [String] { lines.all.withLock { $0 } }
    private func counted(_ sample: String) -> Bool {
        String(decoding: registry.render(), as: UTF8.self).contains(sample)
    }

    @Test("what was written is read as old as it was, and not beyond the limit or from the future")
    func age() throws {
        let former = try keeper()
        #expect(former.load(Self.head) == nil && log.isEmpty, "the first start is no reason to say anything")
        former.write(try keepable())
        clock.now.withLock { $0 += 30_000_000_000 }
        let kept = try #require(try keeper().load(Self.head))
        #expect(kept.age(at: clock.now.withLock { $0 }) == 32_000_000_000)
        #expect(try keeper(["--keep-age-limit=32s"]).load(Self.head) != nil)
        #expect(try keeper(["--keep-age-limit=31s"]).load(Self.head) == nil)
        #expect(log.last?.contains("it is 32 s old, older than --keep-age-limit") == true)
        clock.now.withLock { $0 -= 100_000_000_000 }
        #expect(try keeper().load(Self.head) == nil)
        #expect(log.last?.contains("from the future, by 68 s") == true)
        #expect(counted(#"mizzen_exporter_kept_refused_total{reason="age"} 2"#))
    }

    @Test("what cannot be read, or is no such file, is said with its path, and the exporter starts without")
    func unreadable() throws {
        try folder.write(Array("something else entirely".utf8), to: "kept")
        #expect(try keeper().load(Self.head) == nil)
        #expect(log.last?.contains(folder.path("kept")) == true && log.last?.contains("it does not begin as such a file does") == true)
        try FileManager.default.removeItem(atPath: folder.path("kept"))
        try FileManager.default.createDirectory(atPath: folder.path("kept"), withIntermediateDirectories: false)
        #expect(try keeper().load(Self.head) == nil)
        #expect(log.last?.contains("it cannot be read: it is not a regular file") == true)
        #expect(counted(#"mizzen_exporter_kept_refused_total{reason="damaged"} 1"#))
        #expect(counted(#"mizzen_exporter_kept_refused_total{reason="unreadable"} 1"#))
    }

    @Test("a full disk is said once, with what to do, and leaves what was kept before; then it is told again")
    func fullDisk() throws {
        try keeper().write(try keepable())
        let before = try Data(contentsOf: URL(filePath: folder.path("kept")))
        let isFull = Mutex(true)
        let second = try keeper(write: { descriptor, bytes in
            guard isFull.withLock({ $0 }) else { return FileReplacement.systemWrite(descriptor, bytes) }
            errno = ENOSPC
            return -1
        })
        for _ in 0..<3 { second.write(try keepable()) }
        #expect(log.count == 1 && log[0].hasPrefix("warning") && log[0].contains("make room on its file system"))
        #expect(counted(#"mizzen_exporter_kept_writes_total{result="error"} 3"#))
        #expect(try Data(contentsOf: URL(filePath: folder.path("kept"))) == before)
        isFull.withLock { $0 = false }
        second.write(try keepable())
        #expect(counted(#"mizzen_exporter_kept_writes_total{result="success"} 2"#))
        isFull.withLock { $0 = true }
        second.write(try keepable())
        #expect(log.count == 2)
    }

    @Test("two exporters with one file: who comes second says so")
    func shared() throws {
        let other = try FileReplacement(of: folder.path("kept"))
        try keeper().write(try keepable())
        #expect(log.count == 1 && log[0].contains("another process writes it") && log[0].contains("a file of its own"))
        #expect(other.size == 0)
    }
}
