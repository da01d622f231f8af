public import HummingbirdCore

/// What stands before the answers of a port: how connections are spoken on, and who gets an answer at all.
public struct HTTPFront: Sendable {
    public typealias Answer = @Sendable () async -> Response

    public var server: HTTPServerBuilder
    /// Sees each request before its answer is made: may make another one, or change it.
    public var admit: @Sendable (_ request: Request, _ answer: Answer) async -> Response

    public init(
        server: HTTPServerBuilder = .http1(),
        admit: @escaping @Sendable (_ request: Request, _ answer: Answer) async -> Response = { _, answer in await answer() }
    ) {
        self.server = server
        self.admit = admit
    }
}
