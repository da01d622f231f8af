public import HummingbirdCore
public import NIOCore

/// What stands before the answers of a port: how connections are spoken on, and who gets an answer at all.
public struct HTTPFront: Sendable {
    public typealias Answer = @Sendable () async -> Response

    public var server: HTTPServerBuilder
    /// Sees each request before its answer is made: may make another one, or change it.
    public var admit: @Sendable (_ request: Request, _ answer: Answer) async -> Response

    public init(
        server: HTTPServerBuilder = HTTPFront.plain(),
        admit: @escaping @Sendable (_ request: Request, _ answer: Answer) async -> Response = { _, answer in await answer() }
    ) {
        self.server = server
        self.admit = admit
    }

    /// HTTP/1.1.
    ///
    /// - Parameters:
    ///   - timeouts: a connection may be idle for longer than scrapes are apart, unless something else is said.
    ///   - room: for the connections of this port alone; nil for the usual one, which tells the timeouts whom it sends away.
    public static func plain(
        _ timeouts: HTTPTimeouts = HTTPTimeouts(readHeader: .seconds(30), idle: .seconds(120)), room: ConnectionRoom? = nil
    ) -> HTTPServerBuilder {
        .http1(configuration: timeouts.connection(in: room ?? timeouts.room()))
    }

    /// To be called once with the channel of a port that is served. It accepts one connection at a time from then on: between two, the room can
    /// send another one away where descriptors are few.
    public static func pace(_ port: any Channel) {
        _ = port.setOption(.maxMessagesPerRead, value: 1)
    }

    /// How many connections a port accepts of which a room lets the last ones in by sending others away.
    public static let mostConnections = ConnectionRoom.usual + ConnectionRoom.reserve
}
