import NIOSSL

/// A certificate chain and its key, as text.
struct ClientIdentity: Hashable, Sendable {
    var certificate: [UInt8]
    var key: [UInt8]
}

extension TLSConfiguration {
    /// The TLS settings towards the API server.
    ///
    /// - Throws: ``CredentialError`` for PEM text that cannot be read and a key that does not belong to its certificate.
    static func client(
        trust: ServerTrust, authorities: [UInt8]?, identity: ClientIdentity?, user: UserCredentials,
        exec: ExecCredential?
    ) throws(CredentialError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        switch trust {
        case .system: break
        case .anyone: tls.certificateVerification = .none
        case .authorities(let source):
            tls.trustRoots = .certificates(try certificates(authorities ?? [], place: source.place))
        }
        guard let identity, let certificateSource = exec?.certificate ?? user.certificate,
            let keySource = exec?.key ?? user.key
        else { return tls }
        tls.certificateChain = try certificates(identity.certificate, place: certificateSource.place)
            .map { .certificate($0) }
        do {
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: identity.key, format: .pem))
        } catch {
            throw keySource.place.error(
                "holds no private key in PEM that can be read; keys with a passphrase are not supported")
        }
        do {
            _ = try NIOSSLContext(configuration: tls)
        } catch {
            throw keySource.place.error(
                "does not belong to the certificate of \(certificateSource.place.field); "
                    + "set the certificate and the key that were issued together")
        }
        return tls
    }

    private static func certificates(
        _ pem: [UInt8], place: CredentialPlace
    ) throws(CredentialError) -> [NIOSSLCertificate] {
        let certificates: [NIOSSLCertificate]
        do {
            certificates = try NIOSSLCertificate.fromPEMBytes(pem)
        } catch {
            throw place.error("holds no certificate in PEM that can be read")
        }
        guard !certificates.isEmpty else {
            throw place.error("holds no certificate; PEM text with BEGIN CERTIFICATE is expected")
        }
        return certificates
    }
}
