import Foundation
import NIOHTTP1
import Testing

@testable import KubernetesClient
@testable import KubernetesObjects

@Suite("API client", .timeLimit(.minutes(1)))
struct ClientRequestTests {
    let folder: ClientTestFolder

    init() throws { folder = try ClientTestFolder() }

    /// A kubeconfig for `server` with these user fields.
    func configuration(_ server: String, user: String) throws -> ClientConfiguration {
        let path = try folder.write(
            "config", ClientKubeconfigTests.text(cluster: "server: \"\(server)\"", user: user))
        return try ClientConfiguration.kubeconfig(path: path)
    }

    func withClient(
        user: String = "", _ script: @escaping ScriptedServer.Script,
        _ body: (APIClient, ScriptedServer) async throws -> Void
    ) async throws {
        let server = try await ScriptedServer(script)
        let client = try APIClient(
            configuration(server.url, user: user), userAgent: "mizzen-watcher/1.2.3", logger: quiet)
        do {
            try await body(client, server)
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
        try await server.stop()
    }

    static let ok: ScriptedServer.Script = { _, answer in try await answer.reply(200, "{}") }

    func authorizations(_ server: ScriptedServer) -> [String?] {
        server.requests.map { $0.headers.first(name: "authorization") }
    }

    @Test("a request carries method, encoded query, body and who sends it")
    func request() async throws {
        try await withClient(user: "token: secret, as: jane", Self.ok) { client, server in
            let answer = try await client.send(
                APIRequest(
                    .post, path: "/apis/x/v1/reviews", query: [("labelSelector", "a in (b,ü)"), ("limit", "5")],
                    body: Array("{}".utf8), contentType: "application/json"))
            #expect(answer.status == 200)
            #expect(answer.body == Array("{}".utf8))
            let request = server.requests[0]
            #expect(request.method == "POST")
            #expect(request.query == ["labelSelector": "a%20in%20%28b%2C%C3%BC%29", "limit": "5"])
            #expect(request.body == Array("{}".utf8))
            #expect(request.headers.first(name: "user-agent") == "mizzen-watcher/1.2.3")
            #expect(request.headers.first(name: "authorization") == "Bearer secret")
            #expect(request.headers.first(name: "impersonate-user") == "jane")
            #expect(request.headers.first(name: "accept") == "application/json")
        }
    }

    @Test("user name and password become basic authentication")
    func basic() async throws {
        try await withClient(user: "username: u, password: p", Self.ok) { client, server in
            _ = try await client.send(APIRequest(path: "/"))
            #expect(authorizations(server) == ["Basic dTpw"])
        }
    }

    @Test("a token file is read again when it changes, and its last token serves while it is gone")
    func tokenRotation() async throws {
        let path = try folder.write("token", "one")
        try await withClient(user: "tokenFile: token", Self.ok) { client, server in
            _ = try await client.send(APIRequest(path: "/"))
            try folder.write("token", "two\n")
            _ = try await client.send(APIRequest(path: "/"))
            try FileManager.default.removeItem(atPath: path)
            _ = try await client.send(APIRequest(path: "/"))
            #expect(authorizations(server) == ["Bearer one", "Bearer two", "Bearer two"])
        }
    }

    @Test("a refused static token is not tried twice")
    func refusedStaticToken() async throws {
        try await withClient(
            user: "token: t", { _, answer in try await answer.reply(401, "{}") }
        ) { client, server in
            let status = try await client.send(APIRequest(path: "/")).status
            #expect(status == 401)
            #expect(server.requests.count == 1)
        }
    }

    @Test("an exec plugin runs once, and again when its token is refused or has expired")
    func execPlugin() async throws {
        let script = """
            #!/bin/sh
            echo run >> "$RUNS"
            n=$(wc -l < "$RUNS")
            expiry=2999-01-01T00:00:00Z
            [ $n -eq 2 ] && expiry=2001-01-01T00:00:00Z
            printf '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"t%d","expirationTimestamp":"%s"}}' $n $expiry
            """
        try folder.write("login", script, executable: true)
        let user = """
            exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./login, \
            env: [{name: RUNS, value: "\(folder.path)/runs"}]}
            """
        let requests = Counter()
        try await withClient(
            user: user, { _, answer in try await answer.reply(requests.next() == 2 ? 401 : 200, "{}") }
        ) { client, server in
            // The second request is refused; the second run's token has expired when it comes, but it is what there is.
            for _ in 1...4 {
                let status = try await client.send(APIRequest(path: "/")).status
                #expect(status == 200)
            }
            #expect(authorizations(server) == ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t3", "Bearer t3"])
        }
    }

    struct BadPlugin: Sendable, CustomTestStringConvertible {
        var script: String
        var message: String
        var testDescription: String { script }
    }

    @Test(
        "an exec plugin that fails says how",
        arguments: [
            BadPlugin(script: "exit 3", message: "which ended with exit code 3; its messages are on standard error"),
            BadPlugin(
                script: "echo hello", message: "which wrote no ExecCredential in JSON; run it by hand to see what it says"),
            BadPlugin(
                script: #"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}'"#,
                message: "which wrote a ExecCredential of client.authentication.k8s.io/v1beta1 instead of an "
                    + "ExecCredential of client.authentication.k8s.io/v1"),
            BadPlugin(
                script: #"echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{}}'"#,
                message: "which gave neither a token nor a client certificate"),
        ])
    func badPlugin(plugin: BadPlugin) async throws {
        let path = try folder.write("login", "#!/bin/sh\n\(plugin.script)\n", executable: true)
        let user =
            "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, interactiveMode: Never}"
        try await withClient(user: user, Self.ok) { client, server in
            do {
                _ = try await client.send(APIRequest(path: "/"))
                Issue.record("no error")
            } catch APIError.credentials(let error) {
                #expect(error.field == "users[name=me].user.exec")
                #expect(error.message == "ran \(path), \(plugin.message)")
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test("a plugin that is not installed is named, with the hint how to get it")
    func missingPlugin() async throws {
        let user = """
            exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-login, interactiveMode: Never, \
            installHint: get it from example.org}
            """
        try await withClient(user: user, Self.ok) { client, _ in
            do {
                _ = try await client.send(APIRequest(path: "/"))
                Issue.record("no error")
            } catch APIError.credentials(let error) {
                #expect(
                    error.message
                        == "names no-such-login, which is not in PATH; install it or give its path; get it from example.org"
                )
            }
        }
    }

    @Test("a status object is surfaced with code, reason and message")
    func statusObject() async throws {
        try await withClient(
            { _, answer in
                try await answer.reply(
                    403, ReflectorTests.status(403, "Forbidden", "pods is forbidden"), "application/json",
                    [("Retry-After", "4")])
            }
        ) { client, _ in
            let expected = APIError.status(
                APIStatus(code: 403, reason: "Forbidden", message: "pods is forbidden", retryAfter: .seconds(4)))
            await #expect(throws: expected) { try await client.send(APIRequest(path: "/")).checked() }
            await #expect(throws: expected) { try await client.open(APIRequest(path: "/")) }
            #expect(expected.description == "the API server answered 403 Forbidden: pods is forbidden")
        }
    }

    @Test("an error that is no status object is surfaced with its text")
    func plainError() async throws {
        try await withClient({ _, answer in try await answer.reply(502, "bad\n  gateway\n", "text/plain") }) { client, _ in
            await #expect(throws: APIError.status(APIStatus(code: 502, reason: "", message: "bad gateway"))) {
                try await client.send(APIRequest(path: "/")).checked()
            }
        }
    }

    @Test("a server that does not answer runs into the time limit")
    func timeout() async throws {
        try await withClient({ _, _ in }) { client, server in
            await #expect(throws: APIError.timeout(server: server.url, after: .milliseconds(50))) {
                try await client.send(APIRequest(path: "/"), timeout: .milliseconds(50))
            }
        }
    }

    @Test("an answer beyond the limit is refused")
    func tooLarge() async throws {
        try await withClient({ _, answer in try await answer.reply(200, String(repeating: "x", count: 100)) }) {
            client, _ in
            await #expect(throws: APIError.tooLarge(limit: 99)) {
                try await client.send(APIRequest(path: "/"), limit: 99)
            }
        }
    }

    @Test("a server that is not there is named")
    func refused() async throws {
        let server = try await ScriptedServer(Self.ok)
        let url = server.url
        try await server.stop()
        let client = try APIClient(ClientConfiguration(server: url), logger: quiet)
        do {
            _ = try await client.send(APIRequest(path: "/"))
            Issue.record("no error")
        } catch let error as APIError {
            #expect(error.description.hasPrefix("no answer from the API server at \(url): "))
            #expect(error.description.hasSuffix("check the address, and that the server runs"))
        }
        try await client.shutdown()
    }
}
