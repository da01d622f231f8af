import MizzenSystem
import Foundation
import Glibc
import Logging
import Names
import ProcessRuntime
import RecordTable
import RecordTableWriter
import Synchronization
import TestSupport
import Testing

@testable import Frontend

/// Faults of single threads, made with real descriptors and files.
@Suite("A worker's life", .serialized)
struct WorkerLifeTests {
    private static let hosts = ".:0 {\n bind 127.0.0.1\n errors\n hosts /nonexistent {\n 192.0.2.1 one.example.org\n fallthrough\n }\n}"

    /// Puts /dev/null in a descriptor's place: whoever owns it finds another file there, and may close it as its own.
    private func spoil(_ descriptor: Int32) throws {
        // Safe: a terminated path.
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(null) }
        try #require(dup2(null, descriptor) == descriptor)
    }

    /// The epoll descriptor of this process that watches `target`.
    private func poller(watching target: Int32) throws -> Int32 {
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fdinfo") {
            guard let number = Int32(name), let text = try? String(contentsOfFile: "/proc/self/fdinfo/\(name)", encoding: .utf8)
            else { continue }
            let isFound = text.split(separator: "\n").contains {
                $0.hasPrefix("tfd:") && $0.split(separator: " ").dropFirst().first == Substring("\(target)")
            }
            if isFound { return number }
        }
        throw DidNotHappen(description: "nobody watches descriptor \(target)")
    }

    private func expectFault(_ frontend: RunningFrontend, _ words: String) async throws {
        do {
            try await frontend.ended()
            Issue.record("it ended in good order")
        } catch let error as ProcessError {
            #expect(error.code == ExitStatus.software)
            #expect(error.message.contains(words), "\(error)")
        }
    }

    @Test("the end of one worker of two ends the frontend with code 70")
    func death() async throws {
        let frontend = try await RunningFrontend(Self.hosts, threads: 2)
        let packet = try TestPacket.query("one.example.org", .a)
        let address = frontend.address
        _ = try await onThread { try TestClient.ask(packet, address) }
        try await eventually("both have begun") {
            (try? poller(watching: frontend.control.workers.mailboxes[1].waker.descriptor.raw)) != nil
        }
        try spoil(try poller(watching: frontend.control.workers.mailboxes[1].waker.descriptor.raw))
        try await expectFault(frontend, "cannot wait for its sockets")
        #expect(frontend.control.health().status == 503)
        #expect(frontend.control.addresses.isEmpty)
    }

    @Test("a socket that a worker cannot watch, at a reload too, ends the frontend with code 70")
    func unwatched() async throws {
        let frontend = try await RunningFrontend(Self.hosts, threads: 1)
        let packet = try TestPacket.query("one.example.org", .a)
        let address = frontend.address
        _ = try await onThread { try TestClient.ask(packet, address) }
        try spoil(try poller(watching: frontend.control.workers.mailboxes[0].waker.descriptor.raw))
        try await frontend.rewrite(Self.hosts + "\nexample.net:0 {\n bind 127.0.0.2\n hosts /nonexistent\n}")
        try await expectFault(frontend, "a worker thread cannot")
    }

    @Test("an HTTP address that is not served any more ends the frontend with code 70")
    func endpoint() async throws {
        let port = freePort()
        let frontend = try await RunningFrontend(Self.hosts.replacing(" errors\n", with: " errors\n health 127.0.0.1:\(port)\n"))
        let request = Array("GET /health HTTP/1.1\r\nHost: test\r\n\r\n".utf8)
        try await eventually("health is served") {
            try await onThread {
                let socket = try Socket.connecting(.stream, to: SocketAddress(address: .v4(0x7F00_0001), port: port))
                _ = try Socket.send(request.span, on: socket)
                return String(decoding: try TestClient.receive(socket), as: UTF8.self).hasPrefix("HTTP/1.1 200")
            }
        }
        let listener = try #require(OpenSockets.listener(port))
        try #require(shutdown(listener, Int32(SHUT_RDWR)) == 0)
        try await expectFault(frontend, "health, readiness or metrics are not served any more")
        #expect(frontend.control.addresses.isEmpty)
    }

    @Test("a worker that is stuck when the frontend is told to stop does not hold it up: it ends with code 70")
    func stuckAtStop() async throws {
        let gate = try Gate()
        defer { gate.open() }
        let frontend = try await RunningFrontend(
            Self.hosts, threads: 2, logger: Logger(label: "test") { _ in GatedLogHandler(gate: gate) })
        let packet = try TestPacket.query("none.example.org", .a)
        let socket = try Socket.connecting(.datagram, to: frontend.address)
        _ = try Socket.send(packet.span, on: socket)
        try await eventually("the worker is stuck") { gate.arrived > 0 }
        let told = ContinuousClock.now
        do {
            try await frontend.stop()
            Issue.record("it ended in good order")
        } catch let error as ProcessError {
            #expect(error.code == ExitStatus.software)
            #expect(error.message.contains("worker threads do not end"), "\(error)")
        }
        // Six seconds, and what a busy machine needs.
        #expect(ContinuousClock.now - told < .seconds(10))
    }

    @Test("health fails while one worker of two is stuck, and recovers with it")
    func hang() async throws {
        let gate = try Gate()
        let frontend = try await RunningFrontend(
            Self.hosts, threads: 2, logger: Logger(label: "test") { _ in GatedLogHandler(gate: gate) })
        #expect(frontend.control.health().status == 200)
        let packet = try TestPacket.query("none.example.org", .a)
        let socket = try Socket.connecting(.datagram, to: frontend.address)
        _ = try Socket.send(packet.span, on: socket)
        try await eventually("a worker has been silent for 5 s") { frontend.control.health().status == 503 }
        #expect(String(decoding: frontend.control.metrics.registry.render(), as: UTF8.self).contains("mizzen_worker_silence_seconds"))
        gate.open()
        try await eventually("it is heard again") { frontend.control.health().status == 200 }
        try await frontend.stop()
    }

    @Test("a worker that cannot open a new generation answers from the old one, says so, is not ready, and recovers")
    func generation() async throws {
        let folder = try TemporaryFolder()
        let small = TableWriter.Sizing(bucketCount: 64, capacity: 4 << 20)
        let writer = try TableWriter(path: folder.path("written"), identity: "test", now: 1, sizing: small)
        try writer.upsert(NamespaceRecord(name: "n"))
        try writer.upsert(service("kept", labels: [:]))
        for resource in ["namespaces", "services", "endpointslices", "pods"] {
            writer.setStatus(resource: resource, resourceVersion: "1", isSynced: true, now: 1)
        }
        writer.beat(now: 1)
        // The same files under another name, so that the next generation is not there under it.
        func share(_ suffix: String) throws {
            try FileManager.default.linkItem(atPath: folder.path("written\(suffix)"), toPath: folder.path("table\(suffix)"))
        }
        try share("")
        try share(".\(writer.generation)")
        let port = freePort()
        let frontend = try await RunningFrontend(
            ".:0 {\n bind 127.0.0.1\n ready 127.0.0.1:\(port)\n kubernetes cluster.local\n}", table: folder.path("table"))
        let address = frontend.address
        let packet = try TestPacket.query("kept.n.svc.cluster.local", .a)
        func isAnswered() async throws -> Bool {
            let answer = try await onThread { try TestClient.ask(packet, address) }
            return try MessageText(answer).answer.count == 1
        }
        func metrics() -> String { String(decoding: frontend.control.metrics.registry.render(), as: UTF8.self) }
        #expect(try await isAnswered())
        try await eventually("ready") { await frontend.control.ready().status == 200 }
        let before = writer.generation
        let padding = String(repeating: "x", count: 500)
        var number = 0
        while writer.generation == before {
            try writer.upsert(service("s\(number)", labels: ["padding": padding]))
            number += 1
        }
        try await eventually("not ready") { await frontend.control.ready().status == 503 }
        for _ in 0..<100 { #expect(try await isAnswered()) }
        #expect(metrics().contains("mizzen_worker_table_generation{worker=\"0\"} \(before)\n"))
        #expect(metrics().contains("mizzen_worker_table_behind{worker=\"0\"} 1\n"))
        let after = writer.generation
        try share(".\(after)")
        try await eventually("ready again") { await frontend.control.ready().status == 200 }
        try await eventually("the new generation") {
            metrics().contains("mizzen_worker_table_generation{worker=\"0\"} \(after)\n")
        }
        #expect(try await isAnswered())
        try await frontend.stop()
    }

    private func service(_ name: String, labels: [String: String]) -> ServiceRecord {
        ServiceRecord(namespace: "n", name: name, kind: .clusterIP, clusterIPs: [.v4(0x0A60_0001)], labels: labels)
    }

    @Test("label values of the query counters are escaped, and losses are counted from the start")
    func metricsText() {
        let metrics = FrontendMetrics()
        let plan = ServerPlan(label: "dns://:53", listen: [], zones: [], place: "Corefile:1")
        let server = WorkerServer(plan, chains: [], blocks: [], metrics: metrics, thread: 0)
        let exchange = Exchange(server: server, path: .slot(0, TestListener.make(server)))
        metrics.counters(server: "dns://:53", zone: "a\"b\\c.", thread: 0).count(exchange)
        let text = String(decoding: metrics.render(), as: UTF8.self)
        #expect(text.contains(#"zone="a\"b\\c.""#))
        #expect(text.contains("mizzen_dns_kernel_drops_total 0\n"))
    }

    @Test("datagrams that the kernel drops, and those that are no queries for their size, are counted")
    func losses() async throws {
        let gate = try Gate()
        let frontend = try await RunningFrontend(Self.hosts, logger: Logger(label: "test") { _ in GatedLogHandler(gate: gate) })
        let socket = try Socket.connecting(.datagram, to: frontend.address)
        let failing = try TestPacket.query("none.example.org", .a)
        _ = try Socket.send(failing.span, on: socket)
        let large = [UInt8](repeating: 0, count: 8_000)
        // The worker waits for the log; more than its socket's buffer, of at most 8 MiB, holds comes meanwhile.
        for _ in 0..<3_000 { _ = try? Socket.send(large.span, on: socket) }
        gate.open()
        let losses = frontend.control.metrics.losses
        try await eventually("both are counted") { losses.kernelDrops.value > 0 && losses.oversizedQueries.value > 0 }
        try await frontend.stop()
    }
}

/// Closed at first: whoever passes waits until it is opened.
private final class Gate: Sendable {
    private let waker: Waker
    private let count = Atomic(0)

    init() throws { waker = try Waker() }

    /// How many have come to it.
    var arrived: Int { count.load(ordering: .relaxed) }

    /// For everybody, for good.
    func open() { waker.wake() }

    func pass() {
        count.add(1, ordering: .relaxed)
        guard let poller = try? Poller(), (try? poller.add(waker.descriptor, .readable, token: 1)) != nil else { return }
        _ = try? poller.wait(milliseconds: 60_000)
    }
}

/// A log that stalls at the first failed query.
private struct GatedLogHandler: Logging.LogHandler {
    var gate: Gate
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        if event.message.description == "query failed" { gate.pass() }
    }
}
