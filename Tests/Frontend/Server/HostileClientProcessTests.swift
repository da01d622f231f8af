import Foundation
import Glibc
import MizzenSystem
import TestSupport
import Testing

@testable import Frontend

/// A real frontend, and TCP clients that would rather that nobody else were served.
@Suite("Hostile TCP clients", .serialized)
struct HostileClientProcessTests {
    /// One thread, so that its limits are the process's.
    private struct Subject {
        let folder: TemporaryFolder
        let port: UInt16
        let http: UInt16
        let process: RunningProcess

        init(descriptors: Int? = nil) async throws {
            folder = try TemporaryFolder()
            (port, http) = (freePort(), freePort())
            let corefile = """
                .:\(port) {
                    bind 127.0.0.1
                    prometheus 127.0.0.1:\(http)
                    hosts /nonexistent {
                        192.0.2.1 one.example.org
                        \((1...60).map { "192.0.2.\($0) many.example.org" }.joined(separator: "\n        "))
                    }
                }
                """
            try folder.write(Array(corefile.utf8), to: "Corefile")
            let arguments = ["--corefile", folder.path("Corefile"), "--table", folder.path("table"), "--threads", "1"]
            if let descriptors {
                process = try RunningProcess(
                    "/usr/bin/prlimit",
                    ["--nofile=\(descriptors):\(descriptors)", RunningProcess.folder.appending(path: "mizzen-frontend").path]
                        + arguments, in: folder)
            } else {
                process = try RunningProcess("mizzen-frontend", arguments, in: folder)
            }
            let dns = DNSProbe(port: port)
            try await eventually("it serves") { dns.addresses(of: "one.example.org")?.addresses == ["192.0.2.1"] }
        }

        /// `count` connections that say nothing, from each of `sources` addresses.
        func flood(_ count: Int, from sources: Range<Int>) throws -> [Descriptor] {
            var streams: [Descriptor] = []
            for _ in 0..<count {
                for source in sources { streams.append(try LoopbackStream.connect(from: LoopbackStream.address(source), to: port)) }
            }
            return streams
        }

        /// Whether a client with an address of its own gets an answer over a new connection.
        func answersOthers() throws -> Bool {
            let stream = try LoopbackStream.connect(from: LoopbackStream.address(200), to: port)
            return try asks(stream)
        }

        func asks(_ stream: Descriptor) throws -> Bool {
            guard let answer = try LoopbackStream.ask(try TestPacket.query("one.example.org", .a), on: stream) else { return false }
            return try MessageText(answer).answer == ["one.example.org. 3600 IN A 192.0.2.1"]
        }

        func metrics() async throws -> [String: Int] {
            let curl = try RunningProcess("/usr/bin/curl", ["--silent", "http://127.0.0.1:\(http)/metrics"], in: folder)
            _ = try await curl.exitCode(within: .seconds(10))
            let samples = curl.output.matches(of: /(?m)^(mizzen_dns_\S+) (\d+)$/).map { (String($0.1), Int($0.2) ?? -1) }
            return Dictionary(samples) { first, _ in first }
        }

        func lines(_ text: String) -> Int { process.output.components(separatedBy: text).count - 1 }
    }

    @Test("a flood of idle connections from many addresses: others are answered all the time, the ones idle longest go, one line says so")
    func manyAddresses() async throws {
        let (sources, rounds) = isSoak ? (1..<26, 8) : (1..<9, 4)
        let each = isSoak ? 100 : 190
        try LoopbackStream.allowDescriptors(UInt(ConnectionLimits.most + sources.count * each + 1_000))
        let subject = try await Subject()
        var (streams, made) = ([Descriptor](), 0)
        for round in 0..<rounds {
            streams.removeAll(where: LoopbackStream.hasEnded)
            streams += try subject.flood(each, from: sources)
            made += sources.count * each
            for _ in 0..<20 { #expect(try subject.answersOthers(), "round \(round)") }
        }
        #expect(made == (isSoak ? 20_000 : 6_080))
        // Those that came last are still there.
        #expect(try subject.asks(streams[streams.count - 1]))
        let metrics = try await subject.metrics()
        let closed = try #require(metrics[#"mizzen_dns_connections_closed_total{reason="limit"}"#])
        // Others may have reached their read time meanwhile.
        let late = metrics[#"mizzen_dns_connections_closed_total{reason="idle"}"#] ?? 0
        #expect(closed > 0 && closed + late >= made - ConnectionLimits.most)
        #expect(metrics["mizzen_dns_connections"].map { $0 <= ConnectionLimits.most && $0 > 0 } == true)
        #expect(metrics[#"mizzen_dns_refused_connections_total{reason="limit"}"#] == 0)
        try await eventually("it says so") { subject.lines("TCP connections are at their limit") == 1 }
        #expect(subject.lines("a client is at its limit") == 0)
        #expect(try await subject.process.stop() == 0)
    }

    @Test("one address's idle connections push out nobody's but its own")
    func oneAddress() async throws {
        try LoopbackStream.allowDescriptors(4_000)
        let subject = try await Subject()
        let other = try LoopbackStream.connect(from: LoopbackStream.address(9), to: subject.port)
        #expect(try subject.asks(other))
        let more = isSoak ? 2_000 : 500
        let streams = try subject.flood(ConnectionLimits.mostOfClient + more, from: 3..<4)
        #expect(try subject.answersOthers())
        #expect(try subject.asks(other), "the connection that was there first")
        try await eventually("the address's oldest are closed") { streams[..<more].allSatisfy(LoopbackStream.hasEnded) }
        #expect(try subject.asks(streams[streams.count - 1]))
        let metrics = try await subject.metrics()
        #expect(metrics[#"mizzen_dns_connections_closed_total{reason="client_limit"}"#] == more)
        #expect(metrics[#"mizzen_dns_connections_closed_total{reason="limit"}"#] == 0)
        try await eventually("it says so") { subject.lines("a client is at its limit of TCP connections") == 1 }
        #expect(subject.lines("127.0.3.1") == 1)
        #expect(try await subject.process.stop() == 0)
    }

    @Test("with few descriptors the limit is lower, and DNS and metrics go on under a flood")
    func fewDescriptors() async throws {
        try LoopbackStream.allowDescriptors(2_000)
        let subject = try await Subject(descriptors: 128)
        // 96 connections in all.
        let streams = try subject.flood(30, from: 1..<11)
        #expect(try subject.answersOthers())
        let metrics = try await subject.metrics()
        #expect(metrics["mizzen_dns_connections"].map { $0 <= 96 } == true)
        #expect(metrics["mizzen_dns_accept_failures_total"] == 0)
        #expect(DNSProbe(port: subject.port).addresses(of: "one.example.org")?.addresses == ["192.0.2.1"])
        #expect(try subject.asks(streams[streams.count - 1]))
        #expect(try await subject.process.stop() == 0)
    }

    /// The seconds until the server has ended each of `streams`, `act` being called again and again meanwhile.
    private func lifetimes(_ streams: [Descriptor], within limit: Duration, _ act: (Duration) throws -> Void) async throws -> [Double] {
        let start = ContinuousClock.now
        var ends = [Double](repeating: 0, count: streams.count)
        try await eventually("all are closed", within: limit) {
            let time = ContinuousClock.now - start
            for index in streams.indices where ends[index] == 0 && LoopbackStream.hasEnded(streams[index]) {
                ends[index] = Double(time.nanoseconds) / 1e9
            }
            try act(time)
            return !ends.contains(0)
        }
        return ends
    }

    @Test("silent clients, length octets alone and octets one by one have the read time; after an answer comes the idle time")
    func slow() async throws {
        let subject = try await Subject()
        let streams = try (1...4).map { try LoopbackStream.connect(from: LoopbackStream.address($0), to: subject.port) }
        let (half, dripping, asked) = (streams[1], streams[2], streams[3])
        let query = try TestPacket.query("one.example.org", .a)
        _ = try Socket.send([0].span, on: half)
        #expect(try subject.asks(asked))
        var rest = ([0, UInt8(query.count)] + query)[...]
        let ends = try await lifetimes(streams, within: .seconds(15)) { time in
            // An octet each 0.2 s: the whole query would need longer than the read time.
            if Double(time.nanoseconds) / 2e8 > Double(2 + query.count - rest.count), let octet = rest.popFirst() {
                _ = try? Socket.send([octet].span, on: dripping)
            }
        }
        for index in 0..<3 { #expect((2.7...4).contains(ends[index]), "\(ends)") }
        #expect((9.7...11).contains(ends[3]), "\(ends)")
        let metrics = try await subject.metrics()
        #expect(metrics[#"mizzen_dns_connections_closed_total{reason="unfinished"}"#] == 2)
        #expect(metrics[#"mizzen_dns_connections_closed_total{reason="idle"}"#] == 2)
        #expect(metrics["mizzen_dns_connections"] == 0)
        #expect(try await subject.process.stop() == 0)
    }

    /// Sends as much as the connection takes.
    private func pipeline(on stream: Descriptor, _ rest: inout ArraySlice<UInt8>) throws {
        while !rest.isEmpty {
            let sent = try Socket.send(Array(rest.prefix(16_384)).span, on: stream)
            if sent == 0 { return }
            rest = rest.dropFirst(sent)
        }
    }

    private static func queries(_ count: Int) throws -> ArraySlice<UInt8> {
        try (1...count).flatMap { number in
            let query = try TestPacket.query("many.example.org", .a, id: UInt16(number))
            return [0, UInt8(query.count)] + query
        }[...]
    }

    @Test("a client that never reads is not read from, and goes after the write time; what it holds is bounded")
    func neverReads() async throws {
        let subject = try await Subject()
        _ = try subject.answersOthers()
        let before = subject.process.residentBytes
        let queries = try Self.queries(20_000)
        let streams = try (0..<50).map { _ in
            let stream = try LoopbackStream.connect(from: LoopbackStream.address(5), to: subject.port, buffers: 4_096)
            var rest = queries
            try pipeline(on: stream, &rest)
            #expect(!rest.isEmpty, "the server reads on")
            return stream
        }
        #expect(try subject.answersOthers())
        let name = #"mizzen_dns_connections_closed_total{reason="unread"}"#
        try await eventually("all are closed", within: .seconds(12)) { try await subject.metrics()[name] == 50 }
        #expect(subject.process.residentBytes < before + 64 << 20)
        #expect(try subject.answersOthers())
        #expect(try await subject.process.stop() == 0)
        withExtendedLifetime(streams) {}
    }

    @Test("a client that reads late and has ended its side gets every answer, in order")
    func readsLate() async throws {
        let subject = try await Subject()
        let stream = try LoopbackStream.connect(from: LoopbackStream.address(6), to: subject.port, buffers: 4_096)
        let count = 10_000
        var rest = try Self.queries(count)
        try await eventually("the server reads no more") {
            let before = rest.count
            try pipeline(on: stream, &rest)
            return rest.count == before && !rest.isEmpty
        }
        var (octets, numbers, isOver) = ([UInt8](), [Int](), false)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        try await eventually("all answers come") {
            while !isOver {
                try pipeline(on: stream, &rest)
                if rest.isEmpty { shutdown(stream.raw, Int32(SHUT_WR)) }
                switch try Socket.receive(&buffer, from: stream) {
                case .nothingYet: return false
                case .end: isOver = true
                case .count(let received): octets += buffer[..<received]
                }
            }
            return true
        }
        var place = 0
        while place + 4 <= octets.count {
            numbers.append(Int(octets[place + 2]) << 8 | Int(octets[place + 3]))
            place += 2 + (Int(octets[place]) << 8 | Int(octets[place + 1]))
        }
        #expect(numbers == Array(1...count))
        #expect(place == octets.count)
        #expect(try await subject.process.stop() == 0)
    }
}
