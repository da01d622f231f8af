import ProcessRuntime

/// Metrics of requests under the names of k8s.io/apiserver, which dashboards of extension API servers go by. Counted is what was let in and
/// found, as there; who was not let in is counted by authentication and authorization.
struct RequestMetrics: Sendable {
    private let registry: MetricsRegistry
    private let inFlight: Gauge

    /// Seconds; those of apiserver's.
    private static let durations: [Double] = [
        0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
    ]
    private static let sizes: [Double] = (3...9).reduce(into: []) { sizes, _ in sizes.append((sizes.last ?? 100) * 10) }
    private static let accessDurations: [Double] = (0..<15).map { 0.001 * Double(1 << $0) }

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        inFlight = registry.gauge(
            "apiserver_current_inflight_requests", help: "Requests that are being answered.", labels: [("request_kind", "readOnly")])
    }

    func note(inFlight count: Int) { inFlight.set(Double(count)) }

    /// What has answered a request. There are few of them, whatever is asked for.
    struct Endpoint: Hashable, Sendable {
        var verb: String
        /// `nodes` or `pods`; empty for what is no resource.
        var resource = ""
        var subresource = ""
        /// `cluster`, `namespace` or `resource`; empty for what is no resource.
        var scope = ""

        fileprivate var labels: MetricsRegistry.Labels {
            let isResource = !resource.isEmpty
            return [
                ("group", isResource ? "metrics.k8s.io" : ""), ("version", isResource ? "v1beta1" : ""), ("resource", resource),
                ("subresource", subresource), ("scope", scope), ("component", "apiserver"),
            ]
        }
    }

    /// - Parameter duration: to the last byte of the answer.
    func note(_ endpoint: Endpoint, code: Int, size: Int, duration: Duration) {
        let verb = [("verb", endpoint.verb)]
        registry.counter(
            "apiserver_request_total", help: "Requests that were answered.",
            labels: verb + [("dry_run", "")] + endpoint.labels + [("code", String(code))]
        ).add()
        registry.histogram(
            "apiserver_request_duration_seconds", help: "Time from a request to the last byte of its answer.",
            labels: verb + [("dry_run", "")] + endpoint.labels, buckets: Self.durations
        ).observe(duration / .seconds(1))
        guard !endpoint.resource.isEmpty else { return }
        registry.histogram("apiserver_response_sizes", help: "Bytes of answers.", labels: verb + endpoint.labels, buckets: Self.sizes)
            .observe(Double(size))
    }

    enum Authentication: String, Sendable {
        case success, failure, error
    }

    /// - Parameter user: whose request it is, where that is known.
    func note(_ result: Authentication, user: String?, duration: Duration) {
        let labels = [("result", result.rawValue)]
        registry.counter("authentication_attempts", help: "Attempts to find out whose a request is.", labels: labels).add()
        registry.histogram(
            "authentication_duration_seconds", help: "Time that it took to find out whose a request is.", labels: labels,
            buckets: Self.accessDurations
        ).observe(duration / .seconds(1))
        guard let user else { return }
        registry.counter(
            "authenticated_user_requests", help: "Requests by whose they are.", labels: [("username", Self.compressed(user))]
        ).add()
    }

    enum Authorization: String, Sendable {
        case allowed, error
        case noOpinion = "no-opinion"
    }

    func note(_ result: Authorization, duration: Duration) {
        let labels = [("result", result.rawValue)]
        registry.counter("authorization_attempts_total", help: "Questions whether a request is allowed.", labels: labels).add()
        registry.histogram(
            "authorization_duration_seconds", help: "Time that it took to find out whether a request is allowed.", labels: labels,
            buckets: Self.accessDurations
        ).observe(duration / .seconds(1))
    }

    /// The few users that are told apart: there may be any number of others.
    private static func compressed(_ user: String) -> String {
        if ["admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"].contains(user) { return user }
        return user.contains("@") ? "email_id" : "other"
    }
}
