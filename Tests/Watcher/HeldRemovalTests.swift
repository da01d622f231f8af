import DeltaStream
import KubernetesObjects
import Names
import RecordTable
import RecordTableWriter
import Synchronization
import TestSupport
import Testing

@testable import Watcher

/// A table that is written at times that a test sets, of one service with slices of pods `web-N` at 10.1.0.N.
private final class HeldTable {
    let folder: TemporaryFolder
    var keeper: TableKeeper
    let reader: TableReader
    private let time: Time

    final class Time: Sendable {
        private let passed = Mutex(Duration.zero)
        private let start = ContinuousClock.now
        var now: ContinuousClock.Instant { start + passed.withLock { $0 } }
        func pass(_ duration: Duration) { passed.withLock { $0 += duration } }
    }

    init(headless: Bool = true, pods: ClosedRange<Int> = 1...4) throws {
        folder = try TemporaryFolder()
        let time = Time()
        self.time = time
        keeper = TableKeeper(writer: try TableWriter(path: folder.path("table"), identity: "test", now: 1)) { time.now }
        reader = try TableReader(path: folder.path("table"))
        try keeper.upsert(Self.service)
        for number in pods { try keeper.upsert(Self.pod(number)) }
    }

    /// Another watcher takes the table over.
    func restart() throws {
        let path = folder.path("table")
        // The lock goes with the old writer, which only the old keeper holds.
        let time = time
        keeper = TableKeeper(writer: try Self.successor(of: &keeper, path)) { time.now }
    }

    private static func successor(of keeper: inout TableKeeper, _ path: String) throws -> TableWriter {
        keeper = TableKeeper(writer: try TableWriter(path: path + "-aside", identity: "test", now: 1))
        return try TableWriter(path: path, identity: "test", now: 2)
    }

    func pass(_ milliseconds: Int) throws {
        time.pass(.milliseconds(milliseconds))
        try keeper.release()
    }

    /// Which pods each slice shows, by slice: `a: 1 2, b: 3`.
    var shown: String {
        var slices: [String] = []
        reader.forEachSlice { slice in
            let record = slice.record()
            let numbers = record.endpoints.map { $0.podName.dropFirst(4) }.sorted()
            slices.append("\(record.name):" + numbers.map { " \($0)" }.joined())
        }
        return slices.sorted().joined(separator: ", ")
    }

    /// The slices that have an address, for reverse look-ups.
    func slices(with number: Int) -> [String] {
        var names: [String] = []
        reader.forEachEndpoint(address: .v4(0x0A01_0000 + UInt32(number))) { slice, _ in names.append(slice.record().name) }
        return names.sorted()
    }

    // MARK: Objects

    static func watched(_ resource: Resource, _ json: String) throws -> WatchedObject {
        let object = EncodedObject(encoding: .json, bytes: Array(json.utf8))
        return WatchedObject(resource: resource, identity: try ObjectIdentity(object), object: object)
    }

    static var service: WatchedObject {
        get throws {
            try watched(
                .services,
                #"{"metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"1"},"spec":{"clusterIP":"None","clusterIPs":["None"]}}"#
            )
        }
    }

    static func pod(_ number: Int, ready: Bool = true, address: Int? = nil, isDeleted: Bool = false) throws -> WatchedObject {
        let deletion = isDeleted ? #","deletionTimestamp":"2024-01-01T00:00:00Z""# : ""
        return try watched(
            .pods,
            #"{"metadata":{"name":"web-\#(number)","namespace":"shop","uid":"p-\#(number)","resourceVersion":"1"\#(deletion)},"#
                + #""status":{"phase":"Running","podIP":"10.1.0.\#(address ?? number)","conditions":["#
                + #"{"type":"Initialized","status":"True"},{"type":"Ready","status":"\#(ready ? "True" : "False")"}]}}"#)
    }

    static func slice(
        _ name: String, _ pods: [Int], port: Int = 80, service: String = "web", ready: Bool = true
    ) throws -> WatchedObject {
        let endpoints = pods.map {
            #"{"addresses":["10.1.0.\#($0)"],"hostname":"web-\#($0)","conditions":{"ready":\#(ready)},"#
                + #""targetRef":{"kind":"Pod","name":"web-\#($0)","namespace":"shop"}}"#
        }
        return try watched(
            .endpointSlices,
            #"{"metadata":{"name":"\#(name)","namespace":"shop","uid":"s-\#(name)","resourceVersion":"1","#
                + #""labels":{"kubernetes.io/service-name":"\#(service)"}},"addressType":"IPv4","#
                + #""endpoints":[\#(endpoints.joined(separator: ","))],"ports":[{"name":"http","port":\#(port),"protocol":"TCP"}]}"#)
    }

    func put(_ name: String, _ pods: [Int], port: Int = 80, service: String = "web", ready: Bool = true) throws {
        try keeper.upsert(Self.slice(name, pods, port: port, service: service, ready: ready))
    }
}

@Suite("Removals of endpoints that are held back")
struct HeldRemovalTests {
    @Test("an endpoint that moves to another slice is at no moment missing, whichever event is first")
    func moves() throws {
        let table = try HeldTable()
        try table.put("a", [1, 2])
        try table.put("b", [3])
        // The removal first.
        try table.put("a", [1])
        #expect(table.shown == "a: 1 2, b: 3")
        try table.pass(200)
        #expect(table.shown == "a: 1 2, b: 3")
        try table.put("b", [2, 3])
        #expect(table.shown == "a: 1 2, b: 2 3" && table.slices(with: 2) == ["a", "b"])
        try table.pass(25)
        #expect(table.shown == "a: 1, b: 2 3" && table.slices(with: 2) == ["b"])
        // The addition first.
        try table.put("a", [1, 3])
        try table.put("b", [2])
        #expect(table.shown == "a: 1 3, b: 2 3")
        try table.pass(250)
        #expect(table.shown == "a: 1 3, b: 2" && table.keeper.due == nil)
    }

    @Test("an endpoint that goes for good is gone within a quarter of a second, however often its slice changes")
    func goes() throws {
        let table = try HeldTable()
        try table.put("a", [1, 2, 3])
        try table.put("a", [1, 2])
        for turn in 0..<8 {
            try table.pass(25)
            try table.put("a", turn % 2 == 0 ? [1] : [1, 2])
        }
        // The third was removed 200 ms ago, the second is there again.
        #expect(table.shown == "a: 1 2 3")
        try table.pass(50)
        #expect(table.shown == "a: 1 2" && table.keeper.due == nil)
        #expect(HeldRemovals.patience <= .milliseconds(250))
    }

    @Test("a slice that is deleted shows its endpoints until they are in another, then nothing is left of it")
    func deletedSlice() throws {
        let table = try HeldTable()
        try table.put("a", [1, 2])
        try table.put("b", [3])
        try table.keeper.delete(HeldTable.slice("a", [1, 2]))
        #expect(table.shown == "a: 1 2, b: 3")
        #expect(table.keeper.names(of: .endpointSlices).map(\.name) == ["b"])
        try table.put("b", [1, 2, 3])
        try table.pass(250)
        #expect(table.shown == "b: 1 2 3" && table.keeper.held.count == 0)
        // One that comes again under its name is as the server says.
        try table.keeper.delete(HeldTable.slice("b", []))
        try table.put("b", [2])
        let asServed = try HeldTable.slice("b", [2])
        #expect(table.shown == "b: 1 2 3" && table.keeper.agrees(with: asServed))
        try table.pass(250)
        #expect(table.shown == "b: 2")
    }

    enum Loss: CaseIterable { case pod, finished, readiness, address }

    @Test(
        "a pod that is gone, being deleted, not ready or elsewhere is not held, nor held any longer", arguments: Loss.allCases,
        [true, false])
    func lostPod(loss: Loss, isHeldBefore: Bool) throws {
        let table = try HeldTable()
        try table.put("a", [1, 2])
        if isHeldBefore { try table.put("a", [1]) }
        switch loss {
        case .pod: try table.keeper.delete(HeldTable.pod(2))
        case .finished: try table.keeper.upsert(HeldTable.pod(2, isDeleted: true))
        case .readiness: try table.keeper.upsert(HeldTable.pod(2, ready: false))
        case .address: try table.keeper.upsert(HeldTable.pod(2, address: 9))
        }
        if !isHeldBefore { try table.put("a", [1]) }
        #expect(table.shown == "a: 1" && table.slices(with: 2) == [] && table.keeper.due == nil)
    }

    @Test("a change of the pod that leaves it where it is ends nothing")
    func unchangedPod() throws {
        let table = try HeldTable()
        try table.put("a", [1, 2])
        try table.put("a", [1])
        try table.keeper.upsert(HeldTable.pod(2))
        try table.keeper.upsert(HeldTable.pod(1, ready: false))
        #expect(table.shown == "a: 1 2")
    }

    @Test("what was not answered is not held: endpoints that were not ready, of no service, of other ports, of another service")
    func notHeld() throws {
        let table = try HeldTable()
        try table.put("a", [1, 2], ready: false)
        try table.put("a", [])
        #expect(table.shown == "a:")
        try table.put("a", [1, 2])
        try table.put("a", [1], port: 81)
        #expect(table.shown == "a: 1")
        try table.put("b", [3, 4])
        try table.put("b", [3], service: "api")
        #expect(table.shown == "a: 1, b: 3")
        // Its service is not there.
        try table.put("b", [], service: "api")
        #expect(table.shown == "a: 1, b:")
    }

    @Test("the end of its service is the end of what is held")
    func deletedService() throws {
        let table = try HeldTable()
        try table.put("a", [1, 2])
        try table.put("b", [3])
        try table.put("a", [1])
        try table.keeper.delete(HeldTable.slice("b", [3]))
        #expect(table.shown == "a: 1 2, b: 3")
        try table.keeper.delete(HeldTable.service)
        #expect(table.shown == "a: 1" && table.keeper.held.count == 0)
    }

    @Test("a watcher that dies leaves nothing for ever: the next one's lists hold back and remove in their turn")
    func restart() throws {
        let table = try HeldTable()
        try table.put("a", [1, 2])
        try table.put("b", [3])
        try table.put("a", [1])
        try table.keeper.delete(HeldTable.slice("b", [3]))
        try table.restart()
        #expect(table.shown == "a: 1 2, b: 3")
        table.keeper.listBegan(.endpointSlices)
        try table.put("a", [1])
        try table.keeper.listEnded(.endpointSlices, resourceVersion: "9", now: 3)
        #expect(table.shown == "a: 1 2, b: 3")
        #expect(table.keeper.names(of: .endpointSlices).map(\.name) == ["a"])
        try table.pass(250)
        #expect(table.shown == "a: 1" && table.keeper.due == nil)
    }

    @Test("two pods of one address are told apart")
    func sharedAddress() throws {
        let table = try HeldTable()
        try table.keeper.upsert(HeldTable.pod(5, address: 1))
        let both = try HeldTable.slice("a", [1])
        try table.keeper.upsert(both)
        let other = String(decoding: both.object.bytes, as: UTF8.self).replacing("web-1", with: "web-5")
        try table.keeper.upsert(HeldTable.watched(.endpointSlices, other))
        #expect(table.shown == "a: 1 5")
        try table.pass(250)
        #expect(table.shown == "a: 5")
    }

    @Test("beyond its limit nothing more is held, and what is held is counted out again")
    func limit() throws {
        var held = HeldRemovals()
        let record = EndpointSliceRecord(namespace: "n", name: "s", service: "w", addressType: .ipv4)
        let endpoint = HeldRemovals.Endpoint(record: EndpointRecord(addresses: [.v4(1)], podName: "p"), due: .now)
        let name = TableWriter.ObjectName(namespace: "n", name: "s")
        held.put(HeldRemovals.Slice(record: record, isGone: false, endpoints: [endpoint, endpoint]), name)
        #expect(held.count == 2 && held.holds(pod: TableWriter.ObjectName(namespace: "n", name: "p")) && held.due != nil)
        #expect(held.take(name)?.endpoints.count == 2 && held.count == 0 && held.due == nil && held.take(name) == nil)
        #expect(!held.holds(pod: TableWriter.ObjectName(namespace: "n", name: "p")))
        let table = try HeldTable()
        try table.put("a", [1, 2, 3])
        table.keeper.held.put(
            HeldRemovals.Slice(
                record: record, isGone: false, endpoints: Array(repeating: endpoint, count: HeldRemovals.limit - 1)), name)
        try table.put("a", [1])
        #expect(table.keeper.held.count == HeldRemovals.limit)
    }

    @Test("the timer calls when something is due, again when more is, and waits for no longer than a removal is held back")
    func timer() async throws {
        let calls = Mutex<[ContinuousClock.Instant]>([])
        let timer = ReleaseTimer()
        let start = ContinuousClock.now
        timer.set(nil) { nil }
        for _ in 0..<3 {
            timer.set(start + .milliseconds(40)) {
                calls.withLock { calls in
                    calls.append(.now)
                    return calls.count < 3 ? .now + .milliseconds(10) : nil
                }
            }
        }
        try await eventually("it has called three times") { calls.withLock { $0.count } == 3 }
        #expect(calls.withLock { $0[0] } >= start + .milliseconds(40))
        // It can be set again.
        timer.set(.now + .seconds(60)) {
            calls.withLock { $0.append(.now) }
            return nil
        }
        try await eventually("what is due late is looked at early") { calls.withLock { $0.count } == 4 }
    }
}
