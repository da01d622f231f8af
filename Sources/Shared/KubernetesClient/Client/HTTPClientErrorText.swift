import AsyncHTTPClient
import NetworkErrors

/// What errors of the HTTP client library, and of those below it, mean to an operator.
public enum HTTPClientErrorText {
    /// The end of a sentence: `no answer within the time limit`.
    /// - Returns: nil for what is no error of the network.
    public static func words(_ error: any Error) -> String? {
        guard let error = error as? HTTPClientError else { return NetworkErrorText.words(error) }
        switch error {
        case .connectTimeout, .tlsHandshakeTimeout: return "no connection within the time limit"
        case .deadlineExceeded, .readTimeout, .getConnectionFromPoolTimeout: return "no answer within the time limit"
        case .remoteConnectionClosed, .uncleanShutdown: return "the connection was closed"
        default:
            let text = error.shortDescription
            return text.prefix(1).lowercased() + text.dropFirst()
        }
    }
}
