import MizzenSystem
import Foundation
import Logging
import Names
import ProcessRuntime
import TestSupport

@testable import Frontend

/// A frontend that serves inside the test's process on ports of its own, until `stop`.
final class RunningFrontend: Sendable {
    let folder: TemporaryFolder
    let control: FrontendControl
    private let task: Task<Void, any Error>

    /// - Parameter corefile: its text, with `{port}` for port 0.
    convenience init(
        _ corefile: String, table: String? = nil, threads: Int = 1, logger: Logger? = nil,
        _ adjust: (inout FrontendService.Options) -> Void = { _ in }
    ) async throws {
        let folder = try TemporaryFolder()
        try folder.write(Array(corefile.utf8), to: "Corefile")
        try await self.init(in: folder, table: table, threads: threads, logger: logger, adjust)
    }

    /// - Parameter folder: has the Corefile.
    init(
        in folder: TemporaryFolder, table: String? = nil, threads: Int = 1, logger: Logger? = nil,
        _ adjust: (inout FrontendService.Options) -> Void = { _ in }
    ) async throws {
        self.folder = folder
        var options = FrontendService.Options(
            corefile: folder.path("Corefile"), table: table ?? folder.path("no-table"), threads: threads)
        adjust(&options)
        let control = try FrontendControl(
            options: options,
            logger: logger ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        self.control = control
        task = Task { try await control.run() }
    }

    /// The first address that it listens on.
    var address: SocketAddress { control.addresses[0] }

    func rewrite(_ corefile: String) async throws {
        try folder.write(Array(corefile.utf8), to: "Corefile")
        await control.reload()
    }

    /// The sample of /metrics that has this name, with its labels if it has any.
    func metric(_ sample: String) -> Double? {
        String(decoding: control.metrics.registry.render(), as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix(sample + " ") }.flatMap { Double($0.dropFirst(sample.count + 1)) }
    }

    /// Waits for it to end by itself.
    func ended() async throws { try await task.value }

    /// Drains and waits for the end.
    func stop() async throws {
        task.cancel()
        try await task.value
    }
}

/// A DNS client with blocking calls; every wait ends after five seconds.
enum TestClient {
    struct NoAnswer: Error {}

    private static func wait(_ descriptor: Descriptor, _ interest: Poller.Interest, milliseconds: Int32 = 9000) throws {
        let poller = try Poller()
        try poller.add(descriptor, interest, token: 1)
        guard try poller.wait(milliseconds: milliseconds) == 1 else { throw NoAnswer() }
    }

    /// Sends one datagram and returns the first one back.
    static func ask(_ packet: [UInt8], _ address: SocketAddress, milliseconds: Int32 = 5000) throws -> [UInt8] {
        let socket = try Socket.connecting(.datagram, to: address)
        _ = try Socket.send(packet.span, on: socket)
        return try receive(socket, milliseconds: milliseconds)
    }

    static func receive(_ socket: Descriptor, milliseconds: Int32 = 5000) throws -> [UInt8] {
        try wait(socket, .readable, milliseconds: milliseconds)
        var buffer = [UInt8](repeating: 0, count: 65_535)
        guard case .count(let count) = try Socket.receive(&buffer, from: socket) else { throw NoAnswer() }
        return Array(buffer[..<count])
    }

    /// Opens a stream and sends `packets` at once, each with its length.
    static func open(_ address: SocketAddress, sending packets: [[UInt8]]) throws -> Descriptor {
        let socket = try Socket.connecting(.stream, to: address)
        try wait(socket, .writable)
        let octets = packets.flatMap { [UInt8($0.count >> 8), UInt8(truncatingIfNeeded: $0.count)] + $0 }
        _ = try Socket.send(octets.span, on: socket)
        return socket
    }

    /// The next messages of a stream, as many as asked for; fewer when the other side ends it.
    static func read(_ count: Int, from socket: Descriptor) throws -> [[UInt8]] {
        var octets: [UInt8] = []
        var messages: [[UInt8]] = []
        var buffer = [UInt8](repeating: 0, count: 65_535)
        while messages.count < count {
            try wait(socket, .readable)
            switch try Socket.receive(&buffer, from: socket) {
            case .end: return messages
            case .nothingYet: continue
            case .count(let received): octets += buffer[..<received]
            }
            while octets.count >= 2, octets.count >= 2 + Int(octets[0]) << 8 + Int(octets[1]) {
                let size = Int(octets[0]) << 8 | Int(octets[1])
                messages.append(Array(octets[2..<(2 + size)]))
                octets.removeFirst(2 + size)
            }
        }
        return messages
    }

    static func askOverStream(_ packets: [[UInt8]], _ address: SocketAddress) throws -> [[UInt8]] {
        try read(packets.count, from: try open(address, sending: packets))
    }
}
