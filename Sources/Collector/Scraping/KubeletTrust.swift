import KubernetesClient
import KubernetesObjects
import Logging
import NIOSSL
import NetworkErrors
import ProcessRuntime

/// What to show kubelets and whom to believe: the API server's credentials, changed by the `--kubelet-…` flags, as in
/// metrics-server.
struct KubeletTrust: Sendable {
    private let borrowed: SharedCredentials?
    private let options: KubeletOptions
    private let authorities: NIOSSLTrustRoots?
    private let identity: (chain: [NIOSSLCertificateSource], key: NIOSSLPrivateKeySource)?

    /// - Throws: code 78 naming the flag and the file that cannot be used.
    init(_ options: KubeletOptions, _ configuration: ClientConfiguration?, logger: Logger) throws(ProcessError) {
        self.options = options
        borrowed = configuration.map { SharedCredentials($0, logger: logger) }
        authorities = try options.kubeletCertificateAuthority.map { path throws(ProcessError) in
            .certificates(try Self.certificates(path, flag: "--kubelet-certificate-authority"))
        }
        if let certificate = options.kubeletClientCertificate, let key = options.kubeletClientKey {
            let chain = try Self.certificates(certificate, flag: "--kubelet-client-certificate")
            do {
                identity = (chain.map { .certificate($0) }, .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            } catch {
                throw Self.error("--kubelet-client-key", key, "is not a private key in PEM that can be read", error)
            }
        } else {
            identity = nil
        }
    }

    func current() async throws -> KubeletCredentials {
        if options.deprecatedKubeletCompletelyInsecure { return KubeletCredentials() }
        let base = try await borrowed?.current()
        var tls = base?.tls ?? TLSConfiguration.makeClientConfiguration()
        if options.kubeletInsecureTls { tls.certificateVerification = .none }
        if let authorities {
            tls.trustRoots = authorities
            tls.certificateVerification = .fullVerification
        }
        if let identity {
            tls.certificateChain = identity.chain
            tls.privateKey = identity.key
        }
        return KubeletCredentials(authorization: base?.authorization, tls: tls)
    }

    private static func certificates(_ path: String, flag: String) throws(ProcessError) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            if !certificates.isEmpty { return certificates }
        } catch {
            throw Self.error(flag, path, "holds no certificate in PEM that can be read", error)
        }
        throw ProcessError(code: ExitStatus.configuration, message: "holds no certificate", place: "\(flag) \(path)")
    }

    private static func error(_ flag: String, _ path: String, _ message: String, _ cause: any Error) -> ProcessError {
        ProcessError(
            code: ExitStatus.configuration, message: message, place: "\(flag) \(path)", cause: NetworkErrorText.words(cause))
    }
}
