import MizzenSystem
import NIOCore
import NIOSSL
import NetworkErrors

/// The files that a Corefile's `tls` names, each with its place.
struct TLSFiles: Sendable, Equatable {
    /// What this side shows of itself, both in PEM; nil for nothing.
    var identity: Identity?
    /// The authorities to trust, in PEM; nil for the system's.
    var authorities: Token?

    struct Identity: Sendable, Equatable {
        var certificate: Token
        var key: Token

        static func == (left: Self, right: Self) -> Bool {
            left.certificate.text == right.certificate.text && left.key.text == right.key.text
        }
    }

    /// Where the words stand makes no difference: settings that moved by a line are the same settings.
    static func == (left: Self, right: Self) -> Bool {
        left.identity == right.identity && left.authorities?.text == right.authorities?.text
    }
}

/// Why TLS cannot be had as configured, with file and line of the word that is wrong where one is.
struct TLSFault: Error { var message: String }

/// What all TLS connections of one directive share: whom to trust and what to show, read once. Immutable, for all threads.
///
/// TLS 1.2 or 1.3, never older; upstreams are offered the protocol `dot` (RFC 7858, ALPN).
/// An established session is not taken up again by a later connection: NIOSSL has no interface for that. A connection costs a whole
/// handshake, which is why connections are to be kept.
final class TLSClientConfiguration: Sendable {
    let context: NIOSSLContext

    /// - Parameters:
    ///   - place: begins errors, for example `forward: tls`.
    ///   - protocols: those offered by ALPN.
    ///   - verifies: whether the server's chain and name have to be good.
    ///   - root: what file names that are not absolute are relative to; empty for the working directory.
    init(
        _ files: TLSFiles, place: String, protocols: [String] = ["dot"], verifies: Bool = true, relativeTo root: String = ""
    ) throws(TLSFault) {
        let reader = Reader(place: place, root: root)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = protocols
        if !verifies { configuration.certificateVerification = .none }
        // A closed session waits for nothing; `TLSSession` says why.
        configuration.shutdownTimeout = .zero
        if let authorities = files.authorities {
            configuration.trustRoots = .certificates(try reader.certificates(authorities))
        }
        if let identity = files.identity {
            configuration.certificateChain = try reader.certificates(identity.certificate).map { .certificate($0) }
            configuration.privateKey = .privateKey(try reader.key(identity.key))
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            // The key has been read, so what is wrong with it is whose it is.
            if let identity = files.identity, case NIOSSLError.failedToLoadPrivateKey = error {
                throw reader.fault(
                    identity.key, "'\(identity.key.text)' does not belong to the certificate in '\(identity.certificate.text)'")
            }
            throw TLSFault(message: "\(place): TLS cannot be set up: \(NetworkErrorText.words(error) ?? "\(error)")")
        }
    }

    private struct Reader {
        let place: String
        let root: String

        func fault(_ file: Token, _ message: String) -> TLSFault { TLSFault(message: "\(file.error("\(place): \(message)"))") }

        func certificates(_ file: Token) throws(TLSFault) -> [NIOSSLCertificate] {
            let bytes = try contents(file)
            guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
                throw fault(file, "'\(file.text)' holds no certificate in PEM, or a broken one")
            }
            return certificates
        }

        func key(_ file: Token) throws(TLSFault) -> NIOSSLPrivateKey {
            let bytes = try contents(file)
            do {
                return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
            } catch {
                throw fault(file, "'\(file.text)' holds no private key in PEM, or one with a passphrase")
            }
        }

        private func contents(_ file: Token) throws(TLSFault) -> [UInt8] {
            let path = file.text.below(root: root)
            do throws(SystemError) {
                return try FileContents.read(path)
            } catch {
                throw fault(file, "cannot read '\(path)': \(error.words)")
            }
        }
    }
}
