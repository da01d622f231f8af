import MizzenSystem
import NIOCore
import NIOPosix
import NIOSSL

/// What errors of the network libraries mean to somebody who looks after the system: without types, numbers and addresses of source
/// code, which is what their own descriptions are made of.
public enum NetworkErrorText {
    /// The end of a sentence: `connection refused`.
    /// - Returns: nil for what is no error of the network.
    public static func words(_ error: any Error) -> String? {
        switch error {
        case let error as SystemError: error.words
        case let error as IOError: SystemError.words(error.errnoCode)
        case let error as NIOConnectionError: words(error)
        case let error as SocketAddressError.UnknownHost: "the name '\(error.host)' cannot be resolved"
        case is SocketAddressError, is SocketAddressError.FailedToParseIPByteBuffer: "this is not an address"
        case let error as ChannelError: words(error)
        case let error as NIOSSLError: words(error)
        case let error as BoringSSLError: tls("\(error)")
        case let error as NIOSSLExtraError:
            error == .failedToValidateHostname
                ? "the certificate is for another name" : "the other side's certificate cannot be used"
        default: nil
        }
    }

    /// Each reason once, however many addresses a name has.
    private static func words(_ error: NIOConnectionError) -> String {
        var reasons: [String] = []
        for failure in error.connectionErrors {
            let reason = words(failure.error) ?? "no connection"
            if !reasons.contains(reason) { reasons.append(reason) }
        }
        if reasons.isEmpty { return "the name '\(error.host)' cannot be resolved" }
        return reasons.joined(separator: "; ")
    }

    private static func words(_ error: ChannelError) -> String {
        switch error {
        case .connectTimeout: "no connection within the time limit"
        case .ioOnClosedChannel, .alreadyClosed, .outputClosed, .inputClosed, .eof: "the connection was closed"
        default: "the connection cannot be used"
        }
    }

    private static func words(_ error: NIOSSLError) -> String {
        switch error {
        case .handshakeFailed(let cause), .shutdownFailed(let cause): tls("\(cause)")
        case .failedToLoadCertificate: "no certificate in PEM"
        case .failedToLoadPrivateKey: "no private key in PEM without a passphrase"
        case .noSuchFilesystemObject: "no such file or directory"
        case .noCertificateToValidate: "the other side shows no certificate"
        case .unableToValidateCertificate: "the other side's certificate cannot be used"
        case .uncleanShutdown: "the connection was closed"
        default: "TLS failed"
        }
    }

    /// Why TLS failed, as BoringSSL calls it: `CERTIFICATE_VERIFY_FAILED`, `TLSV1_ALERT_UNKNOWN_CA`.
    /// - Returns: nil for what is no error of TLS, and where it gives no reason.
    public static func tlsReason(_ error: any Error) -> String? {
        switch error {
        case NIOSSLError.handshakeFailed(let cause), NIOSSLError.shutdownFailed(let cause): reason("\(cause)")
        case let error as BoringSSLError: reason("\(error)")
        default: nil
        }
    }

    /// BoringSSL names its reasons in capitals: `…:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at …`.
    private static func reason(_ text: String) -> String? {
        text.firstMatch(of: /OPENSSL_internal:([A-Z][A-Z0-9_]+)/).map { String($0.1) }
    }

    private static func tls(_ text: String) -> String {
        guard let reason = reason(text) else { return "the TLS handshake was broken off" }
        switch reason {
        case "CERTIFICATE_VERIFY_FAILED": return "TLS: no authority that is trusted here signed the other side's certificate"
        case "WRONG_VERSION_NUMBER": return "TLS: the other side does not speak it on this port"
        case "TLSV1_ALERT_UNKNOWN_CA": return "TLS: the other side does not trust the authority of this one's certificate"
        case "TLSV1_ALERT_CERTIFICATE_REQUIRED": return "TLS: the other side wants a certificate"
        case "TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL": return "TLS: both sides have no version in common"
        case "BAD_DECRYPT", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": return "TLS: what came was garbled or changed on the way"
        case "SSLV3_ALERT_HANDSHAKE_FAILURE": return "TLS: the other side broke off with a handshake failure"
        case "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": return "TLS: the other side speaks it here for other protocols only"
        case "SSLV3_ALERT_CERTIFICATE_EXPIRED": return "TLS: the other side finds that this one's certificate has expired"
        case "KEY_VALUES_MISMATCH": return "the private key does not belong to the certificate"
        default: return "TLS: \(reason.lowercased().replacing("_", with: " "))"
        }
    }
}
