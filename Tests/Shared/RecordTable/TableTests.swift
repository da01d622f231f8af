import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@Suite("Record table")
struct TableTests {
    private static let web = ServiceRecord(
        namespace: "shop", name: "web", kind: .clusterIP, clusterIPs: [.v4(0x0A60_0001), .v6(high: 0xFD00 << 48, low: 1)],
        externalIPs: [.v4(0xC000_0207), .v4(0x0A60_0001)], ingressNames: ["lb.example.com", "lb2.example.com"],
        ports: [
            PortRecord(name: "http", protocol: .tcp, number: 80), PortRecord(name: "", protocol: .udp, number: 53),
        ], publishesNotReadyAddresses: true, labels: ["team": "core", "app": "web"])

    private static let slice = EndpointSliceRecord(
        namespace: "shop", name: "web-x1", service: "web", addressType: .ipv4,
        ports: [PortRecord(name: "http", protocol: .tcp, number: 8080)],
        endpoints: [
            EndpointRecord(
                addresses: [.v4(0x0AF4_0001)], hostname: "web-0", podName: "web-0", nodeName: "n1", zone: "z1",
                zoneHints: ["z1", "z2"]),
            EndpointRecord(
                addresses: [.v4(0x0AF4_0002)], podName: "web-1", nodeName: "n1", isReady: false, isTerminating: true),
        ], labels: ["kubernetes.io/service-name": "web", "team": "edge"])

    @Test("what the writer publishes is what a reader finds, field by field")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        let writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1)
        let external = ServiceRecord(
            namespace: "shop", name: "db", kind: .externalName, externalName: "db.example.com")
        let pod = PodRecord(
            namespace: "shop", name: "web-0", uid: "u-1", addresses: [.v4(0x0AF4_0001)], isHostNetwork: true, isReady: true,
            nodeName: "n1", labels: ["app": "web"])
        try writer.upsert(NamespaceRecord(name: "shop", labels: ["env": "prod"]))
        try writer.upsert(Self.web)
        try writer.upsert(external)
        try writer.upsert(Self.slice)
        try writer.upsert(pod)
        let reader = try TableReader(path: folder.path("table"))
        #expect(reader.service("shop", "web") == Self.web)
        #expect(reader.service("shop", "db") == external)
        #expect(reader.slices("shop", "web") == [Self.slice])
        #expect(reader.pod("shop", "web-0") == pod)
        #expect(reader.services(at: .v4(0x0A60_0001)) == ["web.shop"])
        #expect(reader.services(at: .v6(high: 0xFD00 << 48, low: 1)) == ["web.shop"])
        #expect(reader.services(at: .v4(0xC000_0207)) == [])
        #expect(reader.services(externallyAt: .v4(0xC000_0207)) == ["web.shop"])
        #expect(reader.services(externallyAt: .v4(0x0A60_0001)) == ["web.shop"])
        #expect(reader.services(externallyAt: .v6(high: 0xFD00 << 48, low: 1)) == [])
        #expect(reader.endpoints(at: .v4(0x0AF4_0002)) == ["web-x1/1"])
        #expect(reader.pods(at: .v4(0x0AF4_0001)) == ["web-0.shop u-1"])
        #expect(reader.service("shop", "nothere") == nil)
        #expect(reader.service("web", "shop") == nil)
        #expect(try writer.invariantFault() == nil)
    }

    @Test("a changed object leaves nothing of its old self, a removed one nothing at all")
    func changes() throws {
        let folder = try TemporaryFolder()
        let writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1)
        let reader: TableReader
        try writer.upsert(Self.web)
        try writer.upsert(Self.slice)
        reader = try TableReader(path: folder.path("table"))
        var changed = Self.web
        changed.clusterIPs = [.v4(0x0A60_0009)]
        changed.externalIPs = [.v4(0x0A60_0001)]
        try writer.upsert(changed)
        #expect(reader.services(externallyAt: .v4(0xC000_0207)).isEmpty)
        #expect(reader.services(externallyAt: .v4(0x0A60_0001)) == ["web.shop"])
        #expect(reader.services(at: .v4(0x0A60_0001)).isEmpty)
        #expect(reader.services(at: .v4(0x0A60_0009)) == ["web.shop"])
        var moved = Self.slice
        moved.service = "api"
        moved.endpoints.removeFirst()
        try writer.upsert(moved)
        #expect(reader.slices("shop", "web").isEmpty)
        #expect(reader.slices("shop", "api") == [moved])
        #expect(reader.endpoints(at: .v4(0x0AF4_0001)).isEmpty)
        #expect(reader.endpoints(at: .v4(0x0AF4_0002)) == ["web-x1/0"])
        #expect(writer.counts.endpoints == 1)
        try writer.removeSlice(namespace: "shop", name: "web-x1")
        try writer.removeService(namespace: "shop", name: "web")
        #expect(reader.slices("shop", "api").isEmpty)
        #expect(reader.service("shop", "web") == nil)
        #expect(writer.counts == TableStatus.Counts())
        #expect(try writer.invariantFault() == nil)
    }

    @Test("an unchanged object costs no write, not even after a restart")
    func unchangedObjectsCostNothing() throws {
        let folder = try TemporaryFolder()
        do {
            let writer = try TableWriter(path: folder.path("table"), identity: "first", now: 1)
            try writer.upsert(Self.web)
            try writer.upsert(Self.slice)
        }
        let writer = try TableWriter(path: folder.path("table"), identity: "second", now: 2)
        try writer.upsert(Self.web)
        try writer.upsert(Self.slice)
        #expect(writer.statistics.writes == 0)
        #expect(writer.statistics.removals == 0)
        #expect(writer.counts.services == 1)
        #expect(writer.counts.endpoints == 2)
        #expect(writer.serviceNames() == [.init(namespace: "shop", name: "web")])
    }

    @Test("a second writer is refused while the first lives, and told who that is")
    func oneWriter() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("table")
        let first = try TableWriter(path: path, identity: "first", now: 1)
        #expect(throws: TableError.writerExists(path: path, process: Int(ProcessIdentity.current))) {
            _ = try TableWriter(path: path, identity: "second", now: 2)
        }
        #expect(first.counts.services == 0)
    }

    @Test("growing through generations keeps every record and readers follow by themselves")
    func growth() throws {
        let folder = try TemporaryFolder()
        let small = TableWriter.Sizing(bucketCount: 64, capacity: 4 << 20)
        let writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1, sizing: small)
        try writer.upsert(NamespaceRecord(name: "n"))
        let reader = try TableReader(path: folder.path("table"))
        let padding = String(repeating: "x", count: 500)
        for index in 0..<5_000 {
            try writer.upsert(
                ServiceRecord(
                    namespace: "n", name: "s\(index)", kind: .clusterIP, clusterIPs: [.v4(UInt32(index))],
                    labels: ["padding": padding]))
            if index % 500 == 0 { #expect(reader.services(at: .v4(UInt32(index))) == ["s\(index).n"]) }
        }
        #expect(writer.statistics.generations > 2)
        #expect((0..<5_000).allSatisfy { reader.service("n", "s\($0)") != nil })
        #expect(reader.status.generation == UInt64(writer.statistics.generations) + 1)
        for index in 0..<4_990 { try writer.removeService(namespace: "n", name: "s\(index)") }
        #expect((4_990..<5_000).allSatisfy { reader.service("n", "s\($0)") != nil })
        #expect(try writer.invariantFault() == nil)
    }

    @Test("random changes agree with a dictionary, and the invariants hold throughout")
    func randomChanges() throws {
        let folder = try TemporaryFolder()
        let sizing = TableWriter.Sizing(bucketCount: 8, capacity: 1 << 20)
        var writer = try TableWriter(path: folder.path("table"), identity: "test", now: 1, sizing: sizing)
        var random = SeededRandom(seed: 42)
        var model: [String: EndpointSliceRecord] = [:]
        for step in 0..<3_000 {
            let name = "s\(random.next() % 20)"
            if random.next() % 4 == 0 {
                model[name] = nil
                try writer.removeSlice(namespace: "n", name: name)
            } else {
                let record = EndpointSliceRecord(
                    namespace: "n", name: name, service: "svc\(random.next() % 3)", addressType: .ipv4,
                    endpoints: (0..<(random.next() % 30)).map { _ in
                        EndpointRecord(addresses: [.v4(UInt32(random.next() % 50))], podName: "p\(random.next() % 9)")
                    })
                model[name] = record
                try writer.upsert(record)
            }
            if step % 300 == 299 {
                #expect(try writer.invariantFault() == nil)
                let reader = try TableReader(path: folder.path("table"))
                for service in 0..<3 {
                    let found = reader.slices("n", "svc\(service)").sorted { $0.name < $1.name }
                    let wanted = model.values.filter { $0.service == "svc\(service)" }.sorted { $0.name < $1.name }
                    #expect(found == wanted)
                }
                for address in 0..<50 {
                    let found = reader.endpoints(at: .v4(UInt32(address))).count
                    let wanted = model.values.reduce(0) { sum, slice in
                        sum + slice.endpoints.filter { $0.addresses == [.v4(UInt32(address))] }.count
                    }
                    #expect(found == wanted)
                }
            }
            if step % 1_000 == 999 {
                // The old writer must let go of its lock before the next one opens.
                writer = try replaceWriter(&writer, folder, sizing)
                #expect(writer.counts.slices == model.count)
            }
        }
    }

    private func replaceWriter(
        _ writer: inout TableWriter, _ folder: TemporaryFolder, _ sizing: TableWriter.Sizing
    ) throws -> TableWriter {
        writer = try TableWriter(path: folder.path("other"), identity: "placeholder", now: 1)
        return try TableWriter(path: folder.path("table"), identity: "next", now: 2, sizing: sizing)
    }

    @Test("status and heartbeat reach readers")
    func status() throws {
        let folder = try TemporaryFolder()
        let writer = try TableWriter(path: folder.path("table"), identity: "host 0.1", now: 7)
        writer.setStatus(resource: "services", resourceVersion: "42", isSynced: true, now: 8)
        writer.setStatus(resource: "pods", resourceVersion: "43", isSynced: false, now: 9)
        writer.beat(now: 1_000)
        let status = try TableReader(path: folder.path("table")).status
        #expect(status.writer == "host 0.1")
        #expect(status.writerStarted == 7)
        #expect(status.age(at: TableClock(wall: 1_500, sinceBoot: 0, boot: .unknown)) == 500)
        #expect(status.isSynced(["services"]))
        #expect(!status.isSynced(["services", "pods"]))
        #expect(status.resources.map(\.resourceVersion) == ["42", "43"])
    }
}

@Suite("Record table: files that are not one")
struct ForeignFileTests {
    @Test("no table yet")
    func absent() throws {
        let path = try TemporaryFolder().path("table")
        #expect(throws: TableError.absent(path: path)) { _ = try TableReader(path: path) }
    }

    @Test("a foreign file is refused by reader and writer and left as it was")
    func foreign() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("table")
        let text = [UInt8](String(repeating: "not a table ", count: 4_000).utf8)
        try folder.write(text, to: "table")
        #expect(throws: TableError.foreign(path: path)) { _ = try TableReader(path: path) }
        #expect(throws: TableError.foreign(path: path)) { _ = try TableWriter(path: path, identity: "t", now: 1) }
        #expect(try folder.read("table") == text)
    }

    @Test("a truncated control or data file is refused with its sizes")
    func truncated() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("table")
        do { _ = try TableWriter(path: path, identity: "t", now: 1) }
        let control = try folder.read("table")
        let data = try folder.read("table.1")
        try folder.write(Array(data.prefix(10_000)), to: "table.1")
        #expect(throws: TableError.truncated(path: path + ".1", expected: data.count, found: 10_000)) {
            _ = try TableReader(path: path)
        }
        try folder.write(Array(control.prefix(8_192)), to: "table")
        #expect(throws: TableError.truncated(path: path, expected: control.count, found: 8_192)) {
            _ = try TableWriter(path: path, identity: "t", now: 1)
        }
    }

    @Test(
        "another layout version or byte order is refused",
        arguments: [(8, UInt8(99)), (12, UInt8(1))])
    func otherLayout(offset: Int, value: UInt8) throws {
        let folder = try TemporaryFolder()
        let path = folder.path("table")
        do { _ = try TableWriter(path: path, identity: "t", now: 1) }
        var control = try folder.read("table")
        control[offset] = value
        try folder.write(control, to: "table")
        let error = #expect(throws: TableError.self) { _ = try TableReader(path: path) }
        switch error {
        case .unknownLayout(_, let found, _): #expect(offset == 8 && found == 99)
        case .otherByteOrder: #expect(offset == 12)
        default: Issue.record("unexpected: \(String(describing: error))")
        }
    }

    @Test("a table that an older release wrote is replaced, and its readers go on with the one that they have")
    func olderLayout() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("table")
        do {
            let old = try TableWriter(path: path, identity: "old", now: 1)
            try old.upsert(NamespaceRecord(name: "kept"))
        }
        let reader = try TableReader(path: path)
        var control = try folder.read("table")
        control[8] = UInt8(Layout.version - 1)
        try folder.write(control, to: "table")
        let writer = try TableWriter(path: path, identity: "new", now: 2)
        #expect(writer.counts.namespaces == 0)
        try writer.upsert(NamespaceRecord(name: "new"))
        func knows(_ reader: TableReader, _ name: String) -> Bool { reader.withNamespace(Array(name.utf8).span) { _ in } != nil }
        #expect(knows(reader, "kept") && !knows(reader, "new"))
        let next = try TableReader(path: path)
        #expect(knows(next, "new") && !knows(next, "kept"))
    }

    @Test("a record with flipped bits is dropped by the next writer, the others stay")
    func damage() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("table")
        do {
            let writer = try TableWriter(path: path, identity: "t", now: 1)
            for index in 0..<50 { try writer.upsert(NamespaceRecord(name: "namespace-\(index)")) }
        }
        var data = try folder.read("table.1")
        let victim = Array("namespace-7".utf8) + [0]
        let place = try #require(data.indices.first { data[$0...].starts(with: victim) })
        data[place] = UInt8(ascii: "N")
        try folder.write(data, to: "table.1")
        let writer = try TableWriter(path: path, identity: "t", now: 2)
        #expect(writer.damagedReferences == 1)
        #expect(writer.namespace("namespace-7") == nil)
        #expect(writer.counts.namespaces >= 45)
        #expect(try writer.invariantFault() == nil)
    }

    @Test("a reader gives up on a reference that leads nowhere, and answers the rest")
    func wrongReference() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("table")
        do {
            let writer = try TableWriter(path: path, identity: "t", now: 1)
            for index in 0..<50 { try writer.upsert(NamespaceRecord(name: "namespace-\(index)")) }
        }
        // Every block's sequence one further than its references say: as if the pages had reached the disk at other times.
        var data = try folder.read("table.1")
        let victim = Array("namespace-7".utf8) + [0]
        let place = try #require(data.indices.first { data[$0...].starts(with: victim) })
        data[place - 32] += 2
        try folder.write(data, to: "table.1")
        let reader = try TableReader(path: path)
        #expect(reader.withNamespace(Array("namespace-7".utf8).span) { _ in true } == nil)
        #expect(reader.damaged == 1)
        #expect(reader.withNamespace(Array("namespace-8".utf8).span) { _ in true } == true)
    }

    @Test("a path in a folder that is not there says so")
    func missingFolder() throws {
        let path = try TemporaryFolder().path("no/such/table")
        let error = #expect(throws: TableError.self) { _ = try TableWriter(path: path, identity: "t", now: 1) }
        #expect("\(try #require(error))" == "record table \(path): open failed: No such file or directory")
    }
}

extension TableReader {
    func service(_ namespace: String, _ name: String) -> ServiceRecord? {
        withService(namespace: Array(namespace.utf8).span, name: Array(name.utf8).span) { $0.record() }
    }

    func pod(_ namespace: String, _ name: String) -> PodRecord? {
        withPod(namespace: Array(namespace.utf8).span, name: Array(name.utf8).span) { $0.record() }
    }

    func slices(_ namespace: String, _ service: String) -> [EndpointSliceRecord] {
        var found: [EndpointSliceRecord] = []
        forEachSlice(namespace: Array(namespace.utf8).span, service: Array(service.utf8).span) {
            found.append($0.record())
        }
        return found
    }

    func services(at address: IPAddress) -> [String] {
        var found: [String] = []
        forEachService(address: address) { found.append("\($0.record().name).\($0.record().namespace)") }
        return found
    }

    func services(externallyAt address: IPAddress) -> [String] {
        var found: [String] = []
        forEachService(externalAddress: address) { found.append("\($0.record().name).\($0.record().namespace)") }
        return found
    }

    func endpoints(at address: IPAddress) -> [String] {
        var found: [String] = []
        forEachEndpoint(address: address) { slice, index in found.append("\(slice.record().name)/\(index)") }
        return found
    }

    func pods(at address: IPAddress) -> [String] {
        var found: [String] = []
        forEachPod(address: address) { pod in
            let text: (Span<UInt8>) -> String = { span in
                String(decoding: (0..<span.count).map { span[$0] }, as: UTF8.self)
            }
            found.append("\(text(pod.name)).\(text(pod.namespace)) \(text(pod.uid))")
        }
        return found
    }
}
