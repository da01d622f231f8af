import Logging
import MizzenSystem
import Names
import RecordTable
import RecordTableWriter
import TestSupport
import Testing

@testable import Frontend

@Suite("Upstreams that lead back")
struct LoopTests {
    /// The directives of a block that forwards to a socket of the test's, and what they ask there.
    private final class Subject {
        let socket: Descriptor
        let log: RecordedLog
        let loop: LoopSource
        let forward: ForwardSource

        init(socket: Descriptor, log: RecordedLog, loop: LoopSource, forward: ForwardSource) {
            self.socket = socket
            self.log = log
            self.loop = loop
            self.forward = forward
        }

        static func make(zone: String = ".") throws -> Subject {
            let socket = try Socket.listening(.datagram, on: SocketAddress(address: .v4(0x7F00_0001), port: 0))
            let port = try Socket.boundPort(socket)
            let corefile = "\(zone):1053 {\n loop\n forward . 127.0.0.1:\(port)\n}"
            let log = RecordedLog()
            let configuration = try FrontendConfiguration.parse(Array(corefile.utf8), file: "Corefile")
            let plan = try ServingPlan(configuration, metrics: FrontendMetrics(), logger: log.logger)
            let loop = try #require(plan.sources.compactMap { $0 as? LoopSource }.first)
            let forward = try #require(plan.sources.compactMap { $0 as? ForwardSource }.first)
            return Subject(socket: socket, log: log, loop: loop, forward: forward)
        }

        /// The name that the next question asks for.
        func asked() throws -> String {
            var query = Query()
            let packet = try TestClient.receive(socket)
            let intake = query.read(packet.span, transport: .udp)
            let type = query.type
            #expect(intake == .query && type == .hinfo)
            return query.name.description
        }

        var isQuiet: Bool { (try? TestClient.receive(socket, milliseconds: 50)) == nil }
    }

    @Test(
        "an upstream from which the question comes back is left out, said once, and asked again until it does not",
        arguments: [".", "example.org."])
    func detection(zone: String) throws {
        let subject = try Subject.make(zone: zone)
        let start = ContinuousClock.now
        subject.loop.follow(start)
        let name = try subject.asked()
        #expect(zone == "." || name.hasSuffix("." + zone))
        // Somebody else's question of this type is nobody's.
        #expect(!subject.loop.isLooping("1.2.") && !subject.forward.isLooping(0))
        #expect(subject.loop.isLooping(name) && subject.forward.isLooping(0))
        #expect(subject.loop.isLooping(name))
        #expect(subject.log.count("leads back to this server and is not asked any more; take it out of 'forward'") == 1)
        #expect(subject.log.lines.first?.contains("zone=\(zone)") == true)
        // Looked at every half minute, however often it is followed.
        for second in 1..<29 { subject.loop.follow(start + .seconds(second)) }
        #expect(subject.isQuiet && subject.forward.isLooping(0))
        subject.loop.follow(start + .seconds(31))
        let second = try subject.asked()
        #expect(second != name && !subject.loop.isLooping(name))
        #expect(subject.loop.isLooping(second) && subject.log.lines.count == 1)
        subject.loop.follow(start + .seconds(34))
        #expect(subject.forward.isLooping(0))
        // This time it does not come back.
        subject.loop.follow(start + .seconds(62))
        _ = try subject.asked()
        subject.loop.follow(start + .seconds(63))
        #expect(subject.forward.isLooping(0))
        subject.loop.follow(start + .seconds(65))
        #expect(!subject.forward.isLooping(0))
        #expect(subject.log.lines.count == 2 && subject.log.count("does not lead back to this server any more and is asked again") == 1)
    }

    @Test("an upstream that answers is never left out, nor one that is not there")
    func innocent() throws {
        let subject = try Subject.make()
        let start = ContinuousClock.now
        for second in stride(from: 0, through: 100, by: 3) { subject.loop.follow(start + .seconds(second)) }
        #expect(!subject.forward.isLooping(0) && subject.log.lines.isEmpty)
    }

    @Test("a frontend that forwards to itself goes on with the cluster's names and says why others fail; mended, it asks upstreams again")
    func itself() async throws {
        let folder = try TemporaryFolder()
        let writer = try TableWriter(
            path: folder.path("table"), identity: "test", now: 1, sizing: .init(bucketCount: 64, capacity: 1 << 20))
        try writer.upsert(NamespaceRecord(name: "shop"))
        try writer.upsert(ServiceRecord(namespace: "shop", name: "web", kind: .clusterIP, clusterIPs: [.v4(0x0A00_0001)]))
        for resource in SketchedCluster.resources { writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1) }
        writer.beat(now: 1)
        let port = freePort()
        let log = RecordedLog()
        func corefile(_ upstream: String) -> String {
            ".:\(port) {\n bind 127.0.0.1\n errors\n kubernetes cluster.local\n forward . \(upstream) {\n max_fails 0\n}\n cache\n loop\n}"
        }
        let frontend = try await RunningFrontend(corefile("127.0.0.1:\(port)"), table: folder.path("table"), logger: log.logger)
        func ask(_ name: String) async throws -> MessageText {
            let address = frontend.address
            return try MessageText(try await onThread { try TestClient.ask(try TestPacket.query(name, .a), address, milliseconds: 9000) })
        }
        try await eventually("the loop is found") { log.count("leads back to this server") == 1 }
        for _ in 0..<20 { #expect(try await ask("web.shop.svc.cluster.local").answer == ["web.shop.svc.cluster.local. 5 IN A 10.0.0.1"]) }
        #expect(try await ask("one.example.com").code == "SERVFAIL")
        #expect(log.count("every upstream leads back to this server") >= 1)
        let upstream = try TestUpstream(ForwardTests.zone)
        try await frontend.rewrite(corefile("\(upstream.address)"))
        try await eventually("upstreams are asked") { try await ask("one.example.com").answer == ["one.example.com. 300 IN A 192.0.2.1"] }
        #expect(log.count("leads back to this server") == log.count("every upstream leads back") + 1)
        try await frontend.stop()
        upstream.stop()
    }
}
