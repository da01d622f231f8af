import KubernetesClient
import KubernetesObjects
import Logging
import MizzenSystem
import NIOCore
import NIOSSL
import NetworkErrors
import ProcessRuntime
import Synchronization
import X509

/// What to show kubelets and whom to believe: the API server's credentials, changed by the `--kubelet-…` flags, as in
/// metrics-server. Files are read again when they change.
final class KubeletTrust: Sendable {
    /// What was made of the API server's credentials, which are handed out anew with each request.
    private struct Borrowed {
        var tls: TLSConfiguration
        var context: NIOSSLContext
        var contextGeneration: Int
        var trust: CertificateTrust
    }

    private let borrowed: SharedCredentials?
    private let options: KubeletOptions
    private let authorities: RenewedFiles<[Certificate]>?
    private let identity: RenewedFiles<NIOSSLContext>?
    private let nodes: NodeTrust?
    private let kept = Mutex<Borrowed?>(nil)
    private let anyone = CertificateTrust(authorities: .anyone, generation: Generations.next())

    /// - Throws: code 78 naming the flag and the file that cannot be used.
    init(_ options: KubeletOptions, _ configuration: ClientConfiguration?, logger: Logger) throws(ProcessError) {
        self.options = options
        borrowed = configuration.map { SharedCredentials($0, logger: logger) }
        authorities = try options.kubeletCertificateAuthority.map { path throws(ProcessError) in
            try RenewedFiles([path], what: "authorities of kubelets", logger: logger) { () throws(ProcessError) in
                try Self.authorities(path)
            }
        }
        if let certificate = options.kubeletClientCertificate, let key = options.kubeletClientKey {
            identity = try RenewedFiles([certificate, key], what: "certificate for kubelets", logger: logger) { () throws(ProcessError) in
                try Self.identity(certificate, key)
            }
        } else {
            identity = nil
        }
        nodes = try options.kubeletNodeTrust.map { path throws(ProcessError) in try NodeTrust(path, logger: logger) }
    }

    /// - Throws: `CredentialError`, or `ScrapeFailure` for a node whose entry cannot be read.
    func current(for node: CatalogNode) async throws -> KubeletCredentials {
        if options.deprecatedKubeletCompletelyInsecure { return KubeletCredentials() }
        let base = try await borrowed?.current()
        let own = try nodes?.trust(of: node.name)
        let common = try common(base?.tls ?? TLSConfiguration.makeClientConfiguration())
        let (context, contextGeneration) = identity?.current ?? (common.context, common.contextGeneration)
        let trust =
            if let own {
                own
            } else if let authorities {
                { CertificateTrust(authorities: .these($0.value), generation: $0.generation) }(authorities.current)
            } else if options.kubeletInsecureTls {
                anyone
            } else {
                common.trust
            }
        return KubeletCredentials(
            authorization: base?.authorization,
            encryption: KubeletEncryption(context: context, contextGeneration: contextGeneration, trust: trust))
    }

    /// What the settings towards the API server are for kubelets, made once for all that are equal.
    private func common(_ tls: TLSConfiguration) throws -> Borrowed {
        try kept.withLock { kept in
            if let kept, kept.tls.bestEffortEquals(tls) { return kept }
            let made = Borrowed(
                tls: tls, context: try Self.context(tls.certificateChain, tls.privateKey), contextGeneration: Generations.next(),
                trust: CertificateTrust(authorities: try Self.authorities(of: tls), generation: Generations.next()))
            kept = made
            return made
        }
    }

    private static func authorities(of tls: TLSConfiguration) throws -> CertificateTrust.Authorities {
        if tls.certificateVerification == .none { return .anyone }
        return switch tls.trustRoots {
        case .certificates(let certificates): .these(AuthorityList.readable(certificates))
        case .file(let path): .these(try authorities(path))
        case .default, nil: .system
        }
    }

    /// The callback of each connection judges: with `.none` it would never be asked, and of roots the library needs none.
    static func context(_ chain: [NIOSSLCertificateSource] = [], _ key: NIOSSLPrivateKeySource? = nil) throws -> NIOSSLContext {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        tls.certificateVerification = .noHostnameVerification
        tls.trustRoots = .certificates([])
        tls.applicationProtocols = ["http/1.1"]
        // A kubelet that hangs does not say good-bye either.
        tls.shutdownTimeout = .milliseconds(500)
        tls.certificateChain = chain
        tls.privateKey = key
        return try NIOSSLContext(configuration: tls)
    }

    private static func authorities(_ path: String) throws(ProcessError) -> [Certificate] {
        let flag = "--kubelet-certificate-authority"
        do {
            return try AuthorityList.certificates(try certificates(path, flag: flag))
        } catch let error as ProcessError {
            throw error
        } catch {
            throw Self.error(flag, path, "holds a certificate that cannot be read", error)
        }
    }

    private static func identity(_ certificate: String, _ keyFile: String) throws(ProcessError) -> NIOSSLContext {
        let chain = try certificates(certificate, flag: "--kubelet-client-certificate")
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        } catch {
            throw Self.error("--kubelet-client-key", keyFile, "is not a private key in PEM that can be read", error)
        }
        do {
            return try context(chain.map { .certificate($0) }, .privateKey(key))
        } catch {
            throw Self.error("--kubelet-client-key", keyFile, "does not belong to the certificate in \(certificate)", error)
        }
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
