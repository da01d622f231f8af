import Foundation
import Testing

@testable import KubernetesClient
@testable import KubernetesObjects

@Suite("Kubeconfig")
struct ClientKubeconfigTests {
    let folder: ClientTestFolder

    init() throws { folder = try ClientTestFolder() }

    /// A kubeconfig with one context; `cluster` and `user` are flow mappings' insides.
    static func text(cluster: String, user: String = "") -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: here
        contexts:
        - name: here
          context: {cluster: one, user: me}
        clusters:
        - name: one
          cluster: {\(cluster)}
        users:
        - name: me
          user: {\(user)}
        """
    }

    func read(_ text: String, context: String? = nil) throws -> ClientConfiguration {
        try ClientConfiguration.kubeconfig(path: try folder.write("config", text), context: context)
    }

    /// The message that reading `text` gives, without the folder's changing name.
    func message(_ text: String) throws -> String {
        let path = try folder.write("config", text)
        do {
            _ = try ClientConfiguration.kubeconfig(path: path)
        } catch {
            return error.description.replacingOccurrences(of: folder.path, with: "")
        }
        return "no error"
    }

    @Test("every field that client-go reads is read")
    func everything() throws {
        try folder.write("ca.pem", "not looked at before TLS starts")
        try folder.write("tok", "fresh\n")
        let configuration = try read(
            Self.text(
                cluster: """
                    server: "https://[fd00::1]:6443/k8s/clusters/c1/", certificate-authority: ca.pem, \
                    tls-server-name: kubernetes, proxy-url: "http://u:p@proxy:3128"
                    """,
                user: """
                    client-certificate-data: Q0VSVA==, client-key-data: S0VZ, token: literal, tokenFile: tok, \
                    as: jane, as-uid: "7", as-groups: [a, b], as-user-extra: {scopes: [view]}
                    """))
        #expect(configuration.serverURL == "https://[fd00::1]:6443/k8s/clusters/c1")
        #expect(configuration.tlsServerName == "kubernetes")
        #expect(configuration.proxy?.host == "proxy")
        #expect(configuration.proxy?.port == 3128)
        #expect(configuration.proxy?.username == "u")
        #expect(configuration.proxy?.password == "p")
        guard case .authorities(let source) = configuration.trust else {
            Issue.record("no authorities")
            return
        }
        #expect(source.content == .file("\(folder.path)/ca.pem"))
        #expect(configuration.user.certificate?.content == .bytes(Array("CERT".utf8)))
        #expect(configuration.user.key?.content == .bytes(Array("KEY".utf8)))
        guard case .file(let path, let initial, _) = configuration.user.token else {
            Issue.record("no token file")
            return
        }
        #expect(path == "\(folder.path)/tok")
        #expect(initial == "literal")
        #expect(
            configuration.user.impersonation.map { "\($0.name): \($0.value)" } == [
                "Impersonate-User: jane", "Impersonate-Uid: 7", "Impersonate-Group: a", "Impersonate-Group: b",
                "Impersonate-Extra-scopes: view",
            ])
    }

    @Test("a kubeconfig may be JSON, with tabs")
    func json() throws {
        let configuration = try read(
            """
            {
            \t"current-context": "a",
            \t"contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
            \t"clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:8001"}}],
            \t"users": [{"name": "u", "user": {"username": "x", "password": "y"}}]
            }
            """)
        #expect(configuration.serverURL == "http://127.0.0.1:8001")
        #expect(configuration.user.basic?.username == "x")
        #expect(configuration.user.basic?.password == "y")
    }

    @Test("another context than the current one can be chosen")
    func otherContext() throws {
        let text = """
            current-context: a
            contexts: [{name: a, context: {cluster: a}}, {name: b, context: {cluster: b}}]
            clusters: [{name: a, cluster: {server: "http://a"}}, {name: b, cluster: {server: "b:1", insecure-skip-tls-verify: true}}]
            """
        #expect(try read(text).serverURL == "http://a:80")
        #expect(try read(text, context: "b").serverURL == "https://b:1")
    }

    @Test("an exec plugin's fields are read, its command relative to the file")
    func exec() throws {
        let configuration = try read(
            Self.text(
                cluster: """
                    server: "https://api:6443", tls-server-name: k, \
                    extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: "7", deep: [1, true]}}]
                    """,
                user: """
                    exec: {apiVersion: client.authentication.k8s.io/v1, command: bin/login, args: [get, token], \
                    env: [{name: A, value: b}], interactiveMode: IfAvailable, provideClusterInfo: true}
                    """))
        let plugin = try #require(configuration.user.exec)
        #expect(plugin.command == "\(folder.path)/bin/login")
        #expect(plugin.arguments == ["get", "token"])
        #expect(
            plugin.execInfo == """
                {"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"cluster":{"config":\
                {"audience":"7","deep":[1,true]},"server":"https://api:6443","tls-server-name":"k"},"interactive":false}}
                """)
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        var message: String
        var testDescription: String { name }

        init(_ name: String, _ text: String, _ message: String) {
            (self.name, self.text, self.message) = (name, text, message)
        }
    }

    static let fine = "server: \"https://a\""

    static let faults = [
        Fault(
            "empty file", " \n",
            "/config: the kubeconfig is empty; write one with `kubectl config`, or copy it from the cluster"),
        Fault(
            "not a mapping", "- a",
            "/config: the kubeconfig must be a mapping with clusters, users, contexts and current-context"),
        Fault(
            "broken YAML", "a: b\nc: [d\n",
            "/config:3: the kubeconfig is neither YAML nor JSON: did not find expected ',' or ']'"),
        Fault(
            "no current context", "contexts: [{name: a}]",
            "/config:1: the kubeconfig has no current-context; choose one with `kubectl config use-context` (the file has a)"),
        Fault(
            "missing context", "current-context: b\ncontexts: [{name: a}]",
            "/config:1: there is no context \"b\" in contexts; the file has a"),
        Fault(
            "missing cluster",
            "current-context: a\ncontexts:\n- name: a\n  context: {cluster: x}\n",
            "/config:4: contexts[name=a].context.cluster names \"x\", which is not in clusters; the file has no clusters"),
        Fault("no server", text(cluster: "a: b"), "/config:9: clusters[name=one].cluster has no server"),
        Fault(
            "server of another scheme", text(cluster: "server: \"ftp://a\""),
            "/config:9: clusters[name=one].cluster.server \"ftp://a\" has the scheme ftp; an API server is reached by "
                + "https:// or http://"),
        Fault(
            "CA file that is missing", text(cluster: "\(fine), certificate-authority: no.pem"),
            "/config:9: clusters[name=one].cluster.certificate-authority names /no.pem, which does not exist; correct "
                + "the path or create the file"),
        Fault(
            "CA that is a folder", text(cluster: "\(fine), certificate-authority: ."),
            "/config:9: clusters[name=one].cluster.certificate-authority names , which is a directory; give the path of "
                + "a file"),
        Fault(
            "CA data that is no base64", text(cluster: "\(fine), certificate-authority-data: \"%%%\""),
            "/config:9: clusters[name=one].cluster.certificate-authority-data is not base64; it must hold the base64 "
                + "text of a PEM file"),
        Fault(
            "a flag that is none", text(cluster: "\(fine), insecure-skip-tls-verify: maybe"),
            "/config:9: clusters[name=one].cluster.insecure-skip-tls-verify must be true or false"),
        Fault(
            "CA and insecure", text(cluster: "\(fine), insecure-skip-tls-verify: true, certificate-authority-data: QQ=="),
            "/config:9: clusters[name=one].cluster.certificate-authority-data is set together with "
                + "insecure-skip-tls-verify, which would ignore it; remove one of them"),
        Fault(
            "proxy of another scheme", text(cluster: "\(fine), proxy-url: \"https://p\""),
            "/config:9: clusters[name=one].cluster.proxy-url \"https://p\" has the scheme https; proxies are reached by "
                + "http:// or socks5:// here"),
        Fault(
            "certificate without key", text(cluster: fine, user: "client-certificate-data: QQ=="),
            "/config:12: users[name=me].user.client-certificate-data is set without a key; set client-key or "
                + "client-key-data too"),
        Fault(
            "token file that is missing", text(cluster: fine, user: "tokenFile: t"),
            "/config:12: users[name=me].user.tokenFile names /t, which does not exist; correct the path or create the "
                + "file"),
        Fault(
            "auth provider", text(cluster: fine, user: "auth-provider: {name: gcp}"),
            "/config:12: users[name=me].user.auth-provider asks for the auth provider \"gcp\"; auth providers are gone "
                + "from Kubernetes since 1.26: use an exec plugin or a token"),
        Fault(
            "exec of an old version",
            text(cluster: fine, user: "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}"),
            "/config:12: users[name=me].user.exec has the apiVersion client.authentication.k8s.io/v1alpha1; "
                + "client.authentication.k8s.io/v1 and …/v1beta1 are known here"),
        Fault(
            "exec that asks people",
            text(
                cluster: fine,
                user: "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}"),
            "/config:12: users[name=me].user.exec.interactiveMode is Always, but there is no terminal here; use a "
                + "plugin that works unattended"),
        Fault(
            "user that is text",
            "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
                + "clusters: [{name: c, cluster: {server: a}}]\nusers: [{name: u, user: hello}]\n",
            "/config:4: users[name=u].user must be a mapping of names to values"),
    ]

    @Test("a fault is named with file, line and field", arguments: faults)
    func fault(fault: Fault) throws {
        #expect(try message(fault.text) == fault.message)
    }

    @Test("a missing file says so")
    func missingFile() {
        #expect(
            throws: CredentialError(
                place: "/nowhere/config", field: "",
                message: "this is to be the kubeconfig, which does not exist; correct the path or create the file")
        ) { try ClientConfiguration.kubeconfig(path: "/nowhere/config") }
    }

    @Test("in a pod everything comes from the environment and the service account")
    func inCluster() throws {
        try folder.write("token", "abc\n")
        try folder.write("ca.crt", "PEM")
        let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
        let configuration = try ClientConfiguration.inCluster(environment: environment, folder: folder.path)
        #expect(configuration.serverURL == "https://[fd00::1]:443")
        #expect(
            throws: CredentialError(
                place: "in-cluster credentials", field: "KUBERNETES_SERVICE_HOST",
                message: "is not set; Kubernetes sets it in every pod. Outside of a cluster give a kubeconfig instead")
        ) { try ClientConfiguration.inCluster(environment: [:], folder: folder.path) }
        #expect(
            throws: CredentialError(
                place: "in-cluster credentials", field: "token",
                message: "names /nowhere/token, which does not exist; correct the path or create the file")
        ) { try ClientConfiguration.inCluster(environment: environment, folder: "/nowhere") }
    }
}
