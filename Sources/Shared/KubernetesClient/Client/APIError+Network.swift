import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL

extension APIError {
    /// What a library's error means to somebody who looks after the cluster. Cancellation stays what it is.
    static func describing(_ error: any Error, server: String, configuration: ClientConfiguration? = nil) -> any Error {
        switch error {
        case is CancellationError, is APIError: return error
        case let error as CredentialError: return APIError.credentials(error)
        case let error as ConnectionSilence:
            return APIError.unresponsive(
                server: server,
                evidence: "nothing arrived on the HTTP/2 connection for \(error.quiet), and no answer to a PING for \(error.answer) more; "
                    + "the connection is closed")
        case let error as NIOHTTP2Errors.StreamClosed:
            return connection(server, "the server broke the request off (HTTP/2 \(error.errorCode))", nil)
        case let error as HTTPClientError where error == .cancelled:
            return Task.isCancelled ? CancellationError() : connection(server, "the connection was closed", nil)
        default:
            let cause = HTTPClientErrorText.words(error) ?? "\(error)"
            return connection(server, cause, advice(error, configuration))
        }
    }

    private static func advice(_ error: any Error, _ configuration: ClientConfiguration?) -> String? {
        switch error {
        case let error as HTTPClientError: error == .connectTimeout ? "check the address and the network" : nil
        case is NIOConnectionError: addressAdvice
        case let error as IOError: error.errnoCode == ECONNREFUSED ? addressAdvice : nil
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: tlsAdvice("\(error)", configuration)
        default: nil
        }
    }

    private static let addressAdvice = "check the address, and that the server runs"

    private static func connection(_ server: String, _ cause: String, _ advice: String?) -> APIError {
        .connection(server: server, cause: cause, advice: advice)
    }

    private static func tlsAdvice(_ text: String, _ configuration: ClientConfiguration?) -> String? {
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            switch configuration?.trust {
            case .system:
                return
                    "the \(configuration?.origin ?? "configuration") has no certificate-authority or "
                    + "certificate-authority-data, and the authorities of this machine do not vouch for the server; set one"
            case .authorities(let source):
                return "\(source.place.error("is not the authority that signed the server's certificate"))"
            case .anyone, nil: return nil
            }
        }
        if text.contains("failedToValidateHostname") || text.contains("unableToValidateCertificate") {
            return "the server's certificate is for another name; set server to a name in it, or tls-server-name"
        }
        if text.contains("WRONG_VERSION_NUMBER") {
            return "the server does not speak TLS on this port; check https:// and the port in server"
        }
        return nil
    }
}
