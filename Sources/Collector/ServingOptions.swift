import AccessReview
import ArgumentParser
import EncryptedServing
import NIOSSL
import ProcessRuntime

/// metrics-server's flags about serving and about who may read, with its names and defaults.
struct ServingOptions: ParsableArguments {
    @Option(help: "Address to serve the metrics API on.")
    var bindAddress = "0.0.0.0"

    @Option(help: "Port to serve the metrics API on, over TLS. 0 picks a free one.")
    var securePort = 443

    @Option(help: "File with the certificate to serve with, and its chain.")
    var tlsCertFile: String?

    @Option(help: "File with the private key of --tls-cert-file.")
    var tlsPrivateKeyFile: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Another certificate for clients that ask for these names, or for those that it bears. May be given several times.",
            valueName: "certfile,keyfile[:name,...]"), transform: NamedCertificateFiles.init)
    var tlsSniCertKey: [NamedCertificateFiles] = []

    @Option(help: "Oldest version of TLS to speak: VersionTLS12 or VersionTLS13, or the ones before.")
    var tlsMinVersion = "VersionTLS12"

    @Option(
        parsing: .unconditionalSingleValue,
        help: "Cipher suites to speak below TLS 1.3, by the IANA's names. Default: those that Go offers.")
    var tlsCipherSuites: [String] = []

    @Option(help: "Requests that are answered at a time; more get 429. 0 for any number.")
    var maxRequestsInflight = 400

    @Option(help: "Folder of a self-signed certificate (apiserver.crt, apiserver.key), made there if it is missing.")
    var certDir: String?

    @Option(help: "Paths that need no permission, separated by commas; a * at the end stands for any rest.")
    var authorizationAlwaysAllowPaths = "/healthz,/readyz,/livez"

    @Flag(help: "Do not serve HTTP/2, which API servers prefer.")
    var disableHttp2Serving = false

    @Option(
        help: ArgumentHelp(
            "Authorities of clients that have a certificate. Default: what the cluster tells in the ConfigMap "
                + "kube-system/extension-apiserver-authentication.", valueName: "file"))
    var clientCaFile: String?

    @Option(
        help: ArgumentHelp(
            "Authorities of front proxies, which say whose requests they pass on. Default: what the cluster tells, and with it the four "
                + "options below.", valueName: "file"))
    var requestheaderClientCaFile: String?

    @Option(parsing: .unconditionalSingleValue, help: "Common names that a front proxy's certificate may bear. Default: any.")
    var requestheaderAllowedNames: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Headers with the name of the user.")
    var requestheaderUsernameHeaders: [String] = ["x-remote-user"]

    @Option(parsing: .unconditionalSingleValue, help: "Headers with the groups of the user.")
    var requestheaderGroupHeaders: [String] = ["x-remote-group"]

    @Option(parsing: .unconditionalSingleValue, help: "Headers with the UID of the user.")
    var requestheaderUidHeaders: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Beginnings of headers with more about the user.")
    var requestheaderExtraHeadersPrefix: [String] = ["x-remote-extra-"]

    @Option(help: ArgumentHelp("As --kubeconfig, to ask who a caller is. Default: --kubeconfig.", valueName: "file"))
    var authenticationKubeconfig: String?

    @Option(help: ArgumentHelp("As --kubeconfig, to ask what a caller may do. Default: --kubeconfig.", valueName: "file"))
    var authorizationKubeconfig: String?

    @Flag(help: "Do not ask the cluster whose certificates to trust.")
    var authenticationSkipLookup = false

    @Flag(help: "As in metrics-server; here a lookup that fails never ends the process, and is tried again every ten seconds.")
    var authenticationTolerateLookupFailure = false

    @Option(help: "How long the answer to whom a token belongs is kept.")
    var authenticationTokenWebhookCacheTtl = GoDuration(seconds: 10)

    @Option(help: "How long a permission is kept.")
    var authorizationWebhookCacheAuthorizedTtl = GoDuration(seconds: 10)

    @Option(help: "How long a refusal is kept.")
    var authorizationWebhookCacheUnauthorizedTtl = GoDuration(seconds: 10)

    @Flag(
        help: """
            Answer pods some of whose containers have no usage yet, with those that have. metrics-server answers a pod only when all have.
            """)
    var partialPods = false

    @Flag(help: "Let everyone read all metrics without asking an API server. For demos.")
    var insecureSkipAuthorization = false

    func validate() throws {
        guard (0...65535).contains(securePort) else {
            throw ValidationError("--secure-port: give a port from 0 to 65535")
        }
        guard Self.versions[tlsMinVersion] != nil else {
            throw ValidationError(
                "--tls-min-version is '\(tlsMinVersion)'; give one of \(Self.versions.keys.sorted().joined(separator: ", "))")
        }
        for name in Self.list(tlsCipherSuites) where !CipherNames.fixed.contains(name) {
            guard CipherNames.chosen.contains(where: { $0.0 == name }) else {
                throw ValidationError(
                    "--tls-cipher-suites: '\(name)' is not spoken here; give some of "
                        + (CipherNames.chosen.map(\.0) + CipherNames.fixed.sorted()).joined(separator: ", "))
            }
        }
        guard maxRequestsInflight >= 0 else {
            throw ValidationError("--max-requests-inflight: give a number from 0 on")
        }
        if (tlsCertFile == nil) != (tlsPrivateKeyFile == nil) {
            throw ValidationError("give both --tls-cert-file and --tls-private-key-file, or none of them")
        }
    }

    private static let versions: [String: TLSVersion] = [
        "VersionTLS10": .tlsv1, "VersionTLS11": .tlsv11, "VersionTLS12": .tlsv12, "VersionTLS13": .tlsv13,
    ]

    /// Versions and cipher suites of TLS.
    func restrict(_ tls: inout TLSConfiguration) {
        tls.minimumTLSVersion = Self.versions[tlsMinVersion] ?? .tlsv12
        let names = Self.list(tlsCipherSuites)
        let suites = CipherNames.chosen.filter { names.isEmpty || names.contains($0.0) }.map(\.1)
        // Only suites of TLS 1.3 are named: nothing is left to speak before it.
        if suites.isEmpty { tls.minimumTLSVersion = .tlsv13 } else { tls.cipherSuiteValues = suites }
    }

    /// What the command line says of whom to trust.
    var trustFiles: AuthenticationLookup.Files {
        AuthenticationLookup.Files(
            clientAuthorities: clientCaFile, frontProxyAuthorities: requestheaderClientCaFile,
            frontProxy: FrontProxy(
                allowedNames: Self.list(requestheaderAllowedNames), userHeaders: Self.list(requestheaderUsernameHeaders),
                groupHeaders: Self.list(requestheaderGroupHeaders), uidHeaders: Self.list(requestheaderUidHeaders),
                extraPrefixes: Self.list(requestheaderExtraHeadersPrefix)))
    }

    /// An option that is given several times adds to its list; each may hold several, separated by commas.
    private static func list(_ texts: [String]) -> [String] {
        texts.flatMap { $0.split(separator: ",") }.map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    }

    var address: HTTPAddress { HTTPAddress(host: bindAddress, port: securePort) }

    var lifetimes: CachedAccess.Lifetimes {
        CachedAccess.Lifetimes(
            token: authenticationTokenWebhookCacheTtl.duration,
            allowed: authorizationWebhookCacheAuthorizedTtl.duration,
            denied: authorizationWebhookCacheUnauthorizedTtl.duration)
    }
}
