import NIOCore
import NIOPosix
import ProcessRuntime

/// Requests as tests make them, each on a connection of its own.
enum TestHTTP {
    /// Sends one request on a fresh connection and reads until the server closes it.
    static func ask(_ address: HTTPAddress, _ request: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: address.host, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "\(request) HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
    }

    /// The body of an answer, without the end of its line.
    static func get(_ address: HTTPAddress, _ path: String) async throws -> String {
        try await ask(address, "GET \(path)").split(separator: "\r\n\r\n").last.map { $0.split(separator: "\n").joined() } ?? ""
    }
}
