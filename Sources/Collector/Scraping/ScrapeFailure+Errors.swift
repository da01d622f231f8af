import Glibc
import KubernetesClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NetworkErrors

extension ScrapeFailure {
    /// What an error of the layers below means.
    init(_ error: any Error) {
        if let failure = error as? ScrapeFailure {
            self = failure
            return
        }
        self.init(Self.fault(error), Self.words(error))
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case ResourceMetricsParser.Failure.tooLarge(let limit): "the kubelet answered more than \(limit) bytes"
        case HTTPParserError.invalidEOFState: "the connection was closed in the middle of the answer"
        case is HTTPParserError: "what came is no answer of HTTP"
        default: NetworkErrorText.words(error) ?? "\(error)"
        }
    }

    private static func fault(_ error: any Error) -> KubeletFault {
        switch error {
        case ResourceMetricsParser.Failure.tooLarge: .tooLarge
        case is CredentialError: .credentials
        case HTTPParserError.invalidEOFState: .closed
        case is HTTPParserError: .badBody
        case let error as NIOConnectionError: error.connectionErrors.first.map { fault($0.error) } ?? .dns
        case is SocketAddressError, is SocketAddressError.UnknownHost: .dns
        case let error as IOError: fault(code: error.errnoCode)
        case ChannelError.connectTimeout: .timeout
        case is ChannelError: .closed
        case NIOSSLError.uncleanShutdown: .closed
        default: tlsFault(error)
        }
    }

    private static func fault(code: Int32) -> KubeletFault {
        switch code {
        case ECONNREFUSED: .refused
        case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL, EACCES, EPERM: .unreachable
        case ETIMEDOUT: .timeout
        case ECONNRESET, ECONNABORTED, EPIPE: .closed
        case EMFILE, ENFILE: .openFiles
        default: .other
        }
    }

    /// What kubelets say of the certificate that they were shown, as BoringSSL calls the alerts of RFC 8446 section 6.2.
    private static let alertsAboutUs: Set<String> = [
        "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_CERTIFICATE_REQUIRED",
    ]

    private static func tlsFault(_ error: any Error) -> KubeletFault {
        if let reason = NetworkErrorText.tlsReason(error), alertsAboutUs.contains(reason) { return .clientCertificateRefused }
        return error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError ? .tlsOther : .other
    }
}
