import FoundationEssentials
import NIOSSL
import NetworkErrors

extension TLSSession {
    /// What went wrong, as the end of a sentence for an operator.
    /// - Parameter certificate: the other side's, if it has shown one.
    static func words(_ error: any Error, certificate: NIOSSLCertificate?, serverName: TLSServerName, now: Date = Date()) -> String {
        if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
            return "TLS: the other side's certificate is not for \(serverName)"
        }
        if case NIOSSLError.handshakeFailed(let cause) = error, case .sslError(let stack) = cause, stack == [.eofDuringHandshake] {
            return "the connection was closed during the TLS handshake"
        }
        // BoringSSL says that a chain was not accepted, not why. Its dates are the reason more often than its authority.
        if "\(error)".contains("CERTIFICATE_VERIFY_FAILED"), let certificate {
            let begin = Date(timeIntervalSince1970: Double(certificate.notValidBefore))
            let end = Date(timeIntervalSince1970: Double(certificate.notValidAfter))
            if now > end { return "TLS: the other side's certificate expired on \(day(end))" }
            if now < begin { return "TLS: the other side's certificate is not valid before \(day(begin)), or this host's clock is wrong" }
        }
        return NetworkErrorText.words(error) ?? "TLS failed"
    }

    private static func day(_ date: Date) -> String { date.formatted(.iso8601.year().month().day()) }
}
