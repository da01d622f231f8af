/// One way in which the simulated API server, or a kubelet, misbehaves, and when.
public struct Fault: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        /// No answer, and the connection stays open.
        case hang
        /// The connection is closed in place of an answer.
        case disconnect
        /// An answer with ``Fault/code`` and, where given, Retry-After.
        case status
        /// The body ends in the middle: of a watch's next event, or of a list after its first bytes.
        case cut
        /// A running watch sends nothing more, bookmarks included, while its connection lives.
        case silence
        /// An ERROR event with a Status 410 in place of the next event.
        case expired
        /// Bookmarks are left out, but not the one that ends a WatchList's initial events.
        case skipBookmarks = "skip-bookmarks"
        /// The bookmark that ends a WatchList's initial events is left out.
        case endlessInitialEvents = "endless-initial-events"
        /// Two events change places. Of a kubelet: every second answer is half a minute older than the one before it.
        case reorder
        /// Each event comes twice. Of a kubelet: its last answer comes again, times included.
        case duplicate
        /// Bytes that mean nothing, in place of the next event.
        case garbage
        /// The next change is not sent; initial events of a WatchList are.
        case lose
        /// WatchLists are refused with 422, as by a server without that feature.
        case withoutWatchList = "without-watchlist"
        /// Protobuf is not offered: JSON where the client takes it, else 406.
        case withoutProtobuf = "without-protobuf"
        /// 406 to whoever as much as mentions protobuf.
        case refuseProtobuf = "refuse-protobuf"
        /// `/livez` is answered with ``Fault/code``.
        case unwell
        /// Behind what belongs there come ``Fault/mebibytes`` of line feeds.
        case huge
        /// A byte of the body a second.
        case drip
        /// The handshake of TLS begins ``Fault/offset`` seconds after the connection.
        case slowHandshake = "slow-handshake"
        /// The connection is closed behind each answer.
        case storm
        /// The kubelet's clock goes ``Fault/offset`` seconds before (or, negative, behind) everybody else's.
        case skew
        /// CPU counters begin anew with each hit, without a new start of their containers.
        case reset
        /// What belongs there, and much that Prometheus' text may hold besides: exemplars, comments, escapes, unknown families, blanks.
        case odd

        /// Whether a kubelet can do it.
        var isOfKubelets: Bool {
            switch self {
            case .hang, .disconnect, .status, .cut, .garbage, .huge, .drip, .slowHandshake, .storm, .skew, .reset, .odd, .reorder,
                .duplicate:
                true
            case .silence, .expired, .skipBookmarks, .endlessInitialEvents, .lose, .withoutWatchList, .withoutProtobuf, .refuseProtobuf,
                .unwell:
                false
            }
        }

        /// Whether nobody else can do it.
        var isOfKubeletsOnly: Bool {
            switch self {
            case .huge, .drip, .slowHandshake, .storm, .skew, .reset, .odd: true
            case .hang, .disconnect, .status, .cut, .garbage, .reorder, .duplicate, .silence, .expired, .skipBookmarks,
                .endlessInitialEvents,
                .lose, .withoutWatchList, .withoutProtobuf, .refuseProtobuf, .unwell:
                false
            }
        }

        /// Whether it changes events of a running watch rather than requests.
        var isOfEvents: Bool {
            switch self {
            case .silence, .expired, .skipBookmarks, .endlessInitialEvents, .reorder, .duplicate, .garbage, .lose: true
            case .hang, .disconnect, .status, .cut, .withoutWatchList, .withoutProtobuf, .refuseProtobuf, .unwell, .huge, .drip,
                .slowHandshake, .storm, .skew, .reset, .odd:
                false
            }
        }
    }

    /// What a kubelet is asked for.
    public enum KubeletPath: String, Sendable, CaseIterable {
        case metrics
        case summary

        var path: String {
            switch self {
            case .metrics: "/metrics/resource"
            case .summary: "/stats/summary"
            }
        }

        /// The subresource of nodes that somebody must be allowed to get.
        var leave: String {
            switch self {
            case .metrics: "metrics"
            case .summary: "stats"
            }
        }
    }

    public enum Verb: String, Sendable, CaseIterable {
        case list
        case watch
        case get
        case create
        case update
    }

    public var kind: Kind
    /// A plural name; nil for every resource.
    public var resource: String?
    /// nil for all of them.
    public var verb: Verb?
    /// Of all kubelets; nil for a fault of the API server.
    public var kubelet: KubeletPath?
    /// Of this node's kubelet only.
    public var node: String?
    /// So many hits; nil without end.
    public var count: Int?
    /// Seconds from when the fault is switched on; nil without end.
    public var seconds: Double?
    /// So many requests or events pass before the first hit.
    public var skip = 0
    /// Of `status` and `unwell`.
    public var code = 500
    /// Seconds, of `status`.
    public var retryAfter: Int?
    /// Of `huge`.
    public var mebibytes = 50
    /// Of `huge`: how much there is, is not said before.
    public var isChunked = false
    /// Seconds, of `skew` and `slow-handshake`.
    public var offset = 0

    public init(
        _ kind: Kind, resource: String? = nil, verb: Verb? = nil, count: Int? = nil, seconds: Double? = nil,
        skip: Int = 0, code: Int = 500, retryAfter: Int? = nil, kubelet: KubeletPath? = nil, node: String? = nil, offset: Int = 0
    ) {
        self.kind = kind
        self.resource = resource
        self.verb = verb
        self.count = count
        self.seconds = seconds
        self.skip = skip
        self.code = code
        self.retryAfter = retryAfter
        self.kubelet = kubelet
        self.node = node
        self.offset = offset
    }

    /// Whether it is about this kind of request at all.
    func concerns(_ request: RequestDescription) -> Bool {
        if kubelet != nil { return false }
        if kind == .unwell { return request.path == "/livez" }
        guard let plural = request.resource, let asked = request.verb else { return false }
        if let resource, resource != plural { return false }
        if let verb, verb != asked { return false }
        return true
    }
}

/// Something that happens to the simulated server once.
public enum FaultAction: Sendable, Hashable {
    /// As when etcd compacts: what resumes from before gets 410.
    case forgetHistory
    /// As when a server comes back from a backup: all objects get new and lower resourceVersions.
    case restartVersions
    /// The administrator's token becomes another one, and the old one is refused.
    case rotateToken(String)
    /// Client certificates seen so far are answered with 401, as an API server does with expired ones.
    case expireCertificates
    /// An annotation of so many bytes on one object; 0 takes it away again.
    case enlarge(resource: String, namespace: String, name: String, bytes: Int)
}
