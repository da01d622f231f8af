/// Why a node cannot be scraped: a closed set, so that it can be counted, compared and looked up. Raw values are what metrics, the stream's
/// readers and `mizzen-collector diagnose` show.
enum KubeletFault: String, CaseIterable, Sendable, Codable {
    /// The node states no address of a wanted type.
    case noAddress = "no-address"
    /// What this collector is to show, or whom it is to believe, cannot be read.
    case credentials = "credentials"
    /// The name that is dialled has no address.
    case dns = "dns"
    case refused = "refused"
    case unreachable = "unreachable"
    case timeout = "timeout"
    /// The connection ended before the answer did.
    case closed = "closed"
    case tlsNameMismatch = "tls-name-mismatch"
    case tlsUnknownAuthority = "tls-unknown-authority"
    case tlsExpired = "tls-expired"
    case tlsNotYetValid = "tls-not-yet-valid"
    /// The key is none of those that are pinned for the node.
    case tlsPin = "tls-pin"
    case tlsOther = "tls-other"
    case clientCertificateRefused = "client-certificate-refused"
    case unauthorized = "unauthorized"
    case forbidden = "forbidden"
    case notFound = "not-found"
    case tooManyRequests = "too-many-requests"
    case serverError = "server-error"
    /// An answer that is neither 200 nor one of those above.
    case otherStatus = "other-status"
    case badBody = "bad-body"
    case tooLarge = "too-large"
    /// This process may have no more connections.
    case openFiles = "open-files"
    case other = "other"

    /// The fault of an HTTP status other than 200.
    init(status: Int) {
        switch status {
        case 401: self = .unauthorized
        case 403: self = .forbidden
        case 404: self = .notFound
        case 429: self = .tooManyRequests
        case 500...599: self = .serverError
        default: self = .otherStatus
        }
    }

    /// Whether it lies in the certificate that the kubelet shows.
    var isOfCertificate: Bool {
        switch self {
        case .tlsNameMismatch, .tlsUnknownAuthority, .tlsExpired, .tlsNotYetValid, .tlsPin: true
        case .noAddress, .credentials, .dns, .refused, .unreachable, .timeout, .closed, .tlsOther, .clientCertificateRefused, .unauthorized,
            .forbidden, .notFound, .tooManyRequests, .serverError, .otherStatus, .badBody, .tooLarge, .openFiles, .other:
            false
        }
    }

    /// What to do, as sentences for the operator.
    var remedy: String {
        switch self {
        case .noAddress: "Add a type that the node has to --kubelet-preferred-address-types ('kubectl get node NAME -o yaml' lists them)."
        case .credentials: "Correct the file that is named, or the option that names it."
        case .dns: "Put InternalIP first in --kubelet-preferred-address-types, or make the node's name resolvable where the collector runs."
        case .refused: "See that the kubelet runs, and that --kubelet-port is its port (or give --kubelet-use-node-status-port)."
        case .unreachable:
            "See that there is a route to the node's address from where the collector runs; another address type may have one."
        case .timeout:
            "See that no network policy, firewall or security group drops what goes to the kubelet's port, and that the node is not overloaded; "
                + "--kubelet-request-timeout is the limit."
        case .closed: "Look into the kubelet's log, and at whatever stands between the collector and the node."
        case .tlsNameMismatch:
            "Let the kubelet have a certificate for the node's name and addresses (serverTLSBootstrap: true in its configuration, and approve its "
                + "request), or pin its key with --kubelet-node-trust."
        case .tlsUnknownAuthority:
            "Name the authority that signed it with --kubelet-certificate-authority. For a certificate that the kubelet signed itself: "
                + "serverTLSBootstrap: true in its configuration, or its key or certificate in --kubelet-node-trust."
        case .tlsExpired:
            "Renew the kubelet's certificate: approve its pending request ('kubectl get csr'), or restart a kubelet that signs for itself."
        case .tlsNotYetValid: "Compare the clocks of the node and of this host."
        case .tlsPin:
            "If the kubelet's key was renewed, enter the new one in --kubelet-node-trust. If not, find out who answers in its place."
        case .tlsOther: "See that the kubelet's port is spoken to, and that both sides have a version of TLS in common."
        case .clientCertificateRefused:
            "Let the kubelet trust the authority of this collector's certificate (clientCAFile in its configuration), or renew the certificate."
        case .unauthorized:
            "See that the kubelet asks the API server about tokens (authentication.webhook.enabled: true), and that the collector's token is valid."
        case .forbidden: "Bind the collector's user to a role that may get nodes/metrics, and for --summary nodes/stats."
        case .notFound:
            "See that the kubelet is of Kubernetes 1.14 or later, and that the node's annotation metrics.k8s.io/resource-metrics-path is right."
        case .tooManyRequests: "Scrape less often (--metric-resolution), or find out who else asks that kubelet."
        case .serverError, .otherStatus: "Look into the kubelet's log."
        case .badBody: "See that it is a kubelet that answers there."
        case .tooLarge: "See that it is a kubelet that answers there; no node has so many containers."
        case .openFiles:
            "Let the collector have more files open: it needs one for each node (LimitNOFILE of systemd, 'ulimit -n', the container runtime's limit)."
        case .other: "Look into the kubelet's log; if that does not say why, report the reason to those who maintain Mizzen."
        }
    }
}

/// Why a node could not be scraped; the text goes into samples and logs.
struct ScrapeFailure: Error, Hashable, Sendable, CustomStringConvertible {
    var fault: KubeletFault
    /// What happened, and where, without a full stop.
    var description: String
    /// What the kubelet showed; nil where it had not come so far.
    var certificate: CertificateFacts?

    init(_ fault: KubeletFault, _ description: String, certificate: CertificateFacts? = nil) {
        (self.fault, self.description, self.certificate) = (fault, description, certificate)
    }
}
