import Foundation
import NIOCore
import NIOHTTP2
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import KubernetesClient

/// The client against servers over real HTTP/2 and TLS, with short limits.
@Suite("Silence of HTTP/2 connections", .timeLimit(.minutes(1)))
struct ConnectionSilenceTests {
    static let limits = SilenceLimits(quiet: .milliseconds(300), answer: .milliseconds(700))

    let authority: TestAuthority

    init() throws { authority = try TestAuthority("mizzen test authority") }

    private func context() throws -> NIOSSLContext {
        let identity = try authority.issue("server", names: [ClientTLSTests.loopback])
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(identity.certificate.utf8)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem)))
        tls.applicationProtocols = ["h2"]
        return try NIOSSLContext(configuration: tls)
    }

    /// A client of a port, which is shut down whatever happens.
    private func ask(_ port: Int, _ body: (APIClient) async throws -> Void) async throws {
        let client = try APIClient(
            ClientConfiguration(server: "https://127.0.0.1:\(port)", authorities: Array(authority.pem.utf8)),
            silenceLimits: Self.limits, logger: quiet)
        let result: Result<Void, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        try await client.shutdown()
        try result.get()
    }

    /// Answers `/version`, and leaves every other answer open after its head.
    private static let quietServer: ScriptedServer.Script = { request, answer in
        if request.path == "/version" { return try await answer.reply(200, "{}") }
        try await answer.head(200, "application/json")
    }

    /// A GOAWAY without error whose last stream is the first one.
    private static let goodbye: [UInt8] = [
        0, 0, 8, 7, 0, 0, 0, 0, 0,  // length 8, type GOAWAY, no flags, stream 0
        0, 0, 0, 1, 0, 0, 0, 0,  // last stream 1, NO_ERROR
    ]

    /// Puts bytes on a connection past the frame encoder, which would end the refused stream with a frame of its own.
    private static func say(_ bytes: [UInt8], on connection: any Channel) async throws {
        try await connection.eventLoop.flatSubmit {
            do {
                let encoder = try connection.pipeline.syncOperations.context(handlerType: NIOHTTP2Handler.self)
                return encoder.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)))
            } catch {
                return connection.eventLoop.makeFailedFuture(error)
            }
        }.get()
    }

    /// Opens `count` answers and waits for the end of each.
    private static func watch(_ client: APIClient, _ count: Int, opened: Counter = Counter()) async -> [String] {
        await withTaskGroup(of: String.self) { group in
            for _ in 0..<count {
                group.addTask {
                    do {
                        let stream = try await client.open(APIRequest(path: "/watch"))
                        _ = opened.next()
                        for try await _ in stream.body {}
                        return "ended"
                    } catch {
                        return "\(error)"
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    @Test("a connection that is swallowed is closed, its requests say why, and the next one gets a new connection")
    func swallowed() async throws {
        let server = try await ScriptedServer(tls: try context(), http2: [], Self.quietServer)
        let proxy = try await SwallowingProxy(to: server.port)
        try await ask(proxy.port) { client in
            let opened = Counter()
            async let ends = Self.watch(client, 39, opened: opened)
            try await eventually("39 watches are open") { opened.count == 39 }
            #expect(proxy.accepted == 1)
            proxy.swallow()
            let swallowed = ContinuousClock.now
            let texts = await ends
            // quiet + answer, and what a busy machine needs.
            #expect(ContinuousClock.now - swallowed < .seconds(5))
            #expect(Set(texts).count == 1)
            #expect(texts[0].contains("is silent: nothing arrived on the HTTP/2 connection"), "\(texts[0])")
            proxy.passOn()
            let status = try await client.send(APIRequest(path: "/version")).status
            #expect(status == 200)
            #expect(proxy.accepted == 2)
        }
        try await proxy.stop()
        try await server.stop()
    }

    @Test("streams that are silent on a connection that answers PINGs stay open")
    func quietStreams() async throws {
        let server = try await ScriptedServer(tls: try context(), http2: [], Self.quietServer)
        try await ask(server.port) { client in
            let ended = Counter()
            let opened = Counter()
            let watching = Task {
                let ends = await Self.watch(client, 39, opened: opened)
                _ = ended.next()
                return ends
            }
            try await eventually("39 watches are open") { opened.count == 39 }
            // Several times what it takes to find a dead connection.
            let end = ContinuousClock.now + (Self.limits.quiet + Self.limits.answer) * 4
            while ContinuousClock.now < end {
                try #require(ended.count == 0)
                try await Task.sleep(for: .milliseconds(20))
            }
            watching.cancel()
            _ = await watching.value
        }
        try await server.stop()
    }

    @Test("more requests than a connection takes get further connections", arguments: [(1, 5), (10, 39), (100, 120)])
    func streamLimit(limit: Int, count: Int) async throws {
        let server = try await ScriptedServer(
            tls: try context(), http2: [HTTP2Setting(parameter: .maxConcurrentStreams, value: limit)], Self.quietServer)
        let proxy = try await SwallowingProxy(to: server.port)
        try await ask(proxy.port) { client in
            let opened = Counter()
            let watching = Task { await Self.watch(client, count, opened: opened) }
            try await eventually("\(count) watches are open", within: .seconds(20)) { opened.count == count }
            #expect(proxy.accepted == (count + limit - 1) / limit)
            watching.cancel()
            _ = await watching.value
            // What has ended leaves its place to others.
            try await eventually("a request finds a place") { try await client.send(APIRequest(path: "/version")).status == 200 }
        }
        try await proxy.stop()
        try await server.stop()
    }

    @Test("a server that never sends its SETTINGS is given up, found when it does, and does not hold up the end")
    func withoutSettings() async throws {
        let isMute = Atomic(true)
        let began = ContinuousClock.now
        let mute = try await MuteServer(tls: try context(), isMute: { isMute.load(ordering: .relaxed) })
        try await ask(mute.port) { client in
            do {
                _ = try await client.send(APIRequest(path: "/x"))
                Issue.record("an answer from a mute server")
            } catch {
                #expect("\(error)".contains("is silent: a first request has no answer after 0.7 seconds"), "\(error)")
            }
            isMute.store(false, ordering: .relaxed)
            let status = try await client.send(APIRequest(path: "/x")).status
            #expect(status == 200)
        }
        // Among the rest is the connection that is still mute.
        #expect(ContinuousClock.now - began < .seconds(10))
        try await mute.stop()
    }

    @Test("a request that crossed the server's GOAWAY is sent again on a new connection, and nobody hears of it")
    func goAway() async throws {
        let refusals = Counter()
        let server = try await ScriptedServer(tls: try context(), http2: []) { request, answer in
            if request.path == "/x", refusals.next() == 1, let connection = answer.channel.parent {
                return try await Self.say(Self.goodbye, on: connection)
            }
            try await answer.reply(200, "{}")
        }
        try await ask(server.port) { client in
            let status = try await client.send(APIRequest(path: "/x")).status
            #expect(status == 200)
            #expect(server.requests.filter { $0.path == "/x" }.count == 2)
        }
        try await server.stop()
    }
}
