import KubernetesObjects

/// Why a request about the lease brought nothing that can be used.
public struct LeaseFault: Error, Hashable, Sendable {
    public enum Cause: String, Hashable, Sendable, CaseIterable {
        case forbidden
        case unauthorized
        /// The namespace, or the kind of object, does not exist.
        case notFound = "not_found"
        case refused
        case unanswered
        case undecodable
        /// What was read a moment ago had changed again.
        case overtaken
    }

    public var cause: Cause
    /// What the server or the network said.
    public var text: String

    init(_ cause: Cause, _ text: String) {
        self.cause = cause
        self.text = text
    }

    init(_ status: APIStatus) {
        switch status.code {
        case 401: cause = .unauthorized
        case 403: cause = .forbidden
        case 404: cause = .notFound
        default: cause = .refused
        }
        text = "\(status)"
    }

    /// What to do about it, for the log.
    func advice(_ request: LeaseElection.Request, _ lease: LeaseName) -> String {
        switch cause {
        case .forbidden:
            "permit get, create and update of leases.coordination.k8s.io in namespace \(lease.namespace); "
                + "what was refused is \(request.rawValue)"
        case .unauthorized:
            "renew the token or certificate; it also needs get, create and update of leases.coordination.k8s.io in "
                + "namespace \(lease.namespace)"
        case .notFound: "make the namespace \(lease.namespace), or name another one with --lease"
        case .refused, .unanswered, .undecodable, .overtaken: "it is tried again"
        }
    }
}
