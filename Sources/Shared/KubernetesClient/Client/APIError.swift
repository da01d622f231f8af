import KubernetesObjects

/// Why a request to the API server brought no answer that can be used.
public enum APIError: Error, Hashable, Sendable {
    /// The server answered with an error.
    case status(APIStatus)
    /// No connection, or it broke: what happened, and what to do if that is known.
    case connection(server: String, cause: String, advice: String?)
    /// Nothing came for this long.
    case timeout(server: String, after: Duration)
    /// The connection is there, but nothing comes from it, whatever is asked; the text says what was.
    case unresponsive(server: String, evidence: String)
    /// The credentials cannot be used.
    case credentials(CredentialError)
    /// An answer larger than this client takes, in bytes.
    case tooLarge(limit: Int)
}

/// An error answer: the HTTP status and what the server's `Status` object adds to it.
public struct APIStatus: Hashable, Sendable {
    /// The HTTP status code, or the one inside an ERROR event.
    public var code: Int
    /// `Expired`, `NotFound`, `Forbidden`, …; empty when the server gives none.
    public var reason: String
    public var message: String
    /// From the `Retry-After` header or the status object.
    public var retryAfter: Duration?

    public init(code: Int, reason: String, message: String, retryAfter: Duration? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
        self.retryAfter = retryAfter
    }
}

extension APIStatus {
    init(_ status: StatusObject) {
        self.init(
            code: Int(status.code), reason: status.reason, message: status.message,
            retryAfter: status.retryAfterSeconds.map { .seconds(Int64(max(0, $0))) })
    }

    /// The resourceVersion or the continue token is too old to be served.
    var isExpired: Bool { code == 410 || reason == "Expired" || reason == "Gone" }

    /// The server has not got as far as the resourceVersion that was asked for, for example after a restored backup.
    /// The server says this only in the message (`NewTooLargeResourceVersionError` in apiserver's storage/errors.go).
    var isResourceVersionTooLarge: Bool {
        code == 504 && message.contains("Too large resource version")
    }
}

extension APIStatus: CustomStringConvertible {
    public var description: String {
        var text = "the API server answered \(code)"
        if !reason.isEmpty { text += " \(reason)" }
        if !message.isEmpty { text += ": \(message)" }
        return text
    }
}

extension APIError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .status(let status): status.description
        case .connection(let server, let cause, let advice):
            "no answer from the API server at \(server): \(cause)" + (advice.map { "; \($0)" } ?? "")
        case .timeout(let server, let after):
            "the API server at \(server) sent nothing for \(after.components.seconds) s"
        case .unresponsive(let server, let evidence): "the API server at \(server) is silent: \(evidence)"
        case .credentials(let error): error.description
        case .tooLarge(let limit): "the API server's answer is longer than \(limit) bytes"
        }
    }
}
