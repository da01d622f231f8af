import AccessReview
import AsyncHTTPClient
import ClusterSimulator
import Logging
import NIOCore
import NIOHTTP1
import ProcessRuntime
import Testing

@testable import Exporter

@Suite("Scrapes that the API server is asked about", .timeLimit(.minutes(1)))
struct ReviewedScrapesTests {
    private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func status(_ url: String, token: String?) async throws -> (code: Int, text: String) {
        var request = HTTPClientRequest(url: url)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        return (Int(response.status.code), String(buffer: try await response.body.collect(upTo: 1 << 20)))
    }

    @Test("/metrics is for those whom the API server lets, also while it is away as far as it was asked; probes are for all")
    func reviewed() async throws {
        let cluster = ClusterSimulator(.init(kubelets: .replayed))
        try await cluster.start()
        let client = try ReviewingClient(kubeconfig: cluster.kubeconfigPath, userAgent: "test", logger: Self.silent)
        let access = CachedAccess(client.access, lifetimes: ReviewedScrapes.lifetimes)
        let (addresses, continuation) = AsyncStream.makeStream(of: HTTPAddress.self)
        let endpoints = HTTPEndpoints(
            address: HTTPAddress(host: "127.0.0.1", port: 0), routes: ["/metrics": { .text("all") }, "/livez": { .text("OK") }],
            front: ReviewedScrapes(access: access, logger: Self.silent).behind(HTTPFront()), logger: Self.silent,
            listening: { continuation.yield($0) })
        let token = cluster.configuration.token
        cluster.authenticator.issue("of one without rights", to: .init(name: "visitor", isAllowed: false))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await endpoints.run() }
            var iterator = addresses.makeAsyncIterator()
            let url = "http://\(try #require(await iterator.next()))"
            let none = try await status("\(url)/metrics", token: nil)
            #expect(none.code == 401 && none.text == "Unauthorized\n")
            let strangers = try await status("\(url)/metrics", token: "nobody's")
            #expect(strangers.code == 401)
            let visitors = try await status("\(url)/metrics", token: "of one without rights")
            #expect(visitors.code == 403)
            let known = try await status("\(url)/metrics", token: token)
            #expect(known.code == 200 && known.text == "all\n")
            let probe = try await status("\(url)/livez", token: nil)
            #expect(probe.code == 200)
            await cluster.stop()
            let kept = try await status("\(url)/metrics", token: token)
            let unknown = try await status("\(url)/metrics", token: "another")
            #expect(kept.code == 200 && unknown.code == 503)
            #expect(try await status("\(url)/metrics", token: "of one without rights").code != 200)
            group.cancelAll()
        }
        try await client.shutdown()
    }
}
