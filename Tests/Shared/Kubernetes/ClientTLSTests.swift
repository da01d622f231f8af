import Crypto
import Foundation
import NIOHTTP1
import NIOSSL
import SwiftASN1
import Testing
import X509

@testable import KubernetesClient
@testable import KubernetesObjects

/// An authority and what it signs, made for one test.
struct TestAuthority {
    let key = P256.Signing.PrivateKey()
    let certificate: Certificate
    let name: DistinguishedName

    init(_ commonName: String) throws {
        name = try DistinguishedName { CommonName(commonName) }
        certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: .now - 3_600,
            notValidAfter: .now + 3_600, issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init { Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil)) },
            issuerPrivateKey: .init(key))
    }

    var pem: String { get throws { try certificate.serializeAsPEM().pemString } }

    /// A certificate with its key, both PEM.
    func issue(_ commonName: String, names: [GeneralName] = []) throws -> (certificate: String, key: String) {
        let key = P256.Signing.PrivateKey()
        let certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey), notValidBefore: .now - 3_600,
            notValidAfter: .now + 3_600, issuer: name, subject: try DistinguishedName { CommonName(commonName) },
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try .init { if !names.isEmpty { SubjectAlternativeNames(names) } },
            issuerPrivateKey: .init(self.key))
        return (try certificate.serializeAsPEM().pemString, key.pemRepresentation)
    }
}

@Suite("API client over TLS", .timeLimit(.minutes(1)))
struct ClientTLSTests {
    let folder: ClientTestFolder
    let authority: TestAuthority

    init() throws {
        folder = try ClientTestFolder()
        authority = try TestAuthority("mizzen test authority")
    }

    func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    /// A server with a certificate for these names; `clients` makes it demand a client certificate.
    func server(_ names: [GeneralName], clients: TestAuthority? = nil) async throws -> ScriptedServer {
        let identity = try authority.issue("server", names: names)
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(identity.certificate.utf8)).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem)))
        if let clients {
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(try clients.pem.utf8)))
        }
        return try await ScriptedServer(tls: try NIOSSLContext(configuration: tls), ClientRequestTests.ok)
    }

    static let loopback = GeneralName.ipAddress(.init(contentBytes: [127, 0, 0, 1]))

    /// The status of one request, or the message of the error.
    func ask(_ port: Int, cluster: String, user: String = "") async throws -> String {
        let path = try folder.write(
            "config",
            ClientKubeconfigTests.text(cluster: "server: \"https://127.0.0.1:\(port)\", \(cluster)", user: user))
        let client: APIClient
        do {
            client = try APIClient(ClientConfiguration.kubeconfig(path: path), logger: quiet)
        } catch {
            return "\(error)".replacingOccurrences(of: folder.path, with: "")
        }
        var result: String
        do {
            result = "\(try await client.send(APIRequest(path: "/x")).status)"
        } catch {
            result = "\(error)".replacingOccurrences(of: folder.path, with: "")
        }
        try await client.shutdown()
        return result
    }

    @Test("an authority from data or file vouches for the server, by address")
    func trusted() async throws {
        let server = try await server([Self.loopback])
        let pem = try authority.pem
        try folder.write("ca.pem", pem)
        #expect(try await ask(server.port, cluster: "certificate-authority-data: \(base64(pem))") == "200")
        #expect(try await ask(server.port, cluster: "certificate-authority: ca.pem") == "200")
        #expect(try await ask(server.port, cluster: "insecure-skip-tls-verify: true") == "200")
        try await server.stop()
    }

    @Test("a server whose certificate nobody vouches for is refused, naming the field to set")
    func untrusted() async throws {
        let server = try await server([Self.loopback])
        let other = base64(try TestAuthority("other").pem)
        let wrong = try await ask(server.port, cluster: "certificate-authority-data: \(other)")
        #expect(
            wrong.contains(
                "/config:9: clusters[name=one].cluster.certificate-authority-data is not the authority that signed the "
                    + "server's certificate"), "\(wrong)")
        let none = try await ask(server.port, cluster: "extensions: []")
        #expect(none.contains("has no certificate-authority or certificate-authority-data"), "\(none)")
        try await server.stop()
    }

    @Test("tls-server-name replaces the address in the check, and only there")
    func serverName() async throws {
        let server = try await server([.dnsName("kubernetes.example")])
        let data = "certificate-authority-data: \(base64(try authority.pem))"
        #expect(try await ask(server.port, cluster: "\(data), tls-server-name: kubernetes.example") == "200")
        #expect(server.requests.last?.headers.first(name: "host") == "127.0.0.1:\(server.port)")
        let wrong = try await ask(server.port, cluster: data)
        #expect(
            wrong.contains("the server's certificate is for another name; set server to a name in it, or tls-server-name"),
            "\(wrong)")
        try await server.stop()
    }

    @Test("a client certificate is shown to a server that asks for one")
    func clientCertificate() async throws {
        let server = try await server([Self.loopback], clients: authority)
        let identity = try authority.issue("someone")
        let cluster = "certificate-authority-data: \(base64(try authority.pem))"
        let user =
            "client-certificate-data: \(base64(identity.certificate)), client-key-data: \(base64(identity.key))"
        #expect(try await ask(server.port, cluster: cluster, user: user) == "200")
        #expect(try await ask(server.port, cluster: cluster) != "200")
        try await server.stop()
    }

    @Test("bad PEM and a key of another certificate are named before anything is sent")
    func badIdentity() async throws {
        let identity = try authority.issue("someone")
        let other = try authority.issue("other")
        let cluster = "certificate-authority-data: \(base64(try authority.pem))"
        let certificate = "client-certificate-data: \(base64(identity.certificate))"
        let place = "/config:12: users[name=me].user"
        #expect(
            try await ask(1, cluster: cluster, user: "client-certificate-data: QQ==, client-key-data: QQ==")
                == "\(place).client-certificate-data holds no certificate in PEM that can be read")
        #expect(
            try await ask(1, cluster: cluster, user: "\(certificate), client-key-data: QQ==")
                == "\(place).client-key-data holds no private key in PEM that can be read; keys with a passphrase are not supported"
        )
        let mismatch = try await ask(1, cluster: cluster, user: "\(certificate), client-key-data: \(base64(other.key))")
        #expect(
            mismatch.hasPrefix("\(place).client-key-data does not belong to the certificate of users[name=me].user."),
            "\(mismatch)")
        #expect(
            try await ask(1, cluster: "certificate-authority-data: QQ==")
                == "/config:9: clusters[name=one].cluster.certificate-authority-data holds no certificate in PEM that can be read"
        )
    }

    @Test("a server without TLS behind an https address is recognised")
    func plainServer() async throws {
        let server = try await ScriptedServer(ClientRequestTests.ok)
        let message = try await ask(server.port, cluster: "insecure-skip-tls-verify: true")
        #expect(message.contains("the server does not speak TLS on this port"), "\(message)")
        try await server.stop()
    }

    @Test("certificate files that are replaced are used for new connections")
    func rotation() async throws {
        let server = try await server([Self.loopback])
        try folder.write("ca.pem", try TestAuthority("old").pem)
        let path = try folder.write(
            "config",
            ClientKubeconfigTests.text(
                cluster: "server: \"https://127.0.0.1:\(server.port)\", certificate-authority: ca.pem"))
        let client = try APIClient(ClientConfiguration.kubeconfig(path: path), logger: quiet)
        await #expect(throws: APIError.self) { try await client.send(APIRequest(path: "/x")) }
        try folder.write("ca.pem", try authority.pem)
        #expect(try await client.send(APIRequest(path: "/x")).status == 200)
        try await client.shutdown()
        try await server.stop()
    }
}
