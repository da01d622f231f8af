import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import ProcessRuntime

@Suite("HTTP endpoints")
struct HTTPEndpointsTests {
    private func ask(_ address: HTTPAddress, _ request: String) async throws -> String { try await TestHTTP.ask(address, request) }

    private static let usual: [String: HTTPEndpoints.Route] = [
        "/livez": { .text("ok") }, "/readyz": { .text("not yet", status: 503) }, "/metrics": { .metrics([65]) },
    ]

    private func withEndpoints(
        host: String = "127.0.0.1", routes: [String: HTTPEndpoints.Route] = [:], front: HTTPFront = HTTPFront(), mostConnections: Int = 512,
        _ body: @Sendable @escaping (HTTPAddress) async throws -> Void
    ) async throws {
        let (addresses, continuation) = AsyncStream.makeStream(of: HTTPAddress.self)
        let endpoints = HTTPEndpoints(
            address: HTTPAddress(host: host, port: 0),
            routes: Self.usual.merging(routes) { $1 },
            front: front, mostConnections: mostConnections, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            listening: { continuation.yield($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await endpoints.run() }
            for await address in addresses {
                try await body(address)
                break
            }
            group.cancelAll()
        }
    }

    @Test("paths answer with their status, type and body; others and other methods do not")
    func answers() async throws {
        try await withEndpoints { address in
            let live = try await ask(address, "GET /livez?verbose=1")
            #expect(live.hasPrefix("HTTP/1.1 200 OK") && live.hasSuffix("\r\n\r\nok\n"))
            #expect(try await ask(address, "GET /readyz").hasPrefix("HTTP/1.1 503"))
            #expect(try await ask(address, "GET /metrics").contains("text/plain; version=0.0.4"))
            #expect(try await ask(address, "GET /other").hasPrefix("HTTP/1.1 404"))
            #expect(try await ask(address, "POST /livez").hasPrefix("HTTP/1.1 405"))
            let head = try await ask(address, "HEAD /livez")
            #expect(head.lowercased().contains("content-length: 3") && head.hasSuffix("\r\n\r\n"))
        }
    }

    /// A connection on which nothing is said.
    private func connect(_ address: HTTPAddress) async throws -> any Channel {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: address.host, port: address.port).get()
    }

    @Test("a port without a host is served on every address, of IPv6 too")
    func everyAddress() async throws {
        let every = try #require(HTTPAddress(argument: ":0"))
        try await withEndpoints(host: every.host) { address in
            for host in ["127.0.0.1", "::1"] {
                let answer = try await ask(HTTPAddress(host: host, port: address.port), "GET /livez")
                #expect(answer.hasSuffix("\r\n\r\nok\n"))
            }
        }
    }

    @Test("a connection on which nothing is said is closed after a while")
    func idle() async throws {
        try await withEndpoints(front: HTTPFront(server: HTTPFront.plain(HTTPTimeouts(idle: .milliseconds(50))))) { address in
            try await connect(address).closeFuture.get()
            let unfinished = try await connect(address)
            try await unfinished.writeAndFlush(ByteBuffer(string: "GET /livez HT")).get()
            try await unfinished.closeFuture.get()
            #expect(try await ask(address, "GET /livez").hasPrefix("HTTP/1.1 200"))
        }
    }

    /// A request as far as it comes, behind one that was answered on the same connection or not.
    @Test(
        "a request that does not come to its end is not waited for", arguments: [false, true],
        [
            ("GET /livez HT", "read-header"), ("GET /livez HTTP/1.1\r\nhost: a\r\nx: ", "read-header"),
            ("POST /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nbody", "read"),
        ])
    func slowRequest(isSecond: Bool, _ begun: (text: String, limit: String)) async throws {
        let ended = Mutex<[String]>([])
        let timeouts = HTTPTimeouts(
            readHeader: begun.limit == "read" ? .seconds(60) : .milliseconds(50),
            read: begun.limit == "read" ? .milliseconds(50) : .seconds(60),
            write: .seconds(60), ended: { limit in ended.withLock { $0.append(limit) } })
        try await withEndpoints(front: HTTPFront(server: HTTPFront.plain(timeouts))) { address in
            let channel = try await connect(address)
            if isSecond {
                // Sent and answered in less than the limit, and nothing is asked for longer than it: idle is something else.
                try await channel.writeAndFlush(ByteBuffer(string: "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")).get()
                try await throughout(.milliseconds(150), "an idle connection is kept") { channel.isActive }
                #expect(ended.withLock { $0 }.isEmpty)
            }
            try await channel.writeAndFlush(ByteBuffer(string: begun.text)).get()
            try await channel.closeFuture.get()
            #expect(ended.withLock { $0 } == [begun.limit])
        }
    }

    @Test("a client that stops reading its answer is not waited for, and one that reads slowly gets all of it")
    func slowReader() async throws {
        let ended = Mutex<[String]>([])
        let timeouts = HTTPTimeouts(write: .milliseconds(500), ended: { limit in ended.withLock { $0.append(limit) } })
        // More than the two sockets hold.
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: 64 << 20)
        try await withEndpoints(
            routes: ["/long": { HTTPAnswer(body: long) }], front: HTTPFront(server: HTTPFront.plain(timeouts))
        ) { address in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.autoRead, value: false).connect(host: address.host, port: address.port).get()
            try await channel.writeAndFlush(ByteBuffer(string: "GET /long HTTP/1.1\r\nhost: a\r\n\r\n")).get()
            try await eventually("the connection is ended") { ended.withLock { $0 } == ["write"] }
            try await channel.close().get()
            let whole = try await ask(address, "GET /long")
            #expect(whole.utf8.count > long.count)
            #expect(ended.withLock { $0 } == ["write"])
        }
    }

    @Test("no more connections are taken than allowed; one that waits is served when another ends")
    func mostConnections() async throws {
        try await withEndpoints(mostConnections: 2) { address in
            let held = [try await connect(address), try await connect(address)]
            let isAnswered = Mutex(false)
            let third = Task {
                let answer = try await ask(address, "GET /livez")
                isAnswered.withLock { $0 = true }
                return answer
            }
            try await throughout(.milliseconds(300), "nobody answers the third") { !isAnswered.withLock { $0 } }
            try await held[0].close().get()
            #expect(try await third.value.hasPrefix("HTTP/1.1 200"))
            try await held[1].close().get()
        }
    }

    @Test("whoever holds all connections and says nothing shuts out nobody; for one more the one goes that has been silent longest")
    func room() async throws {
        let crowded = Mutex(0)
        let room = ConnectionRoom(most: 3, crowded: { crowded.withLock { $0 += 1 } })
        try await withEndpoints(front: HTTPFront(server: HTTPFront.plain(room: room))) { address in
            var held = [try await connect(address), try await connect(address), try await connect(address)]
            // In their order: what a connection is known by is that it has been answered.
            for channel in [held[1], held[2], held[0]] {
                try await channel.writeAndFlush(ByteBuffer(string: "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")).get()
                try await Task.sleep(for: .milliseconds(30))
            }
            #expect(held.allSatisfy(\.isActive) && crowded.withLock { $0 } == 0)
            let asker = try await connect(address)
            try await asker.writeAndFlush(ByteBuffer(string: "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")).get()
            try await held[1].closeFuture.get()
            #expect(held[0].isActive && held[2].isActive && asker.isActive)
            #expect(crowded.withLock { $0 } == 1)
            for _ in 0..<20 { #expect(try await ask(address, "GET /livez").hasPrefix("HTTP/1.1 200")) }
            // Those that come and go send away those who are silent, of whom there were three, and no more.
            #expect(crowded.withLock { $0 } <= 4)
            held.append(asker)
            for channel in held where channel.isActive { try await channel.close().get() }
        }
    }

    @Test("a port in use is an error that names the address")
    func portInUse() async throws {
        try await withEndpoints { address in
            let second = HTTPEndpoints(
                address: address, routes: [:], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let error = await #expect(throws: ProcessError.self) { try await second.run() }
            #expect(error?.code == 69)
            #expect(error?.place == address.description)
        }
    }

    @Test(
        "an address is a host and a port",
        arguments: [
            (":8080", "\(HTTPAddress(host: ListenHost.all, port: 8080))"), ("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:53", "[::1]:53"),
            ("localhost:1", "localhost:1"),
        ])
    func addresses(argument: String, description: String) {
        #expect(HTTPAddress(argument: argument)?.description == description)
    }

    @Test(
        "anything else is refused",
        arguments: ["", "8080", "host", "host:", "host:x", "::1", "::1:80", "h:65536", "h:-1"])
    func badAddresses(argument: String) {
        #expect(HTTPAddress(argument: argument) == nil)
    }
}
