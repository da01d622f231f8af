import Dispatch
import Logging
import MizzenSystem
import Names
import ProcessRuntime
import Synchronization
import TestSupport
import Testing

@testable import Frontend

/// `file` and `auto` in the chain, over sockets.
@Suite("Zones in the chain", .serialized)
struct ZoneChainTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ name: String, serial: Int, _ records: String) throws {
        try folder.write(Array("@ 300 SOA ns h \(serial) 2 3 4 5\n\(records)\n".utf8), to: name)
    }

    /// The code, and the answer section's records without class.
    private func ask(_ frontend: RunningFrontend, _ name: String, _ type: RecordType = .a) async throws -> [String] {
        let address = frontend.address
        let text = try MessageText(
            try await onThread { try TestClient.ask(try TestPacket.query(name, type, advertisedSize: 1232), address) })
        return ["\(text.code) \(text.flags)"] + text.answer.map { $0.replacing(" IN ", with: " ") }
    }

    @Test("an alias that leaves the zone is followed through the server, and its failure keeps the alias")
    func aliases() async throws {
        try write("z", serial: 1, "out CNAME one.example.com.\nbad CNAME none.other.\ngone CNAME x.sub\nwild CNAME y.z.test.")
        try write("sub", serial: 1, "x A 192.0.2.7")
        let upstream = try TestUpstream(ForwardTests.zone)
        let frontend = try await RunningFrontend(
            """
            z.test:0 {
             bind 127.0.0.1
             file \(folder.path("z"))
            }
            example.com:0 {
             bind 127.0.0.1
             forward . \(upstream.address)
            }
            sub.z.test:0 {
             bind 127.0.0.1
             file \(folder.path("sub"))
            }
            """)
        #expect(
            try await ask(frontend, "out.z.test") == [
                "NOERROR QR AA RD", "one.example.com. 300 A 192.0.2.1", "out.z.test. 300 CNAME one.example.com.",
            ])
        // Nobody takes `other`: REFUSED, which is nobody's denial.
        #expect(try await ask(frontend, "bad.z.test") == ["NOERROR QR AA RD", "bad.z.test. 300 CNAME none.other."])
        // The zone lacks the name, but another block has it.
        #expect(
            try await ask(frontend, "gone.z.test") == [
                "NOERROR QR AA RD", "gone.z.test. 300 CNAME x.sub.z.test.", "x.sub.z.test. 300 A 192.0.2.7",
            ])
        #expect(try await ask(frontend, "wild.z.test") == ["NXDOMAIN QR AA RD", "wild.z.test. 300 CNAME y.z.test."])
        #expect(try await ask(frontend, "none.z.test") == ["NXDOMAIN QR AA RD"])
        #expect(try await ask(frontend, "z.test", .axfr) == ["REFUSED QR RD"])
        upstream.stop()
        try await frontend.stop()
    }

    @Test("a query belongs to the longest zone of all file statements, and each has a fallthrough of its own")
    func statements() async throws {
        try write("a", serial: 1, "x.b A 192.0.2.1\nw.b A 192.0.2.1")
        try write("b", serial: 1, "x A 192.0.2.2")
        let frontend = try await RunningFrontend(
            """
            .:0 {
             bind 127.0.0.1
             file \(folder.path("a")) a.test
             file \(folder.path("b")) b.a.test {
              fallthrough
             }
             hosts /dev/null {
              192.0.2.9 y.b.a.test
              fallthrough
             }
            }
            """)
        #expect(try await ask(frontend, "x.b.a.test") == ["NOERROR QR AA RD", "x.b.a.test. 300 A 192.0.2.2"])
        #expect(try await ask(frontend, "y.b.a.test") == ["NOERROR QR AA RD", "y.b.a.test. 3600 A 192.0.2.9"])
        // The longer zone lacks it and passes it on; the shorter one is not asked, and denies what is its own.
        #expect(try await ask(frontend, "w.b.a.test") == ["SERVFAIL QR RD"])
        #expect(try await ask(frontend, "none.a.test") == ["NXDOMAIN QR AA RD"])
        try await frontend.stop()
    }

    @Test("names that a zone lacks go on under fallthrough, empty names too")
    func fallsThrough() async throws {
        try write("z", serial: 1, "x A 192.0.2.1\nd.ent A 192.0.2.1")
        try folder.write(Array("@ 300 SOA ns h 1 2 3 4 5\nnope A 192.0.2.3\nent A 192.0.2.4".utf8), to: "db.z.test")
        let frontend = try await RunningFrontend(
            """
            .:0 {
             bind 127.0.0.1
             file \(folder.path("z")) z.test {
              fallthrough
             }
             auto other.test z.test {
              directory \(folder.path)
             }
            }
            """)
        #expect(try await ask(frontend, "x.z.test") == ["NOERROR QR AA RD", "x.z.test. 300 A 192.0.2.1"])
        #expect(try await ask(frontend, "nope.z.test") == ["NOERROR QR AA RD", "nope.z.test. 300 A 192.0.2.3"])
        #expect(try await ask(frontend, "ent.z.test") == ["NOERROR QR AA RD", "ent.z.test. 300 A 192.0.2.4"])
        #expect(try await ask(frontend, "none.z.test") == ["NXDOMAIN QR AA RD"])
        #expect(try await ask(frontend, "x.elsewhere.test") == ["SERVFAIL QR RD"])
        try await frontend.stop()
    }

    @Test("a file that comes later is taken when it comes, one that changes when it is whole, without a reload of the Corefile")
    func follows() async throws {
        let frontend = try await RunningFrontend(
            """
            z.test:0 {
             bind 127.0.0.1
             root \(folder.path)
             file z {
              reload 1s
             }
            }
            """)
        #expect(try await ask(frontend, "a.z.test") == ["SERVFAIL QR RD"])
        try write("z", serial: 1, "a A 192.0.2.1")
        try await eventually("the zone is answered") {
            try await ask(frontend, "a.z.test") == ["NOERROR QR AA RD", "a.z.test. 300 A 192.0.2.1"]
        }
        try write("z", serial: 2, "a A 192.0.2.")
        try await throughout(.seconds(2), "the broken zone is not taken") { try await ask(frontend, "a.z.test").count == 2 }
        try write("z", serial: 3, "a A 192.0.2.3")
        try await eventually("the mended zone is answered") {
            try await ask(frontend, "a.z.test") == ["NOERROR QR AA RD", "a.z.test. 300 A 192.0.2.3"]
        }
        try await frontend.stop()
    }

    @Test("a zone with a fault keeps the frontend from starting, and a reloaded Corefile from taking effect; the place is said")
    func faults() async throws {
        try write("z", serial: 1, "a A 192.0.2.1\nb A nonsense")
        let corefile = "z.test:0 {\n bind 127.0.0.1\n file \(folder.path("z"))\n}"
        do {
            _ = try await RunningFrontend(corefile)
            Issue.record("it started")
        } catch let error as ProcessError {
            #expect(error.code == 78)
            #expect("\(error)".contains("\(folder.path("z")):3: expected an IPv4 address, found 'nonsense'"))
        }
        try write("good", serial: 1, "a A 192.0.2.1")
        let good = "z.test:0 {\n bind 127.0.0.1\n file \(folder.path("good"))\n}"
        let frontend = try await RunningFrontend(good)
        try await frontend.rewrite(corefile)
        #expect(try await ask(frontend, "a.z.test") == ["NOERROR QR AA RD", "a.z.test. 300 A 192.0.2.1"])
        try await frontend.stop()
    }

    @Test("zones whose statements are the same are not read again at a reload")
    func kept() throws {
        for name in ["a", "b"] { try write(name, serial: 1, "x A 192.0.2.1") }
        func plan(_ statements: String, _ earlier: ServingPlan?) throws -> ServingPlan {
            let text = "z.test:0 {\n bind 127.0.0.1\n root \(folder.path)\n\(statements)\n}"
            return try ServingPlan(
                try FrontendConfiguration.parse(Array(text.utf8), file: "Corefile"), metrics: FrontendMetrics(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, earlier: earlier)
        }
        let first = try plan("file a\nfile b b.test\nauto {\n directory .\n}", nil)
        let same = try plan("file a\nfile b b.test\nauto {\n directory .\n}", first)
        #expect(first.sources.map(ObjectIdentifier.init) == same.sources.map(ObjectIdentifier.init))
        let other = try plan("file b b.test\nfile a c.test", first)
        let (before, after) = (first.sources.compactMap { $0 as? FileSource }, other.sources.compactMap { $0 as? FileSource })
        #expect(before[0] !== after[0])
        #expect(before[0].statements[1] === after[0].statements[0])
        #expect(!before[0].statements.contains { $0 === after[0].statements[1] })
    }

    @Test("what takes long to read holds up neither other files nor itself")
    func pace() async throws {
        let pace = ReadingPace()
        let (began, finish) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let start = ContinuousClock.now
        pace.follow(start, every: .seconds(1)) { Issue.record("too early") }
        pace.follow(start + .seconds(1), every: .seconds(1)) {
            began.signal()
            finish.wait()
        }
        try await onThread { began.wait() }
        // Due again, but the first is still reading.
        pace.follow(start + .seconds(3), every: .seconds(1)) { Issue.record("two at once") }
        pace.follow(start + .seconds(3), every: .zero) { Issue.record("never means never") }
        finish.signal()
        let reading = Reading()
        try await eventually("it reads again") {
            pace.follow(start + .seconds(5), every: .seconds(1)) { reading.isDone.store(true, ordering: .relaxed) }
            return reading.isDone.load(ordering: .relaxed)
        }
    }

    private final class Reading: Sendable {
        let isDone = Atomic(false)
    }
}
