import EncryptedServing
import Logging
import NIOSSL
import ProcessRuntime

/// How the metrics API is encrypted now: the files of its certificates are looked at with each connection, so one that is renewed serves
/// the next (``RenewedFiles``). Safe to use from any thread.
final class ServingEncryption: Sendable {
    private let files: RenewedFiles<EncryptionSettings>

    /// - Throws: code 78 naming the file that cannot be used, 73 for a directory that cannot be written.
    init(_ options: ServingOptions, logger: Logger) throws(ProcessError) {
        let named = options.tlsSniCertKey
        let served =
            if let certificate = options.tlsCertFile, let key = options.tlsPrivateKeyFile {
                [certificate, key]
            } else {
                options.certDir.map(ServingCertificate.files) ?? []
            }
        let paths = served + named.flatMap { [$0.certificate, $0.key] }
        files = try RenewedFiles(paths, what: "certificates to serve with", logger: logger) { () throws(ProcessError) in
            var tls = try ServingCertificate.configuration(
                certificateFile: options.tlsCertFile, keyFile: options.tlsPrivateKeyFile, directory: options.certDir)
            // Clients are asked for a certificate, and may have none; who says that it is theirs is judged with each request.
            tls.certificateVerification = .optionalVerification
            // Not by the library, which would otherwise read all authorities that the system trusts.
            tls.trustRoots = .certificates([])
            tls.sslContextCallback = try NamedCertificates(named).callback
            options.restrict(&tls)
            return EncryptionSettings(tls: tls, allowsHTTP2: !options.disableHttp2Serving, takesAnyCertificate: true)
        }
    }

    var current: (settings: EncryptionSettings, generation: Int) {
        let (settings, generation) = files.current
        return (settings, generation)
    }
}
