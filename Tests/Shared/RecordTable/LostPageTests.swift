import TestSupport
import Testing

@testable import RecordTable
@testable import RecordTableWriter

/// A page of buckets that did not reach the disk leads nowhere, which no look-up can tell from names that never were.
@Suite("Record table: pages that were lost without a trace")
struct LostPageTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path("table") }

    init() throws { folder = try TemporaryFolder() }

    /// 200 namespaces, some of them replaced and removed again, so that the header's count and sum have seen every kind of change.
    private func fill() throws {
        let writer = try TableWriter(path: path, identity: "first", now: 1, sizing: .init(bucketCount: 2048, capacity: 1 << 20))
        for index in 0..<250 { try writer.upsert(NamespaceRecord(name: "namespace-\(index)")) }
        for index in 0..<50 { try writer.upsert(NamespaceRecord(name: "namespace-\(index)", labels: ["round": "two"])) }
        for index in 200..<250 { try writer.removeNamespace("namespace-\(index)") }
        writer.setStatus(resource: "namespaces", resourceVersion: "5", isSynced: true, now: 1)
        writer.beat(now: 1)
    }

    /// The control file as an earlier boot left it.
    private func reboot() throws {
        var control = try folder.read("table")
        for place in 128..<144 { control[place] ^= 0x5A }
        try folder.write(control, to: "table")
    }

    private func losePage(_ page: Int) throws {
        var data = try folder.read("table.1")
        for place in (page * 4096)..<((page + 1) * 4096) { data[place] = 0 }
        try folder.write(data, to: "table.1")
    }

    @Test("a reader sees it, whichever page of buckets it was", arguments: 1...4)
    func seen(page: Int) throws {
        try fill()
        #expect(try TableReader(path: path).isWhole())
        try losePage(page)
        let reader = try TableReader(path: path)
        #expect(!reader.isWhole())
        #expect(reader.damaged == 0)
    }

    @Test("an older page is seen too, though as many records are there as before")
    func olderPages() throws {
        try fill()
        let before = try folder.read("table.1")
        do {
            let writer = try TableWriter(path: path, identity: "second", now: 1)
            try writer.removeNamespace("namespace-3")
            try writer.upsert(NamespaceRecord(name: "another"))
        }
        let after = try folder.read("table.1")
        #expect(try TableReader(path: path).isWhole())
        // All but the header, where the count is the same.
        try folder.write(Array(after.prefix(4096)) + before.dropFirst(4096), to: "table.1")
        #expect(before[64..<72] == after[64..<72])
        #expect(try !TableReader(path: path).isWhole())
    }

    @Test("after a reboot the writer takes back that resources were synced; in the same boot there is no such loss")
    func adopted() throws {
        try fill()
        try losePage(2)
        try reboot()
        #expect(try !TableReader(path: path).status.isOfBoot(.current()))
        let writer = try TableWriter(path: path, identity: "second", now: 2)
        #expect(writer.damagedReferences > 0)
        let reader = try TableReader(path: path)
        #expect(!reader.status.isSynced(["namespaces"]))
        #expect(reader.status.isOfBoot(.current()))
        // It has counted anew.
        #expect(reader.isWhole())
        #expect(try writer.invariantFault() == nil)
    }

    @Test("a whole table stays synced across a reboot, grown or not")
    func whole() throws {
        try fill()
        try reboot()
        do {
            let writer = try TableWriter(path: path, identity: "second", now: 2)
            #expect(writer.damagedReferences == 0)
            for index in 0..<20_000 { try writer.upsert(NamespaceRecord(name: "more-\(index)")) }
            #expect(writer.generation > 1)
            writer.beat(now: 2)
        }
        try reboot()
        let reader = try TableReader(path: path)
        #expect(reader.isWhole())
        #expect(reader.status.isSynced(["namespaces"]))
    }

    @Test("a file that does not state the sum is judged by the count")
    func withoutSum() throws {
        try fill()
        var data = try folder.read("table.1")
        for place in 80..<88 { data[place] = 0 }
        try folder.write(data, to: "table.1")
        #expect(try TableReader(path: path).isWhole())
        try losePage(1)
        #expect(try !TableReader(path: path).isWhole())
    }
}
