import MizzenSystem
import Names

@testable import Frontend

/// A listening address for queries that come from no socket.
enum TestListener {
    static func make(_ server: WorkerServer) -> Listener {
        let none = Descriptor(-1)
        return Listener(address: SocketAddress(address: .v4(0x7F00_0001), port: 53), datagrams: none, streams: none, server: server)
    }
}
