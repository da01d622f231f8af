import Synchronization

/// Who may talk to the simulator: tokens that it issued and client certificates of its authority.
public final class Authenticator: Sendable {
    public struct User: Sendable, Hashable {
        public var name: String
        public var groups: [String]
        /// Whether every request of this user is permitted; otherwise none but discovery and health.
        public var isAllowed: Bool

        public init(name: String, groups: [String] = [], isAllowed: Bool = true) {
            self.name = name
            self.groups = groups
            self.isAllowed = isAllowed
        }

        static let anonymous = User(name: "system:anonymous", groups: ["system:unauthenticated"], isAllowed: false)

        static let unsecured = User(name: "system:unsecured", groups: ["system:masters", "system:authenticated"])

        var json: JSONValue {
            ["username": .string(name), "uid": .string(name), "groups": .array(groups.map(JSONValue.string))]
        }
    }

    private let tokens = Mutex<[String: User]>([:])

    /// DER of client certificates, and whether they count as expired.
    private let certificates = Mutex<[[UInt8]: Bool]>([:])

    init() {}

    /// - Throws: `unauthorized` for a certificate that was declared expired.
    func check(certificate: [UInt8]) throws(StatusError) {
        let isExpired = certificates.withLock { certificates in
            let known = certificates[certificate] ?? false
            certificates[certificate] = known
            return known
        }
        if isExpired { throw .unauthorized }
    }

    /// Certificates that were shown so far are refused from now on.
    func expireCertificates() {
        certificates.withLock { certificates in
            for certificate in certificates.keys { certificates[certificate] = true }
        }
    }

    public func issue(_ token: String, to user: User) {
        var user = user
        user.groups.append("system:authenticated")
        tokens.withLock { $0[token] = user }
    }

    func revoke(_ token: String) { tokens.withLock { $0[token] = nil } }

    func user(token: String) -> User? { tokens.withLock { $0[token] } }

    func isAllowed(userName: String) -> Bool {
        tokens.withLock { $0.values.contains { $0.name == userName && $0.isAllowed } }
    }

    /// - Parameters:
    ///   - authorization: the header of that name.
    ///   - certificate: the user that a verified client certificate names.
    /// - Throws: `unauthorized` for a token that was never issued.
    func authenticate(authorization: String?, certificate: User?) throws(StatusError) -> User {
        if let authorization, !authorization.isEmpty {
            let parts = authorization.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer", let user = user(token: String(parts[1])) else {
                throw .unauthorized
            }
            return user
        }
        return certificate ?? .anonymous
    }
}
