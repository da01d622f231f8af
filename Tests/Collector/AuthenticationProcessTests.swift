import AccessReview
import ClusterSimulator
import EncryptedServing
import KubernetesClient
import KubernetesObjects
import Logging
import NIOSSL
import ProcessRuntime
import Synchronization
import TestSupport
import Testing

@testable import Collector

/// Who it is that asks, over real connections, with certificates of real authorities and curl for a client.
@Suite("Who asks the metrics API", .timeLimit(.minutes(2)))
struct AuthenticationProcessTests {
    /// Lets those in whom it knows, and remembers whom it was asked about.
    private final class Doorman: AccessControl {
        private let asked = Mutex<[UserInfo]>([])
        var last: UserInfo? { asked.withLock { $0.last } }

        func user(token: String?) async throws -> UserInfo? {
            switch token {
            case nil: .anonymous
            case "good": UserInfo(name: "jane", groups: ["system:authenticated"])
            default: nil
            }
        }

        func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision {
            asked.withLock { $0.append(user) }
            return ["alice", "bob", "jane"].contains(user.name) ? .allowed : .denied(reason: "")
        }
    }

    /// What curl shows, and what comes of it.
    private struct Visit {
        var certificate: String?
        var headers: [String] = []
        var status: Int
        var user: UserInfo?
    }

    private static let says = ["X-Remote-User: alice", "X-Remote-Group: devs", "X-Remote-Group: ops", "X-Remote-Extra-A%2Fb: c"]
    private static let alice = UserInfo(name: "alice", groups: ["devs", "ops", "system:authenticated"], extra: ["a/b": ["c"]])

    private static let visits = [
        Visit(certificate: "proxy/front-proxy-client", headers: says, status: 200, user: alice),
        // Whoever may do everything is not asked about: this is how API servers look after those that they pass requests on to.
        Visit(
            certificate: "proxy/front-proxy-client", headers: ["X-Remote-User: system:kube-aggregator", "X-Remote-Group: system:masters"],
            status: 200),
        // The proxy's word about who is nobody is as good as the one about who is somebody.
        Visit(
            certificate: "proxy/front-proxy-client",
            headers: ["X-Remote-User: system:anonymous", "X-Remote-Group: system:unauthenticated"],
            status: 403, user: .anonymous),
        Visit(certificate: "proxy/front-proxy-client", status: 401),
        Visit(headers: says, status: 403, user: .anonymous),
        Visit(certificate: "proxy/another-name", headers: says, status: 401),
        Visit(certificate: "proxy/expired", headers: says, status: 401),
        Visit(certificate: "proxy/server", headers: says, status: 401),
        Visit(certificate: "strangers/front-proxy-client", headers: says, status: 401),
        Visit(
            certificate: "clients/bob", headers: says, status: 200, user: UserInfo(name: "bob", groups: ["team", "system:authenticated"])),
        Visit(
            certificate: "strangers/front-proxy-client", headers: says + ["Authorization: Bearer good"], status: 200,
            user: UserInfo(name: "jane", groups: ["system:authenticated"])),
        Visit(certificate: "strangers/front-proxy-client", headers: ["Authorization: Bearer bad"], status: 401),
        // An authority between, which the client has to show, once.
        Visit(certificate: "proxy/below", headers: says, status: 401),
        Visit(certificate: "proxy/chain", headers: says, status: 200, user: alice),
        Visit(certificate: "proxy/long-chain", headers: says, status: 200, user: alice),
        Visit(
            certificate: "clients/chain", headers: says, status: 200,
            user: UserInfo(name: "bob", groups: ["team", "system:authenticated"])),
        // Who is no authority makes none, whatever the certificate lacks to say so; nor who may be one for servers, or one no more, or only
        // for those directly below.
        Visit(certificate: "clients/by-bob", status: 401),
        Visit(certificate: "clients/by-first", status: 401),
        Visit(certificate: "clients/by-servers", status: 401),
        Visit(certificate: "clients/by-expired", status: 401),
        Visit(certificate: "clients/by-deep", status: 401),
        // Of the right names, and another key.
        Visit(certificate: "strangers/chain", headers: says, status: 401),
    ]

    private func authorities() async throws -> [String: AuthorityFiles] {
        let proxy = try await AuthorityFiles("proxy")
        try await proxy.issue("front-proxy-client", names: "DNS:x", usage: "clientAuth")
        try await proxy.issue("another-name", names: "DNS:x", usage: "clientAuth")
        try await proxy.issue("expired", names: "DNS:x", subject: "/CN=front-proxy-client", usage: "clientAuth", days: -1)
        try await proxy.issue("server", names: "DNS:x", subject: "/CN=front-proxy-client", usage: "serverAuth")
        let clients = try await AuthorityFiles("clients")
        try await clients.issue("bob", names: "DNS:x", subject: "/O=team/CN=bob")
        for authority in [proxy, clients] { try await authority.issue("between", isAuthority: true) }
        try await proxy.issue("below", subject: "/CN=front-proxy-client", usage: "clientAuth", issuer: "between")
        try proxy.join("chain", ["below", "between"])
        try proxy.join("long-chain", ["below", "server", "expired", "proxy", "between"])
        try await clients.issue("below", subject: "/O=team/CN=bob", issuer: "between")
        try clients.join("chain", ["below", "between"])
        try await clients.issue("first", isFirstVersion: true)
        try await clients.issue("servers", usage: "serverAuth", isAuthority: true)
        try await clients.issue("expired", days: -1, isAuthority: true)
        try await clients.issue("deep", issuer: "between", isAuthority: true)
        for issuer in ["bob", "first", "servers", "expired", "deep"] {
            try await clients.issue("alice-\(issuer)", subject: "/CN=alice", issuer: issuer)
            try clients.join("by-\(issuer)", ["alice-\(issuer)", issuer] + (issuer == "deep" ? ["between"] : []))
        }
        // Has all the right names, and nobody's word for them.
        let strangers = try await AuthorityFiles("strangers")
        try await strangers.issue("front-proxy-client", names: "DNS:x", usage: "clientAuth")
        try await strangers.issue("between", isAuthority: true)
        try await strangers.issue("below", subject: "/CN=front-proxy-client", usage: "clientAuth", issuer: "between")
        try strangers.folder.write(strangers.folder.read("below.key"), to: "chain.key")
        try strangers.folder.write(strangers.folder.read("below.crt") + proxy.folder.read("between.crt"), to: "chain.crt")
        return ["proxy": proxy, "clients": clients, "strangers": strangers]
    }

    @Test("the front proxy, clients with certificates and tokens are who they are; nobody else is", arguments: ["--http1.1", "--http2"])
    func whoIsWho(version: String) async throws {
        let authorities = try await authorities()
        let doorman = Doorman()
        let folder = try TemporaryFolder()
        let files = AuthenticationLookup.Files(
            clientAuthorities: authorities["clients"]?.certificate, frontProxyAuthorities: authorities["proxy"]?.certificate,
            frontProxy: FrontProxy(allowedNames: ["front-proxy-client"]))
        var api = CapturedCluster.api(catalog: try CapturedCluster.catalog(), store: try CapturedCluster.store(), access: doorman)
        api.certificates = ClientCertificates(try AuthenticationLookup.trust(files))
        var tls = try ServingCertificate.configuration(certificateFile: nil, keyFile: nil, directory: folder.path("serving"))
        tls.certificateVerification = .optionalVerification
        let address = Promised<HTTPAddress>()
        let settings = EncryptionSettings(tls: tls, takesAnyCertificate: true)
        let server = MetricsAPIServer(
            address: HTTPAddress(host: "127.0.0.1", port: 0), encryption: { (settings, 0) }, api: api, logger: CapturedCluster.silent,
            listening: { address.set($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            let url = try await "https://\(address.value)/apis/metrics.k8s.io/v1beta1/nodes"
            for visit in Self.visits {
                var words = [
                    version, "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code} %{http_version}", url,
                ]
                if let certificate = visit.certificate {
                    let parts = certificate.split(separator: "/").map(String.init)
                    let folder = try #require(authorities[parts[0]]?.folder)
                    words += ["--cert", folder.path("\(parts[1]).crt"), "--key", folder.path("\(parts[1]).key")]
                }
                for header in visit.headers { words += ["--header", header] }
                let curl = try RunningProcess("/usr/bin/curl", words, in: folder)
                #expect(try await curl.exitCode(within: .seconds(20)) == 0, "\(visit)")
                #expect(curl.output == "\(visit.status) \(version == "--http2" ? "2" : "1.1")", "\(visit)")
                if let user = visit.user { #expect(doorman.last == user, "\(visit)") }
            }
            group.cancelAll()
        }
    }

    @Test("whoever comes back with the session of before, without the authority between, is still who it is")
    func resumed() async throws {
        let authorities = try await authorities()
        let files = AuthenticationLookup.Files(clientAuthorities: authorities["clients"]?.certificate)
        var api = CapturedCluster.api(catalog: try CapturedCluster.catalog(), store: try CapturedCluster.store(), access: Doorman())
        api.certificates = ClientCertificates(try AuthenticationLookup.trust(files))
        let folder = try TemporaryFolder()
        let clients = try #require(authorities["clients"]?.folder)
        try await MetricsAPIUnderTest.serving(api, in: folder) { url in
            func visit(_ more: String) async throws -> String {
                let address = url.dropFirst("https://".count)
                let words = "-quiet -connect \(address) -cert \(clients.path("below.crt")) -key \(clients.path("below.key")) \(more)"
                let request = #"printf 'GET /apis/metrics.k8s.io/v1beta1/nodes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'"#
                let shell = try RunningProcess("/bin/sh", ["-c", "\(request) | openssl s_client \(words)"], in: folder)
                _ = try await shell.exitCode(within: .seconds(20))
                return shell.output
            }
            let session = folder.path("session")
            let alone = try await visit("")
            #expect(alone.contains("HTTP/1.1 401"), "\(alone)")
            let whole = try await visit("-cert_chain \(clients.path("between.crt")) -sess_out \(session)")
            #expect(whole.contains("HTTP/1.1 200"), "\(whole)")
            let again = try await visit("-sess_in \(session)")
            #expect(again.contains("HTTP/1.1 200"), "\(again)")
        }
    }

    @Test("paths are judged as they come, over either version of HTTP", arguments: ["--http1.1", "--http2"])
    func paths(version: String) async throws {
        let folder = try TemporaryFolder()
        let api = CapturedCluster.api(
            catalog: try CapturedCluster.catalog(), store: try CapturedCluster.store(), access: NoAccess())
        try await MetricsAPIUnderTest.serving(api, in: folder) { url in
            for (path, status) in [
                ("/livez", "200"), ("/%6civez", "200"), ("/livez?x=/metrics", "200"), ("/livez/../metrics", "403"),
                ("/livez/%2e%2e/metrics", "403"), ("/livez%2f..%2fmetrics", "403"), ("//metrics", "403"), ("/metrics%00", "403"),
                ("/apis/metrics.k8s.io/v1beta1/%6eodes", "403"), ("/apis/metrics.k8s.io/v1beta1/namespaces/x%2f..%2f/pods", "403"),
            ] {
                let curl = try RunningProcess(
                    "/usr/bin/curl",
                    [
                        version, "--silent", "--insecure", "--path-as-is", "--output", "/dev/null", "--write-out", "%{http_code}",
                        url + path,
                    ],
                    in: folder)
                #expect(try await curl.exitCode(within: .seconds(20)) == 0, "\(path)")
                #expect(curl.output == status, "\(path)")
            }
        }
    }

    @Test("whom to trust is what the cluster says, as it changes; what cannot be understood changes nothing")
    func lookup() async throws {
        var settings = ClusterSimulator.Configuration()
        settings.metricsAPI = "https://127.0.0.1:1"
        let cluster = ClusterSimulator(settings)
        try await cluster.start()
        let client = try APIClient(.kubeconfig(path: cluster.kubeconfigPath), logger: CapturedCluster.silent)
        let certificates = ClientCertificates()
        let lookup = AuthenticationLookup(certificates, files: .init(), client: client, logger: CapturedCluster.silent)
        #expect(await lookup.look() == nil)
        let first = certificates.trust
        #expect(first.clients.count == 1 && first.frontProxies.count == 1 && first.frontProxy.allowedNames == ["front-proxy-client"])

        // As when authorities are renewed: both are trusted for a while.
        let renewed = try await AuthorityFiles("renewed")
        let pem = try String(decoding: renewed.folder.read("renewed.crt"), as: UTF8.self)
        let name = "extension-apiserver-authentication"
        func set(_ key: String, _ text: (String) -> String) throws {
            try cluster.change(.configMaps, namespace: "kube-system", name: name) { map in
                let former = map["data"]?[key]?.string ?? ""
                map["data"]?[key] = .string(text(former))
            }
        }
        try set("requestheader-client-ca-file") { $0 + "\n" + pem }
        #expect(await lookup.look() == nil)
        #expect(certificates.trust.frontProxies.count == 2 && certificates.trust.clients == first.clients)

        let before = certificates.trust
        try set("requestheader-allowed-names") { _ in "front-proxy-client" }
        #expect(await lookup.look()?.description.contains("requestheader-allowed-names: holds no list of texts") == true)
        try set("requestheader-allowed-names") { _ in #"["front-proxy-client"]"# }
        try set("client-ca-file") { _ in "-----BEGIN CERTIFICATE-----\n" }
        #expect(await lookup.look()?.description.contains("client-ca-file: holds no certificates in PEM") == true)
        try cluster.delete(.configMaps, namespace: "kube-system", name: name)
        #expect(await lookup.look()?.description.contains("extension-apiserver-authentication-reader") == true)
        #expect(certificates.trust == before)
        try await client.shutdown()
        await cluster.stop()
    }

    @Test("a file of authorities that cannot be used ends the start, and is named")
    func badFile() async throws {
        let folder = try TemporaryFolder()
        try folder.write(Array("no certificate".utf8), to: "ca.crt")
        for path in [folder.path("ca.crt"), folder.path("missing.crt")] {
            #expect {
                try AuthenticationLookup.trust(.init(frontProxyAuthorities: path))
            } throws: { error in
                let error = error as? ProcessError
                return error?.code == ExitStatus.configuration && error?.description.contains(path) == true
            }
        }
    }
}
