import Glibc
import MizzenSystem
import NIOCore
import NIOPosix
import NetworkErrors
import Testing

@testable import ProcessRuntime

@Suite("Network errors in words")
struct NetworkErrorTextTests {
    private func bound() async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0).get()
    }

    private func failure(_ body: () async throws -> any Channel) async -> any Error {
        do {
            try await body().close().get()
            return CancellationError()
        } catch {
            return error
        }
    }

    @Test("a connection that nobody takes is refused, said once however many addresses the name has")
    func refused() async throws {
        let listener = try await bound()
        let port = try #require(listener.localAddress?.port)
        try await listener.close().get()
        let error = await failure {
            try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "localhost", port: port).get()
        }
        #expect(NetworkErrorText.words(error) == "connection refused")
    }

    @Test("an address that cannot be listened at ends with code 69, and says why", arguments: [nil, "192.0.2.1", "no.such.host.invalid"])
    func listening(host: String?) async throws {
        let listener = try await bound()
        let port = try #require(listener.localAddress?.port)
        let host = host ?? "127.0.0.1"
        let error = await failure {
            try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: host, port: port).get()
        }
        let shown = try #require(
            ProcessError.cannotListen(at: HTTPAddress(host: host, port: port), for: "metrics", because: error), "\(error)")
        #expect(shown.code == 69)
        let reason = ["127.0.0.1": "the address is in use", "192.0.2.1": "this host has no such address"][host] ?? "cannot be resolved"
        #expect(shown.description.hasPrefix("\(host):\(port): ") && shown.description.contains(reason), "\(shown)")
        try await listener.close().get()
    }

    @Test("an error number that has no words of ours has the system's")
    func numbers() {
        #expect(SystemError.words(ENOENT) == "no such file or directory")
        #expect(SystemError.words(EACCES) == "permission denied")
    }
}
