import KubernetesObjects

/// Why a list or a watch came to nothing.
public enum ReflectorFault: Hashable, Sendable {
    /// The server answered with an error, or sent an ERROR event.
    case status(APIStatus)
    /// No connection, or none any more; or the credentials cannot be used. The text says what and what to do.
    case connection(String)
    /// Something was due, and nothing arrived for this long.
    case silent(Duration)
    /// A watch was silent for this long after the server should have ended it.
    case overdue(Duration)
    /// Nothing comes from the server or its connection, whatever is asked. The text says what was.
    case unresponsive(String)
    /// The body ended inside an object.
    case cut
    /// The bytes are not what the content type promises.
    case undecodable(String)
    /// Neither JSON nor Kubernetes' protobuf: most often a proxy's page.
    case unexpectedContentType(String)
    /// An event from before everything that is known.
    case disordered
    /// The server has no end of the initial events to send.
    case unmarkedInitialEvents
    /// What is held differs from what the server has; the text says how.
    case drifted(String)
    /// The server has not got as far as it had before it was away.
    case rewound

    init(_ error: any Error) {
        switch error {
        case let error as APIError:
            switch error {
            case .status(let status): self = .status(status)
            case .timeout(_, let after): self = .silent(after)
            case .unresponsive: self = .unresponsive(error.description)
            case .connection, .credentials, .tooLarge: self = .connection(error.description)
            }
        case let error as ObjectDecodingError: self = .undecodable(error.description)
        default: self = .connection("\(error)")
        }
    }

    /// A short word for a metric's label; there are few of them.
    public var cause: String {
        switch self {
        case .status(let status):
            if status.isExpired { return "expired" }
            switch status.code {
            case 401: return "unauthorized"
            case 403: return "forbidden"
            case 404: return "not_found"
            case 406, 415: return "not_acceptable"
            case 429: return "throttled"
            case 500...599: return "server"
            default: return "refused"
            }
        case .connection: return "connection"
        case .silent, .overdue, .unresponsive: return "silent"
        case .cut: return "cut"
        case .undecodable: return "undecodable"
        case .unexpectedContentType: return "content_type"
        case .disordered: return "out_of_order"
        case .unmarkedInitialEvents: return "initial_events"
        case .drifted: return "drift"
        case .rewound: return "rewound"
        }
    }

    /// What to do about a refusal that concerns `resources`; nil where nobody can say.
    static func advice(_ status: APIStatus, _ resources: String) -> String? {
        switch status.code {
        case 401: "the credentials are not valid (any more): renew the token or certificate"
        case 403: "allow get, list and watch of \(resources) to this user with a cluster role"
        default: nil
        }
    }

    /// What happened to `resource`, and what to do.
    func explanation(_ resource: Resource) -> String {
        switch self {
        case .status(let status):
            if status.code == 404 {
                Resource.all.contains(resource)
                    ? "the server has no \(resource) (\(resource.apiVersion)); it is asked again from time to time, "
                        + "leave \(resource.plural) out of --resources if that is as it should be"
                    : "the server has no \(resource) (\(resource.apiVersion)) any more, or not yet; it is asked again until the definition "
                        + "of this custom resource is gone from the server's list"
            } else {
                Self.advice(status, "\(resource)").map { "\(status); \($0)" } ?? status.description
            }
        case .connection(let text): text
        case .silent(let duration):
            "nothing arrived for \(duration.components.seconds) s, though an answer was due; the request is given up"
        case .overdue(let duration):
            "nothing arrived for \(duration.components.seconds) s after the server was to end the watch; the watch is given up. If that "
                + "happens again, look for a proxy between here and the server"
        case .unresponsive(let text): text
        case .cut: "the answer ended in the middle of an object"
        case .undecodable(let text): text
        case .unexpectedContentType(let type):
            "the answer has the content type \"\(type)\" instead of JSON or protobuf; is there a proxy in between?"
        case .disordered:
            "an event bears a resourceVersion from before the watch began: the server's versions went back, or its events "
                + "are out of order; everything is listed anew"
        case .unmarkedInitialEvents:
            "a bookmark came before the end of the initial events, so the server or a proxy does not know WatchList; "
                + "lists are used if that happens again"
        case .drifted(let text): text
        case .rewound:
            "the API server's versions went back while it was away, as when its store is restored from a backup; everything is listed anew"
        }
    }
}
