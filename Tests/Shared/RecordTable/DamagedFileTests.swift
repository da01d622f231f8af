import Names
import TestSupport
import Testing

@testable import RecordTable
@testable import RecordTableWriter

@Suite("Record table: files that were damaged")
struct DamagedFileTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path("table") }

    init() throws { folder = try TemporaryFolder() }

    /// A table of 50 namespaces that says it is synced.
    private func fill() throws {
        let writer = try TableWriter(path: path, identity: "first", now: 1)
        for index in 0..<50 { try writer.upsert(NamespaceRecord(name: "namespace-\(index)")) }
        writer.setStatus(resource: "namespaces", resourceVersion: "5", isSynced: true, now: 1)
        writer.beat(now: 1)
    }

    private func namespaceCount(_ reader: TableReader) -> Int {
        var count = 0
        reader.forEachNamespace { _ in count += 1 }
        return count
    }

    @Test("a data file cut short is replaced, and what the table said of full lists is taken back")
    func truncatedData() throws {
        try fill()
        let whole = try folder.read("table.1").count
        try folder.write(Array(try folder.read("table.1").prefix(10_000)), to: "table.1")
        let writer = try TableWriter(path: path, identity: "second", now: 2)
        #expect(writer.replacedFile == .truncated(path: path + ".1", expected: whole, found: 10_000))
        #expect(writer.generation == 2)
        let reader = try TableReader(path: path)
        #expect(!reader.status.isSynced(["namespaces"]))
        #expect(namespaceCount(reader) == 0)
        try writer.upsert(NamespaceRecord(name: "again"))
        #expect(namespaceCount(reader) == 1)
        #expect(throws: (any Error).self) { _ = try folder.read("table.1") }
    }

    @Test("a missing data file is replaced; a reader says which file is missing")
    func missingData() throws {
        try fill()
        try folder.remove("table.1")
        let error = #expect(throws: TableError.self) { _ = try TableReader(path: path) }
        #expect("\(try #require(error))".contains("\(path).1: open failed: No such file or directory"))
        let writer = try TableWriter(path: path, identity: "second", now: 2)
        #expect(writer.replacedFile != nil)
        #expect(try TableReader(path: path).status.generation == 2)
    }

    @Test("a data file of another layout or byte order is refused by reader and writer and left as it was", arguments: [8, 12])
    func otherData(offset: Int) throws {
        try fill()
        var data = try folder.read("table.1")
        data.swapAt(offset, offset + 3)
        try folder.write(data, to: "table.1")
        let asReader = #expect(throws: TableError.self) { _ = try TableReader(path: path) }
        let asWriter = #expect(throws: TableError.self) { _ = try TableWriter(path: path, identity: "second", now: 2) }
        #expect(asReader == asWriter)
        #expect("\(try #require(asReader))".contains(offset == 8 ? "layout version \(Layout.version << 24)" : "the other byte order"))
        #expect(try folder.read("table.1") == data)
    }

    @Test("records survive the loss of the pages that say where blocks are")
    func lostExtent() throws {
        try fill()
        var data = try folder.read("table.1")
        let extents = try DataFile(
            table: path, generation: 1, hashSeed: try ControlFile(path: path, writable: false).hashSeed, writable: false
        )
        .extentsStart
        for place in extents..<(extents + 64) { data[place] = 0 }
        try folder.write(data, to: "table.1")
        let writer = try TableWriter(path: path, identity: "second", now: 2)
        #expect(writer.generation == 2)
        #expect(writer.counts.namespaces == 50)
        #expect(writer.damagedReferences > 0)
        #expect(try !TableReader(path: path).status.isSynced(["namespaces"]))
        #expect(try writer.invariantFault() == nil)
    }

    @Test("a control file without its first page is made anew, and old data files are removed")
    func zeroedControl() throws {
        try fill()
        try folder.write([UInt8](repeating: 0, count: Layout.controlSize), to: "table")
        #expect(throws: TableError.absent(path: path)) { _ = try TableReader(path: path) }
        try folder.write([1], to: "table.77")
        let writer = try TableWriter(path: path, identity: "second", now: 2)
        #expect(writer.counts.namespaces == 0)
        #expect(throws: (any Error).self) { _ = try folder.read("table.77") }
    }

    @Test("a reader goes on with a table whose control file was removed, and takes the new one when it looks")
    func removedControl() throws {
        try fill()
        let reader = try TableReader(path: path)
        try folder.remove("table")
        // Makes `table.1` again: the old one must not be cut short under the reader.
        let writer = try TableWriter(path: path, identity: "second", now: 2)
        #expect(namespaceCount(reader) == 50)
        try writer.upsert(NamespaceRecord(name: "one"))
        #expect(reader.reopenIfReplaced())
        #expect(namespaceCount(reader) == 1)
    }

    @Test("a wrong reference costs a reader a few looks, not thousands")
    func boundedRetries() throws {
        try fill()
        var data = try folder.read("table.1")
        let victim = Array("namespace-7".utf8) + [0]
        let place = try #require(data.indices.first { data[$0...].starts(with: victim) })
        data[place - 32] += 2
        try folder.write(data, to: "table.1")
        let reader = try TableReader(path: path)
        _ = reader.withNamespace(Array("namespace-7".utf8).span) { _ in true }
        #expect(reader.damaged == 1)
        #expect(reader.retries < 20)
    }

    @Test("a change that failed half way is made whole by the next equal one")
    func unfinishedChange() throws {
        let writer = try TableWriter(path: path, identity: "test", now: 1)
        let slice = EndpointSliceRecord(
            namespace: "n", name: "s", service: "web", addressType: .ipv4, endpoints: [EndpointRecord(addresses: [.v4(1)])])
        try writer.upsert(slice)
        writer.erase(.endpointAddress(.v4(1), slice: writer.sliceIdentity("n", "s")))
        #expect(try writer.invariantFault() != nil)
        var moved = slice
        moved.labels["long"] = String(repeating: "x", count: Layout.Block.largest)
        #expect(throws: TableError.self) { try writer.upsert(moved) }
        try writer.upsert(slice)
        #expect(try writer.invariantFault() == nil)
    }
}

@Suite("Record table: its age")
struct TableAgeTests {
    private static let boot = BootIdentity(high: 1, low: 2)

    private func status(heartbeat: UInt64, sinceBoot: UInt64, boot: BootIdentity) throws -> TableStatus {
        let folder = try TemporaryFolder()
        let writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1)
        writer.beat(now: heartbeat, sinceBoot: sinceBoot)
        var status = try TableReader(path: folder.path("table")).status
        status.boot = boot
        return status
    }

    @Test("within one boot a wall clock that jumps does not matter", arguments: [UInt64(0), 500, 90_000_000])
    func jumps(wall: UInt64) throws {
        let status = try status(heartbeat: 1_000, sinceBoot: 70, boot: Self.boot)
        #expect(status.age(at: TableClock(wall: wall, sinceBoot: 100, boot: Self.boot)) == 30)
    }

    @Test("after a reboot wall time tells the age, and one that lies in the future tells nothing")
    func reboot() throws {
        let status = try status(heartbeat: 1_000, sinceBoot: 70, boot: Self.boot)
        let other = BootIdentity(high: 3, low: 4)
        #expect(status.age(at: TableClock(wall: 5_000, sinceBoot: 10, boot: other)) == 4_000)
        #expect(status.age(at: TableClock(wall: 999, sinceBoot: 10, boot: other)) == nil)
        #expect(status.age(at: TableClock(wall: 5_000, sinceBoot: 10, boot: .unknown)) == 4_000)
    }

    @Test("the writer states the running boot and its clock")
    func written() throws {
        let folder = try TemporaryFolder()
        let writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1)
        let before = TableClock.now()
        writer.beat(now: before.wall)
        let status = try TableReader(path: folder.path("table")).status
        #expect(status.boot == BootIdentity.current())
        #expect(status.boot != .unknown)
        #expect(status.heartbeatSinceBoot >= before.sinceBoot)
        #expect(try #require(status.age(at: .now())) < 60_000_000_000)
    }

    @Test("a copy of a table answers where no writer ever was")
    func copied() throws {
        let folder = try TemporaryFolder()
        do {
            let writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1)
            try writer.upsert(NamespaceRecord(name: "kept"))
            writer.beat(now: 1_000)
        }
        try folder.write(try folder.read("table"), to: "after")
        try folder.write(try folder.read("table.1"), to: "after.1")
        let reader = try TableReader(path: folder.path("after"))
        #expect(reader.withNamespace(Array("kept".utf8).span) { _ in true } == true)
    }
}
