import Foundation
import MizzenSystem
import Names
import Synchronization
import TestSupport
import Testing

@testable import Frontend

/// Frontends that share a port are restarted one after another while clients ask.
@Suite("Rolling restarts", .serialized)
struct RollingRestartProcessTests {
    private let folder: TemporaryFolder
    private let port = freePort()

    init() throws {
        folder = try TemporaryFolder()
        try write(upstream: "127.0.0.1:9")
    }

    private func write(upstream: String, version: Int = 1) throws {
        let corefile = """
            .:\(port) {
                bind 127.0.0.1
                hosts /nonexistent {
                    192.0.2.\(version) one.example.org
                    fallthrough
                }
                forward . \(upstream) {
                    max_fails 0
                }
                cache 1
            }

            """
        try folder.write(Array(corefile.utf8), to: "Corefile")
    }

    private var address: SocketAddress { SocketAddress(address: .v4(0x7F00_0001), port: port) }

    private func start() async throws -> RunningProcess {
        let frontend = try RunningProcess(
            "mizzen-frontend", ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "2"], in: folder)
        try await eventually("it serves") { frontend.output.contains(" serving ") }
        return frontend
    }

    /// Clients that ask, each question from a socket of its own, until told to stop; what was not answered in five seconds.
    private final class Clients: Sendable {
        private let state = Mutex<(isOver: Bool, asked: Int, faults: [String])>((false, 0, []))
        private let address: SocketAddress

        init(_ address: SocketAddress) { self.address = address }

        func run(_ thread: Int) async throws {
            try await onThread { [self] in
                var id = UInt16(thread)
                while !state.withLock({ $0.isOver }) {
                    id &+= 4
                    var fault: String?
                    do {
                        let octets = try TestClient.ask(try TestPacket.query("one.example.org", .a, id: id), address)
                        if try MessageText(octets).answer.count != 1 { fault = "\(try MessageText(octets))" }
                    } catch {
                        fault = "\(error)"
                    }
                    state.withLock { state in
                        state.asked += 1
                        if let fault { state.faults.append(fault) }
                    }
                }
            }
        }

        func stop() { state.withLock { $0.isOver = true } }
        var asked: Int { state.withLock { $0.asked } }
        var faults: [String] { state.withLock { $0.faults } }
    }

    private func asking(_ body: (Clients) async throws -> Void) async throws -> Clients {
        let clients = Clients(address)
        let tasks = (0..<3).map { thread in Task { try await clients.run(thread) } }
        let result: Result<Void, any Error>
        do { result = .success(try await body(clients)) } catch { result = .failure(error) }
        clients.stop()
        for task in tasks { try await task.value }
        try result.get()
        return clients
    }

    @Test("a restart of each frontend in turn loses no question that comes as a datagram")
    func restarts() async throws {
        var frontends = [try await start(), try await start()]
        let clients = try await asking { clients in
            for round in 0..<(isSoak ? 60 : 8) {
                let next = try await start()
                #expect(try await frontends[round % 2].stop() == 0)
                frontends[round % 2] = next
                let goal = clients.asked + 50
                try await eventually("some are asked") { clients.asked >= goal }
            }
        }
        #expect(clients.faults == [] && clients.asked > 200)
        for frontend in frontends { #expect(try await frontend.stop() == 0) }
    }

    @Test("SIGHUP while questions wait for upstreams and others are answered loses none of them")
    func hangup() async throws {
        let socket = try Socket.listening(.datagram, on: SocketAddress(address: .v4(0x7F00_0001), port: 0))
        try write(upstream: "127.0.0.1:\(try Socket.boundPort(socket))")
        let frontend = try await start()
        guard let batch = DatagramBatch() else { throw DidNotHappen(description: "no memory") }
        let clients = try await asking { clients in
            for round in 1...(isSoak ? 60 : 6) {
                let waiting = try Socket.connecting(.datagram, to: address)
                let packet = try TestPacket.query("slow-\(round).example", .a)
                _ = try Socket.send(packet.span, on: waiting)
                try await eventually("the upstream is asked") { try batch.receive(from: socket) == 1 }
                try write(upstream: "127.0.0.1:\(try Socket.boundPort(socket))", version: 1 + round)
                frontend.signal(SIGHUP)
                try await eventually("it has reloaded") { frontend.output.components(separatedBy: " reloaded ").count == 1 + round }
                let goal = clients.asked + 50
                try await eventually("some are asked") { clients.asked >= goal }
                let answer = try TestPacket.answer(to: batch.withPacket(0) { $0.bytes }, ["slow-\(round).example. 60 A 192.0.2.7"])
                _ = batch.peer(0).send(answer.span, on: socket)
                let octets = try await onThread { try TestClient.receive(waiting) }
                #expect(try MessageText(octets).answer == ["slow-\(round).example. 1 IN A 192.0.2.7"])
            }
        }
        #expect(clients.faults == [])
        #expect(try await frontend.stop() == 0)
    }

    /// Names that do not exist, a hundred under way at a time, until told to stop.
    private final class Flood: Sendable {
        private let isOver = Mutex(false)
        private let address: SocketAddress

        init(_ address: SocketAddress) { self.address = address }

        func run() async throws {
            try await onThread { [self] in
                let socket = try Socket.connecting(.datagram, to: address)
                var number = 0
                while !isOver.withLock({ $0 }) { number = try pour(number, socket) }
            }
        }

        private func pour(_ first: Int, _ socket: Descriptor) throws -> Int {
            for number in first..<(first + 100) {
                let packet = try TestPacket.query("\(number).example.com", .a, id: UInt16(truncatingIfNeeded: number))
                _ = try Socket.send(packet.span, on: socket)
            }
            var answers = 0
            while answers < 100, (try? TestClient.receive(socket, milliseconds: 200)) != nil { answers += 1 }
            return first + 100
        }

        func stop() { isOver.withLock { $0 = true } }
    }

    /// A ratio inside one run, and only where the machine is this test's alone.
    @Test("a flood of names that do not exist leaves the latency of names that do within twice its quiet value", .enabled(if: isSoak))
    func flood() async throws {
        let upstream = try TestUpstream("example.com. 300 SOA ns.example.com. host.example.com. 1 2 3 4 60")
        try write(upstream: "\(upstream.address)")
        let frontend = try await start()
        func latency() async throws -> Duration {
            let address = address
            return try await onThread {
                let clock = ContinuousClock()
                let times = try (0..<2000).map { _ in
                    try clock.measure { _ = try TestClient.ask(try TestPacket.query("one.example.org", .a), address) }
                }
                return times.sorted()[1000]
            }
        }
        _ = try await latency()
        let quiet = try await latency()
        let flood = Flood(address)
        let flooding = Task { try await flood.run() }
        let flooded = try await latency()
        flood.stop()
        try await flooding.value
        #expect(flooded <= quiet * 2, "quiet \(quiet), flooded \(flooded)")
        #expect(try await frontend.stop() == 0)
        upstream.stop()
    }
}
