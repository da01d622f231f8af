import AsyncHTTPClient
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOSSL

/// Passes `metrics.k8s.io` on to a collector, as the API server's aggregation layer does: with a certificate that a front proxy's own
/// authority signed, in which it says in headers whose request it is, and without what that user showed to the API server.
final class MetricsProxy: Sendable {
    static let group = "metrics.k8s.io"

    private let address: String
    private let client: HTTPClient
    private let authority: Authority

    /// - Parameter address: for example `https://127.0.0.1:8443`; its certificate is not verified.
    init(address: String) throws {
        authority = try Authority(commonName: "front-proxy-ca")
        let identity = try authority.clientIdentity(Authenticator.User(name: "front-proxy-client", groups: []))
        self.address = address.hasSuffix("/") ? String(address.dropLast()) : address
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = .makeClientConfiguration()
        configuration.tlsConfiguration?.certificateVerification = .none
        configuration.tlsConfiguration?.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificate.utf8))
            .map { .certificate($0) }
        configuration.tlsConfiguration?.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem))
        client = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }

    func forward(_ call: APIServer.Call) async throws(StatusError) -> APIServer.Answer {
        do {
            var request = HTTPClientRequest(url: address + call.target.original)
            request.method = HTTPMethod(rawValue: call.method.rawValue)
            if let accept = call.accept { request.headers.add(name: "Accept", value: accept) }
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

    /// What API servers write into `kube-system` for those that they pass requests on to.
    /// - Parameter clients: the authority of clients' own certificates, in PEM.
    func configMap(clients: String) throws -> JSONValue {
        func text(_ list: [String]) -> JSONValue { .string("[" + list.map { "\"\($0)\"" }.joined(separator: ",") + "]") }
        let data: JSONValue = [
            "client-ca-file": .string(clients), "requestheader-client-ca-file": .string(try authority.pem),
            "requestheader-allowed-names": text(["front-proxy-client"]), "requestheader-username-headers": text(["X-Remote-User"]),
            "requestheader-group-headers": text(["X-Remote-Group"]), "requestheader-uid-headers": text(["X-Remote-Uid"]),
            "requestheader-extra-headers-prefix": text(["X-Remote-Extra-"]),
        ]
        return [
            "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": ["name": "extension-apiserver-authentication", "namespace": "kube-system"], "data": data,
        ]
    }

    func shutdown() async throws { try await client.shutdown() }
}
