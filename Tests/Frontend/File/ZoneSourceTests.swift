import Foundation
import Logging
import MizzenSystem
import Names
import Synchronization
import Testing
import TestSupport

@testable import Frontend

/// `file` and `auto`: what is read when, and what is said of it.
@Suite("Zone sources")
struct ZoneSourceTests {
    /// Keeps what is logged.
    private struct Sink: Logging.LogHandler {
        final class Lines: Sendable {
            let all = Mutex<[String]>([])
            func take() -> [String] {
                all.withLock { lines in
                    defer { lines = [] }
                    return lines
                }
            }
        }
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let words = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            lines.all.withLock { $0.append((["\(event.level)", "\(event.message)"] + words).joined(separator: " ")) }
        }
    }

    private let folder: TemporaryFolder
    private let lines = Sink.Lines()
    private let logger: Logger

    init() throws {
        folder = try TemporaryFolder()
        let lines = lines
        logger = Logger(label: "test") { _ in Sink(lines: lines) }
    }

    private func write(_ name: String, serial: Int, _ records: String) throws {
        try folder.write(Array("@ 300 SOA ns h \(serial) 2 3 4 5\n\(records)\n".utf8), to: name)
    }

    private func settings(_ file: String, zones: [String] = ["z.test"]) -> FileSettings {
        var settings = FileSettings()
        settings.path = folder.path(file)
        settings.zones = zones.compactMap { ZoneName($0) }
        return settings
    }

    private func code(_ zones: ZoneSet, _ name: String) throws -> String? {
        try ZoneQuestion(name: name, type: .a).ask(zones).map { reply in "\(reply.code) \(reply.sections[0].count)" }
    }

    @Test("a file that changed, with another serial, is another zone; without, it is not")
    func reload() throws {
        try write("z", serial: 1, "a A 192.0.2.1")
        let source = try ZoneSource(settings: settings("z"), logger: logger)
        #expect(try code(source.zones, "a.z.test") == "NOERROR 1")
        let version = source.currentVersion
        #expect(!source.reload())
        try write("z", serial: 1, "b A 192.0.2.1\nc A 192.0.2.1")
        #expect(!source.reload())
        #expect(source.currentVersion == version)
        #expect(try code(source.zones, "b.z.test") == "NXDOMAIN 0")
        #expect(
            lines.take() == ["info zone file changed but not its SOA serial: the zone stays as it is path=\(folder.path("z")) zone=z.test."]
        )
        try write("z", serial: 0, "b A 192.0.2.1")
        #expect(source.reload())
        #expect(source.currentVersion > version)
        #expect(try code(source.zones, "b.z.test") == "NOERROR 1")
        #expect(lines.take() == ["info zone loaded path=\(folder.path("z")) serial=0 zone=z.test."])
    }

    @Test("a change of an included file counts")
    func included() throws {
        try write("z", serial: 1, "$INCLUDE part")
        try folder.write(Array("a A 192.0.2.1".utf8), to: "part")
        let source = try ZoneSource(settings: settings("z"), logger: logger)
        _ = lines.take()
        try folder.write(Array("a A 192.0.2.999".utf8), to: "part")
        #expect(!source.reload())
        #expect(
            lines.take() == [
                "error zone file has a fault: the zone stays as it is error=\(folder.path("part")):1: expected an IPv4 address, found '192.0.2.999' zone=z.test."
            ])
    }

    @Test("a zone with a fault is not taken; the old one stays, and each change's fault is said once")
    func faults() throws {
        try write("z", serial: 1, "a BOGUS")
        let error = #expect(throws: ZoneFileError.self) { _ = try ZoneSource(settings: settings("z"), logger: logger) }
        #expect(error?.line == 2)
        try write("z", serial: 1, "a A 192.0.2.1")
        let source = try ZoneSource(settings: settings("z", zones: ["z.test", "y.test"]), logger: logger)
        for fault in ["a BOGUSSES", "a A"] {
            try write("z", serial: 2, fault)
            #expect(!source.reload())
            #expect(lines.take().count == 2)
            #expect(!source.reload())
            #expect(lines.take() == [])
        }
        try folder.remove("z")
        #expect(!source.reload())
        #expect(lines.take().count == 2)
        #expect(try code(source.zones, "a.z.test") == "NOERROR 1")
        #expect(try code(source.zones, "a.y.test") == "NOERROR 1")
    }

    @Test("a file that does not exist yet gives SERVFAIL until it comes, and is a fault if it is never looked at again")
    func missing() throws {
        var settings = settings("z")
        let source = try ZoneSource(settings: settings, logger: logger)
        #expect(lines.take() == ["warning zone file does not exist path=\(folder.path("z")) zone=z.test."])
        #expect(try code(source.zones, "a.z.test") == "SERVFAIL 0")
        #expect(!source.reload())
        #expect(lines.take() == [])
        try write("z", serial: 1, "a A 192.0.2.1")
        #expect(source.reload())
        #expect(try code(source.zones, "a.z.test") == "NOERROR 1")
        settings.path = folder.path("nope")
        settings.reload = .zero
        #expect(throws: ZoneFileError.self) { _ = try ZoneSource(settings: settings, logger: logger) }
    }

    @Test("a FIFO or a folder in a file's place is a fault, and nothing waits for it", .timeLimit(.minutes(1)))
    func fifo() throws {
        let path = folder.path("fifo")
        // Safe: Swift hands over a NUL-terminated copy.
        #expect(unsafe mkfifo(path, 0o600) == 0)
        let error = #expect(throws: ZoneFileError.self) { _ = try ZoneSource(settings: settings("fifo"), logger: logger) }
        #expect(error?.description == "\(path): the zone file cannot be read: it is not a regular file")
        #expect(throws: RegularFile.Fault.notRegular) { try RegularFile.read(folder.path, limit: 10) }
        try folder.write([1, 2, 3], to: "small")
        #expect(throws: RegularFile.Fault.tooLarge(limit: 2)) { try RegularFile.read(folder.path("small"), limit: 2) }
        #expect(try RegularFile.read(folder.path("small"), limit: 3).bytes == [1, 2, 3])
        var hosts = HostsSettings()
        hosts.path = path
        let source = HostsSource(settings: hosts, logger: logger)
        #expect(!source.reload())
        #expect(lines.take() == ["warning hosts file cannot be read error=it is not a regular file path=\(path)"])
    }

    @Test("auto takes the files whose names match, in folders too, and notices those that come, change and go")
    func auto() throws {
        var settings = AutoSettings()
        settings.directory = folder.path
        let source = AutoSource(settings: settings, logger: logger)
        func origins() -> [String] { source.zones.members.map(\.origin.description).sorted() }
        #expect(origins() == [])
        try write("db.B.test", serial: 1, "a A 192.0.2.1")
        try write("readme", serial: 1, "")
        try FileManager.default.createDirectory(atPath: folder.path("sub"), withIntermediateDirectories: true)
        try write("sub/db.a.b.test", serial: 1, "a A 192.0.2.1")
        try folder.write(Array("nonsense".utf8), to: "db.bad.test")
        try FileManager.default.createDirectory(atPath: folder.path("..data"), withIntermediateDirectories: true)
        try write("..data/db.c.test", serial: 1, "")
        #expect(source.reload())
        #expect(origins() == ["a.b.test.", "b.test."])
        #expect(lines.take().filter { $0.hasPrefix("error") }.count == 1)
        #expect(!source.reload())
        #expect(lines.take() == [])
        #expect(try code(source.zones, "a.a.b.test") == "NOERROR 1")
        #expect(try code(source.zones, "a.bad.test") == nil)
        try write("db.B.test", serial: 2, "a A 192.0.2.1\na A 192.0.2.2")
        try folder.remove("sub/db.a.b.test")
        #expect(source.reload())
        #expect(origins() == ["b.test."])
        #expect(try code(source.zones, "a.b.test") == "NOERROR 2")
        #expect(try code(source.zones, "a.a.b.test") == "NXDOMAIN 0")
    }

    @Test(
        "an origin's template takes groups",
        arguments: [
            ("{1}", "a.test."), ("$1", "a.test."), ("${1}.x", "a.test.x."), ("{2}{1}", "a.test."), ("x.{0}", "x.db.a.test."),
            ("{x}", "{x}."), ("{9}", "."), ("{1", "{1."), ("$", "\\$."), ("{1}..x", nil),
        ])
    func template(text: String, origin: String?) {
        #expect(AutoSource.origin(text, ["db.a.test", "A.test", nil])?.description == origin)
    }
}
