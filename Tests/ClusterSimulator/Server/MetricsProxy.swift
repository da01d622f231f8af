import AsyncHTTPClient
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOSSL

/// Passes `metrics.k8s.io` on to a collector, as the API server's aggregation layer does.
final class MetricsProxy: Sendable {
    static let group = "metrics.k8s.io"

    private let address: String
    private let client: HTTPClient

    /// - Parameter address: for example `https://127.0.0.1:8443`; its certificate is not verified.
    init(address: String) {
        self.address = address.hasSuffix("/") ? String(address.dropLast()) : address
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = .makeClientConfiguration()
        configuration.tlsConfiguration?.certificateVerification = .none
        client = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }

    func forward(_ call: APIServer.Call) async throws(StatusError) -> APIServer.Answer {
        do {
            var request = HTTPClientRequest(url: address + call.target.original)
            request.method = HTTPMethod(rawValue: call.method.rawValue)
            if let accept = call.accept { request.headers.add(name: "Accept", value: accept) }
            if let authorization = call.authorization {
                request.headers.add(name: "Authorization", value: authorization)
            }
            request.headers.add(name: "X-Remote-User", value: call.user.name)
            for group in call.user.groups { request.headers.add(name: "X-Remote-Group", value: group) }
            let response = try await client.execute(request, timeout: .seconds(30))
            let body = try await response.body.collect(upTo: 256 << 20)
            return APIServer.Answer(
                status: Int(response.status.code),
                contentType: response.headers.first(name: "Content-Type") ?? "application/json", body: .bytes(body))
        } catch {
            throw StatusError(
                code: 503, reason: "ServiceUnavailable",
                message: "error trying to reach service: \(address): \(error)")
        }
    }

    func shutdown() async throws { try await client.shutdown() }
}
