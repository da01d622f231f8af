import Synchronization

/// What a server said about itself on its HTTP/2 connections, the newest word of any of them.
final class ServerTraits: Sendable {
    private struct Traits {
        var streamLimit: Int?
        var pingInterval = 1
    }

    /// Beyond this a dead server is noticed by the silence of its answers.
    static let longestPingInterval = 16

    private let traits = Mutex(Traits())

    /// Requests that may be under way on one connection; nil where there is no limit, as on HTTP/1.1, or where none is known yet.
    var streamLimit: Int? { traits.withLock { $0.streamLimit } }

    /// The usual time between PINGs times this.
    var pingInterval: Int { traits.withLock { $0.pingInterval } }

    /// - Parameter limit: SETTINGS_MAX_CONCURRENT_STREAMS. Servers may say 0 for a moment; a client that believed it would never ask again.
    func allows(streams limit: Int) { traits.withLock { $0.streamLimit = max(1, limit) } }

    /// A GOAWAY with ENHANCE_YOUR_CALM: servers that follow gRPC count PINGs which carry no data, and want half as many
    /// (grpc's doc/keepalive.md and gRFC A8: after "too_many_pings" the client doubles its keepalive time).
    func wasTooCurious() {
        traits.withLock { $0.pingInterval = min($0.pingInterval * 2, Self.longestPingInterval) }
    }
}
