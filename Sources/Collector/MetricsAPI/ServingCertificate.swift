import Crypto
import FoundationEssentials
import MizzenSystem
import NIOSSL
import NetworkErrors
import ProcessRuntime
import SwiftASN1
import X509

/// The certificate that the Metrics API is served with.
enum ServingCertificate {
    /// The names of the files in `--cert-dir`, as in metrics-server.
    private static let certificateFile = "apiserver.crt"
    private static let keyFile = "apiserver.key"

    /// The certificate and its key in `--cert-dir`.
    static func files(_ directory: String) -> [String] { ["\(directory)/\(certificateFile)", "\(directory)/\(keyFile)"] }

    /// From two files (`--tls-cert-file`, `--tls-private-key-file`), else from `directory`, where a self-signed pair is
    /// left for the next start if there is none, else self-signed and forgotten at the end.
    ///
    /// - Throws: code 78 naming the file that cannot be used, 73 for a directory that cannot be written.
    static func configuration(
        certificateFile certificate: String?, keyFile key: String?, directory: String?
    ) throws(ProcessError) -> TLSConfiguration {
        switch (certificate, key) {
        case (let certificate?, let key?): return try read(certificate: certificate, key: key)
        case (nil, nil): break
        case (nil, _?), (_?, nil):
            throw ProcessError(
                code: ExitStatus.usage, message: "give both or none of them",
                place: "--tls-cert-file, --tls-private-key-file")
        }
        guard let directory else {
            let pair = try selfSigned()
            return try configuration(
                certificate: Array(pair.certificate.utf8), key: Array(pair.key.utf8), place: "self-signed certificate")
        }
        let certificatePath = "\(directory)/\(certificateFile)"
        let keyPath = "\(directory)/\(keyFile)"
        if FileManager.default.fileExists(atPath: certificatePath), FileManager.default.fileExists(atPath: keyPath) {
            return try read(certificate: certificatePath, key: keyPath)
        }
        let pair = try selfSigned()
        do throws(SystemError) {
            try FileContents.makeDirectory(directory)
            // The key first, and readable to nobody else from the beginning.
            try FileContents.write(Array(pair.key.utf8), to: keyPath, mode: 0o600)
            try FileContents.write(Array(pair.certificate.utf8), to: certificatePath, mode: 0o644)
        } catch {
            throw ProcessError(
                code: ExitStatus.cannotCreate,
                message: "cannot leave a self-signed certificate here; make the directory writable or choose another "
                    + "one with --cert-dir",
                place: directory, cause: error.words)
        }
        return try read(certificate: certificatePath, key: keyPath)
    }

    private static func read(certificate: String, key: String) throws(ProcessError) -> TLSConfiguration {
        try configuration(certificate: file(certificate), key: file(key), place: "\(certificate), \(key)")
    }

    private static func file(_ path: String) throws(ProcessError) -> [UInt8] {
        do throws(SystemError) {
            return try FileContents.read(path)
        } catch {
            throw ProcessError(
                code: ExitStatus.configuration, message: "cannot be read; check the path and its permissions",
                place: path, cause: error.words)
        }
    }

    static func configuration(
        certificate: [UInt8], key: [UInt8], place: String
    ) throws(ProcessError) -> TLSConfiguration {
        func unusable(_ message: String, _ cause: String? = nil) -> ProcessError {
            ProcessError(code: ExitStatus.configuration, message: message, place: place, cause: cause)
        }
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificate), !chain.isEmpty else {
            throw unusable("the first holds no certificate chain in PEM")
        }
        guard let key = try? NIOSSLPrivateKey(bytes: key, format: .pem) else {
            throw unusable("the second holds no private key in PEM without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        do {
            // Finds a key that does not belong to the certificate now, not at the first handshake.
            _ = try NIOSSLContext(configuration: configuration)
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw unusable("the private key does not belong to the certificate; give the two that were issued together")
        } catch {
            throw unusable("these cannot be served with", NetworkErrorText.words(error))
        }
        return configuration
    }

    /// For localhost and its addresses, valid for a year from an hour ago.
    private static func selfSigned() throws(ProcessError) -> (certificate: String, key: String) {
        do {
            let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
            let now = Date.now
            let name = try DistinguishedName { CommonName("localhost@\(Int(now.timeIntervalSince1970))") }
            let loopback: [UInt8] = [127, 0, 0, 1]
            let loopback6: [UInt8] = Array(repeating: 0, count: 15) + [1]
            let certificate = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: now - 3600, notValidAfter: now + 365 * 86_400, issuer: name, subject: name,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                    Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
                    try ExtendedKeyUsage([.serverAuth])
                    SubjectAlternativeNames([
                        .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: loopback[...])),
                        .ipAddress(ASN1OctetString(contentBytes: loopback6[...])),
                    ])
                },
                issuerPrivateKey: key)
            return (try certificate.serializeAsPEM().pemString, try key.serializeAsPEM().pemString)
        } catch {
            throw ProcessError(
                code: ExitStatus.software, message: "cannot make a self-signed certificate", cause: "\(error)")
        }
    }
}
