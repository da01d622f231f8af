import DeltaStream
import KubernetesObjects
import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Watcher

@Suite("From watched objects to records")
struct TableKeeperTests {
    private static func watched(_ resource: Resource, _ json: String) throws -> WatchedObject {
        let object = EncodedObject(encoding: .json, bytes: Array(json.utf8))
        return WatchedObject(resource: resource, identity: try ObjectIdentity(object), object: object)
    }

    private static func service(_ name: String, _ address: String, version: Int = 1) throws -> WatchedObject {
        try watched(
            .services,
            #"{"metadata":{"name":"\#(name)","namespace":"shop","uid":"u-\#(name)","resourceVersion":"\#(version)"},"#
                + #""spec":{"clusterIP":"\#(address)","clusterIPs":["\#(address)"],"ports":[{"name":"http","port":80,"protocol":"TCP"}]}}"#)
    }

    private static func pod(_ name: String, _ status: String, _ spec: String = "") throws -> WatchedObject {
        try watched(
            .pods,
            #"{"metadata":{"name":"\#(name)","namespace":"shop","uid":"u-\#(name)","resourceVersion":"1"},"spec":{\#(spec)},"status":{\#(status)}}"#
        )
    }

    private func reader(_ folder: TemporaryFolder) throws -> TableReader { try TableReader(path: folder.path("table")) }

    private func makeKeeper(_ folder: TemporaryFolder) throws -> TableKeeper {
        TableKeeper(writer: try TableWriter(path: folder.path("table"), identity: "test", now: 1))
    }

    @Test("the table holds four resources, and any other is none of them")
    func resources() {
        let held = Resource.all.filter { TabledResource($0) != nil }
        #expect(Set(held) == [.namespaces, .services, .endpointSlices, .pods])
        #expect(held.allSatisfy { TabledResource($0)?.resource == $0 })
        let other = Resource(group: "example.com", version: "v1", plural: "pods", kind: "Pod", isNamespaced: true)
        #expect(TabledResource(other) == nil && !TableKeeper.holds(other))
    }

    private func names(_ reader: TableReader) -> [String] {
        var names: [String] = []
        reader.forEachService { names.append($0.record().name) }
        return names.sorted()
    }

    @Test("a list removes what it does not name, only once it is whole, and writes only what differs")
    func relist() throws {
        let folder = try TemporaryFolder()
        var keeper = try makeKeeper(folder)
        keeper.listBegan(.services)
        try keeper.upsert(Self.service("a", "10.0.0.1"))
        try keeper.upsert(Self.service("b", "10.0.0.2"))
        try keeper.listEnded(.services, resourceVersion: "10", now: 2)
        let writes = keeper.statistics.writes
        let reader = try reader(folder)
        keeper.listBegan(.services)
        try keeper.upsert(Self.service("a", "10.0.0.1"))
        #expect(names(reader) == ["a", "b"])
        try keeper.upsert(Self.service("c", "10.0.0.3"))
        try keeper.listEnded(.services, resourceVersion: "20", now: 3)
        #expect(names(reader) == ["a", "c"])
        // The new service and its address; the unchanged one costs nothing.
        #expect(keeper.statistics.writes - writes == 2)
        #expect(reader.status.isSynced(["services"]))
        #expect(reader.status.resources.first?.resourceVersion == "20")
    }

    @Test("a list that breaks off and starts over removes nothing early")
    func brokenList() throws {
        let folder = try TemporaryFolder()
        var keeper = try makeKeeper(folder)
        keeper.listBegan(.services)
        try keeper.upsert(Self.service("a", "10.0.0.1"))
        try keeper.upsert(Self.service("b", "10.0.0.2"))
        try keeper.listEnded(.services, resourceVersion: "10", now: 2)
        keeper.listBegan(.services)
        keeper.listBegan(.services)
        try keeper.upsert(Self.service("b", "10.0.0.2"))
        #expect(names(try reader(folder)) == ["a", "b"])
        try keeper.listEnded(.services, resourceVersion: "11", now: 3)
        #expect(names(try reader(folder)) == ["b"])
    }

    @Test("an object that cannot be decoded keeps its last good record, in a list too")
    func undecodable() throws {
        let folder = try TemporaryFolder()
        var keeper = try makeKeeper(folder)
        try keeper.upsert(Self.service("a", "10.0.0.1"))
        keeper.listBegan(.services)
        let broken = try Self.watched(
            .services, #"{"metadata":{"name":"a","namespace":"shop","uid":"u-a","resourceVersion":"2"},"spec":{"ports":"eighty"}}"#)
        #expect(throws: ObjectDecodingError.self) { try keeper.upsert(broken) }
        try keeper.listEnded(.services, resourceVersion: "2", now: 2)
        #expect(names(try reader(folder)) == ["a"])
    }

    @Test("a pod's address is in the table while the pod runs, and not when it has finished")
    func pods() throws {
        let folder = try TemporaryFolder()
        var keeper = try makeKeeper(folder)
        let reader = try reader(folder)
        let running = #""phase":"Running","podIP":"10.1.0.1","podIPs":[{"ip":"10.1.0.1"},{"ip":"fd00::1"}]"#
        func owners(_ address: IPAddress) -> Int {
            var count = 0
            reader.forEachPod(address: address) { _ in count += 1 }
            return count
        }
        let second: IPAddress = .v6(high: 0xFD00 << 48, low: 1)
        try keeper.upsert(Self.pod("web", running))
        #expect(owners(.v4(0x0A01_0001)) == 1)
        #expect(owners(second) == 1)
        try keeper.upsert(Self.pod("host", running, #""hostNetwork":true"#))
        #expect(owners(.v4(0x0A01_0001)) == 2)
        try keeper.delete(Self.pod("host", running))
        try keeper.upsert(Self.pod("web", running.replacing("Running", with: "Succeeded")))
        #expect(owners(.v4(0x0A01_0001)) == 0)
        #expect(owners(second) == 0)
    }

    @Test("services have the addresses and names that the world reaches them by")
    func external() throws {
        let service = try Self.watched(
            .services,
            #"{"metadata":{"name":"lb","namespace":"shop"},"spec":{"clusterIP":"10.0.0.1","externalIPs":["192.0.2.7","2001:db8::7"]},"#
                + #""status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.9"},{"hostname":"lb.example.com"},{"ip":"192.0.2.10","hostname":"x"},{}]}}}"#
        )
        let record = try ServiceRecord(decoding: service.object)
        #expect(record.externalIPs.map(\.description) == ["192.0.2.7", "2001:db8::7", "192.0.2.9", "192.0.2.10"])
        #expect(record.ingressNames == ["lb.example.com"])
    }

    @Test("services keep their kind", arguments: [("None", ServiceRecord.Kind.headless), ("10.0.0.1", .clusterIP), ("", .clusterIP)])
    func kinds(address: String, kind: ServiceRecord.Kind) throws {
        let record = try ServiceRecord(decoding: try Self.service("a", address).object)
        #expect(record.kind == kind)
        #expect(record.clusterIPs == (address == "10.0.0.1" ? [.v4(0x0A00_0001)] : []))
    }
}

@Suite("The watcher's options")
struct WatcherOptionTests {
    @Test("resources are named by their plurals, in any case and with spaces")
    func selection() throws {
        #expect(try ResourceSelection(nil).resources == Resource.all)
        #expect(try ResourceSelection("Pods, services,pods").resources == [.pods, .services])
        #expect(throws: (any Error).self) { _ = try ResourceSelection("pods,widgets") }
        #expect(throws: (any Error).self) { _ = try ResourceSelection(",") }
    }

    @Test("a topic prefix subscribes to the buckets that can match and no others")
    func topics() {
        #expect(TopicPrefix("").filter(for: .pods)?.buckets.count == 256)
        #expect(TopicPrefix("pods").filter(for: .pods)?.buckets.count == 256)
        #expect(TopicPrefix("pods/3").filter(for: .pods)?.buckets.count == 16)
        #expect(TopicPrefix("pods/3f").filter(for: .pods)?.buckets.count == 1)
        #expect(TopicPrefix("pods/3f/shop").filter(for: .pods)?.buckets.contains(0x3F) == true)
        #expect(TopicPrefix("pods/3f").filter(for: .services) == nil)
        #expect(TopicPrefix("po").filter(for: .pods) != nil)
    }
}
