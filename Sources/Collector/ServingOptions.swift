import AccessReview
import ArgumentParser
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

    @Option(help: "Folder of a self-signed certificate (apiserver.crt, apiserver.key), made there if it is missing.")
    var certDir: String?

    @Option(help: "Paths that need no permission, separated by commas; a * at the end stands for any rest.")
    var authorizationAlwaysAllowPaths = "/healthz,/readyz,/livez"

    @Option(help: "How long the answer to whom a token belongs is kept.")
    var authenticationTokenWebhookCacheTtl = GoDuration(seconds: 10)

    @Option(help: "How long a permission is kept.")
    var authorizationWebhookCacheAuthorizedTtl = GoDuration(seconds: 10)

    @Option(help: "How long a refusal is kept.")
    var authorizationWebhookCacheUnauthorizedTtl = GoDuration(seconds: 10)

    @Flag(help: "Let everyone read all metrics without asking an API server. For demos.")
    var insecureSkipAuthorization = false

    func validate() throws {
        guard (0...65535).contains(securePort) else {
            throw ValidationError("--secure-port: give a port from 0 to 65535")
        }
        if (tlsCertFile == nil) != (tlsPrivateKeyFile == nil) {
            throw ValidationError("give both --tls-cert-file and --tls-private-key-file, or none of them")
        }
    }

    var address: HTTPAddress { HTTPAddress(host: bindAddress, port: securePort) }

    var lifetimes: CachedAccess.Lifetimes {
        CachedAccess.Lifetimes(
            token: authenticationTokenWebhookCacheTtl.duration,
            allowed: authorizationWebhookCacheAuthorizedTtl.duration,
            denied: authorizationWebhookCacheUnauthorizedTtl.duration)
    }
}
