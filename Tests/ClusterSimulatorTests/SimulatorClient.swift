import AsyncHTTPClient
import ClusterSimulator
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL

/// Talks to a simulator as any HTTP client would.
struct SimulatorClient {
    static let json = "application/json"
    static let protobuf = "application/vnd.kubernetes.protobuf"

    enum Method: String {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    struct Answer {
        var status: Int
        var contentType: String
        var body: [UInt8]

        var tree: JSONValue { get throws { try JSONValue(parsing: body) } }
    }

    let simulator: ClusterSimulator
    let client: HTTPClient

    /// Starts a simulator, gives it to the body, and stops it whatever happens.
    static func with(
        _ configuration: ClusterSimulator.Configuration = .init(), _ body: (SimulatorClient) async throws -> Void
    ) async throws {
        let simulator = ClusterSimulator(configuration)
        try await simulator.start()
        var settings = HTTPClient.Configuration()
        settings.tlsConfiguration = .makeClientConfiguration()
        settings.tlsConfiguration?.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(Array(simulator.certificateAuthority.utf8)))
        let client = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: settings)
        let outcome: Result<Void, any Error>
        do {
            try await body(SimulatorClient(simulator: simulator, client: client))
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        await simulator.stop()
        try outcome.get()
    }

    func send(
        _ method: Method, _ path: String, accept: String = json, token: String? = "simulator-administrator",
        body: String? = nil, contentType: String = json, base: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: (base ?? simulator.secureURL ?? "") + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        request.headers.add(name: "Accept", value: accept)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "Content-Type", value: contentType)
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await client.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return Answer(
            status: Int(response.status.code), contentType: response.headers.first(name: "Content-Type") ?? "",
            body: Array(bytes.readableBytesView))
    }

    /// Reads a watch until its bytes satisfy the condition or it ends.
    /// - Parameter change: called once the watch has been accepted.
    func watch(
        _ path: String, accept: String = json, change: () async throws -> Void = {}, until: ([UInt8]) -> Bool
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: (simulator.secureURL ?? "") + path)
        request.headers.add(name: "Accept", value: accept)
        request.headers.add(name: "Authorization", value: "Bearer simulator-administrator")
        let response = try await client.execute(request, timeout: .seconds(30))
        try await change()
        var bytes: [UInt8] = []
        for try await part in response.body {
            bytes += part.readableBytesView
            if until(bytes) { break }
        }
        return Answer(
            status: Int(response.status.code), contentType: response.headers.first(name: "Content-Type") ?? "",
            body: bytes)
    }

    /// The events of a JSON watch.
    func events(
        _ path: String, count: Int, change: () async throws -> Void = {}
    ) async throws -> [JSONValue] {
        let answer = try await watch(path, change: change) { $0.count { $0 == UInt8(ascii: "\n") } >= count }
        return try Self.lines(answer.body)
    }

    static func lines(_ bytes: [UInt8]) throws -> [JSONValue] {
        try bytes.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: Array($0)) }
    }
}

/// The captured cluster in Tests/Fixtures.
enum Fixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/cluster-a").path

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
    }

    static var configuration: ClusterSimulator.Configuration { .init(load: [folder]) }
}
