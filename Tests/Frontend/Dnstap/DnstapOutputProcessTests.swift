import Foundation
import Logging
import MizzenSystem
import Names
import ProcessRuntime
import TestSupport
import Testing

@testable import Frontend

/// Outputs to a real collector, fstrm_capture of Debian's fstrm-bin.
@Suite("dnstap to a collector")
struct DnstapOutputProcessTests {
    private let folder: TemporaryFolder
    private let registry = MetricsRegistry()

    init() throws { folder = try TemporaryFolder() }

    /// Threads of Swift's pool block signals, a child inherits that, and fstrm_capture writes its file's end when SIGTERM tells it to.
    private static let unblocking =
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, ()); os.execv(sys.argv[1], sys.argv[1:])"

    private func capture(_ file: String, _ arguments: [String], content: String = "protobuf:dnstap.Dnstap") throws -> RunningProcess {
        try RunningProcess(
            "/usr/bin/python3",
            ["-c", Self.unblocking, "/usr/bin/fstrm_capture", "-t", content, "-w", folder.path(file)] + arguments, in: folder)
    }

    private func local(_ file: String) throws -> RunningProcess { try capture(file, ["-u", folder.path("tap")]) }

    /// An output to the socket `tap` in the folder, started.
    private func output(
        full: Bool = true, endpoint: DnstapSettings.Endpoint? = nil, tls: TLSClientConfiguration? = nil, logger: Logger? = nil,
        _ change: (inout DnstapOutput.Limits) -> Void = { _ in }
    ) throws -> DnstapOutput {
        var settings = DnstapSettings()
        settings.endpoint = endpoint ?? .local(path: folder.path("tap"))
        settings.full = full
        var limits = DnstapOutput.Limits(settings)
        limits.flush = .milliseconds(20)
        limits.retry = .milliseconds(20)
        change(&limits)
        let output = try DnstapOutput(
            settings, tls: tls, identity: "host", version: "Mizzen-test",
            metrics: DnstapMetrics(registry: registry, endpoint: settings.endpoint),
            logger: logger ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, limits: limits)
        try output.start()
        return output
    }

    private static let client = SocketAddress(address: .v4(0x7F00_0001), port: 4711)

    private func send(_ number: Int, to output: DnstapOutput) -> Bool {
        let message = DnstapMessage(
            kind: .clientQuery, transport: .udp, asker: Self.client, queryTime: Int64(number) * 1_000_000_000)
        return output.send(message, wire: [UInt8](repeating: 1, count: 100).span, extra: Span())
    }

    /// The numbers that `send` was given, as far as they are in a file of the collector.
    private func numbers(_ file: String) throws -> [Int] {
        try FrameStreamText.read(try folder.read(file)).frames.map { frame in
            guard case .bytes(14, let inner)? = ProtobufField.read(frame)?.dropLast().last, let fields = ProtobufField.read(inner),
                case .number(8, let seconds)? = fields.first(where: { if case .number(8, _) = $0 { true } else { false } })
            else { throw DidNotHappen(description: "a frame is no message: \(frame)") }
            return Int(seconds)
        }
    }

    private func connected(_ output: DnstapOutput) async throws {
        try await eventually("the collector is connected") { output.metrics.isConnected.value == 1 }
    }

    @Test("fstrm_capture receives what was sent, field by field, over a local socket and over TCP", arguments: [false, true])
    func fields(overTCP: Bool) async throws {
        let port = freePort()
        let collector = try overTCP ? capture("file", ["-a", "127.0.0.1", "-p", "\(port)"]) : local("file")
        let output = try output(endpoint: overTCP ? .tcp(host: "localhost", port: port) : nil)
        try await connected(output)
        let upstream = SocketAddress(address: .v4(0xC000_0201), port: 53)
        let messages = [
            DnstapMessage(kind: .clientQuery, transport: .udp, asker: Self.client, queryTime: 1_500_000_000_000_000_001),
            DnstapMessage(
                kind: .forwarderResponse, transport: .tcp, asker: Self.client, responder: upstream, queryTime: 2_000_000_003,
                responseTime: 4_000_000_005),
        ]
        for message in messages { output.send(message, wire: [1, 2, 3].span, extra: Array("e".utf8).span) }
        #expect(output.stop(within: .seconds(10)))
        #expect(output.metrics.sent.value == 2)
        #expect(output.metrics.dropped.value == 0)
        _ = try await collector.stop()
        let stream = FrameStreamText.read(try folder.read("file"))
        #expect(stream.controls == ["START protobuf:dnstap.Dnstap", "STOP"])
        let around: [ProtobufField] = [.text(1, "host"), .text(2, "Mizzen-test"), .text(3, "e")]
        let inner: [[ProtobufField]] = [
            [
                .number(1, 5), .number(2, 1), .number(3, 1), .bytes(4, [127, 0, 0, 1]), .number(6, 4711), .number(8, 1_500_000_000),
                .fixed(9, 1), .bytes(10, [1, 2, 3]),
            ],
            [
                .number(1, 8), .number(2, 1), .number(3, 2), .bytes(4, [127, 0, 0, 1]), .bytes(5, [192, 0, 2, 1]), .number(6, 4711),
                .number(7, 53), .number(8, 2), .fixed(9, 3), .number(12, 4), .fixed(13, 5), .bytes(14, [1, 2, 3]),
            ],
        ]
        try #require(stream.frames.count == 2)
        for (frame, fields) in zip(stream.frames, inner) {
            let outer = try #require(ProtobufField.read(frame))
            #expect(Array(outer.prefix(3)) == around)
            #expect(outer.last == .number(15, 1))
            guard case .bytes(14, let message)? = outer.dropFirst(3).first else {
                Issue.record("\(outer)")
                continue
            }
            #expect(ProtobufField.read(message) == fields)
        }
    }

    @Test("without 'full' no DNS message leaves")
    func notFull() async throws {
        let collector = try local("file")
        let output = try output(full: false)
        try await connected(output)
        #expect(send(3, to: output))
        #expect(output.stop(within: .seconds(10)))
        _ = try await collector.stop()
        let frame = try #require(FrameStreamText.read(try folder.read("file")).frames.first)
        guard case .bytes(14, let message)? = ProtobufField.read(frame)?.dropLast().last else {
            Issue.record("\(frame)")
            return
        }
        #expect(ProtobufField.read(message)?.contains { if case .bytes(10, _) = $0 { true } else { false } } == false)
    }

    @Test("many threads' messages come whole, each thread's in its order")
    func manyThreads() async throws {
        let collector = try local("file")
        let output = try output()
        try await connected(output)
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask { for number in 0..<2_000 { _ = self.send(thread * 10_000 + number, to: output) } }
            }
        }
        #expect(output.stop(within: .seconds(10)))
        #expect(output.metrics.sent.value + output.metrics.dropped.value == 8_000)
        _ = try await collector.stop()
        let found = try numbers("file")
        #expect(found.count == Int(output.metrics.sent.value))
        for thread in 0..<4 {
            let own = found.filter { $0 / 10_000 == thread }
            #expect(own == own.sorted() && Set(own).count == own.count)
        }
    }

    @Test("a collector that stands still delays no sender; what does not fit is counted, and it ends in time")
    func standsStill() async throws {
        let collector = try local("file")
        let output = try output { $0.messages = 1_000 }
        try await connected(output)
        try await collector.suspend()
        var slowest = Duration.zero
        for number in 0..<20_000 {
            let start = ContinuousClock.now
            _ = send(number, to: output)
            slowest = max(slowest, ContinuousClock.now - start)
        }
        #expect(slowest < .seconds(1))
        #expect(output.metrics.dropped.value > 10_000)
        let start = ContinuousClock.now
        #expect(output.stop(within: .milliseconds(300)))
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(output.metrics.sent.value + output.metrics.dropped.value == 20_000)
        try await collector.kill()
    }

    @Test("a collector that is killed and comes back receives what waited meanwhile")
    func comesBack() async throws {
        let first = try local("first")
        let output = try output()
        try await connected(output)
        #expect(send(1, to: output))
        try await eventually("it is sent") { output.metrics.sent.value == 1 }
        try await first.kill()
        try await eventually("the end is seen") { output.metrics.isConnected.value == 0 }
        for number in 2...100 { #expect(send(number, to: output)) }
        let second = try local("second")
        try await eventually("the rest is sent") { output.metrics.sent.value == 100 }
        #expect(output.stop(within: .seconds(10)))
        _ = try await second.stop()
        #expect(try numbers("second") == Array(2...100))
        #expect(output.metrics.dropped.value == 0)
    }

    @Test("without a collector messages wait as far as there is room, and are counted at the end; one that starts late receives them")
    func startsLate() async throws {
        let lonely = try output { $0.messages = 50 }
        let taken = (1...60).map { send($0, to: lonely) }
        #expect(taken == (1...60).map { $0 <= 50 })
        #expect(lonely.stop(within: .seconds(10)))
        #expect(lonely.metrics.sent.value == 0)
        #expect(lonely.metrics.dropped.value == 60)
        #expect(!send(61, to: lonely))
        let output = try output()
        for number in 1...60 { #expect(send(number, to: output)) }
        let collector = try local("file")
        try await connected(output)
        #expect(output.stop(within: .seconds(10)))
        _ = try await collector.stop()
        #expect(try numbers("file") == Array(1...60))
    }

    @Test("a collector of other content is not sent anything")
    func otherContent() async throws {
        let collector = try capture("file", ["-u", folder.path("tap")], content: "other")
        try await eventually("it listens") { FileManager.default.fileExists(atPath: folder.path("tap")) }
        let output = try output()
        #expect(send(1, to: output))
        #expect(output.stop(within: .milliseconds(500)))
        #expect(output.metrics.sent.value == 0)
        #expect(output.metrics.dropped.value == 1)
        _ = try await collector.stop()
    }

    // MARK: TLS

    /// Takes TLS off for a collector behind it: a port with a certificate in front, a port with a plain collector behind.
    private static let unwrapper = """
        import socket, ssl, sys, threading
        front, back, certificate, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = socket.create_server(("127.0.0.1", front))
        print("ready", flush=True)
        def carry(source, target):
            try:
                while data := source.recv(65536): target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError: pass
        while True:
            try:
                client = context.wrap_socket(server.accept()[0], server_side=True)
                collector = socket.create_connection(("127.0.0.1", back))
            except OSError as error:
                print(error, flush=True)
                continue
            threading.Thread(target=carry, args=(client, collector), daemon=True).start()
            threading.Thread(target=carry, args=(collector, client), daemon=True).start()
        """

    private func unwrapper(_ front: UInt16, _ back: UInt16, _ authority: AuthorityFiles) async throws -> RunningProcess {
        let process = try RunningProcess(
            "/usr/bin/python3",
            ["-c", Self.unwrapper, "\(front)", "\(back)", authority.folder.path("tap.crt"), authority.folder.path("tap.key")], in: folder)
        try await eventually("it listens") { process.output.contains("ready") }
        return process
    }

    private func trust(_ authority: AuthorityFiles?, verifies: Bool = true) throws -> TLSClientConfiguration {
        let files = TLSFiles(
            authorities: authority.map { Token(text: $0.certificate, file: "Corefile", line: 1, startsRow: false, isQuoted: false) })
        return try TLSClientConfiguration(files, place: "dnstap: tls", protocols: [], verifies: verifies)
    }

    @Test("a collector behind TLS receives everything, by an authority that is trusted or with skipverify", arguments: [true, false])
    func overTLS(verifies: Bool) async throws {
        let authority = try await AuthorityFiles()
        try await authority.issue("tap", names: verifies ? "DNS:localhost" : "DNS:other.example")
        let (front, back) = (freePort(), freePort())
        let collector = try capture("file", ["-a", "127.0.0.1", "-p", "\(back)"])
        let unwrapper = try await unwrapper(front, back, authority)
        let output = try output(
            endpoint: .tls(.name("localhost"), port: front), tls: try trust(verifies ? authority : nil, verifies: verifies))
        try await connected(output)
        // More than one record of TLS holds.
        for number in 1...2000 { #expect(send(number, to: output)) }
        #expect(output.stop(within: .seconds(10)))
        #expect(output.metrics.sent.value == 2000 && output.metrics.dropped.value == 0)
        _ = try await collector.stop()
        #expect(try numbers("file") == Array(1...2000))
        try await unwrapper.kill()
    }

    @Test("a collector whose certificate is not good is sent nothing, and the log says why", arguments: ["unknown", "name"])
    func distrusted(fault: String) async throws {
        let authority = try await AuthorityFiles()
        try await authority.issue("tap", names: fault == "name" ? "DNS:other.example" : "DNS:localhost")
        let (front, back) = (freePort(), freePort())
        let collector = try capture("file", ["-a", "127.0.0.1", "-p", "\(back)"])
        let unwrapper = try await unwrapper(front, back, authority)
        let log = RecordedLog()
        let output = try output(
            endpoint: .tls(.name("localhost"), port: front), tls: try trust(fault == "name" ? authority : nil), logger: log.logger)
        #expect(send(1, to: output))
        try await eventually("the fault is logged") { log.lines.contains { $0.contains("no connection to the dnstap collector") } }
        #expect(log.lines.contains { $0.contains("certificate") })
        #expect(output.stop(within: .milliseconds(300)))
        #expect(output.metrics.sent.value == 0 && output.metrics.dropped.value == 1)
        _ = try await collector.stop()
        try await unwrapper.kill()
    }
}
