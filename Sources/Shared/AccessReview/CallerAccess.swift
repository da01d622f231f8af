/// Who asks.
package struct UserInfo: Hashable, Sendable {
    package var name: String
    package var uid: String
    package var groups: [String]
    package var extra: [String: [String]]

    package init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
        (self.name, self.uid, self.groups, self.extra) = (name, uid, groups, extra)
    }

    package static let anonymous = UserInfo(name: "system:anonymous", groups: ["system:unauthenticated"])
}

/// What somebody wants to do, as a SubjectAccessReview states it.
package struct AccessAttributes: Hashable, Sendable {
    package enum Object: Hashable, Sendable {
        case resource(group: String, version: String, name: String, namespace: String?, object: String?, subresource: String?)
        case path(String)
    }

    package var verb: String
    package var object: Object

    package init(verb: String, object: Object) { (self.verb, self.object) = (verb, object) }
}

package enum AccessDecision: Hashable, Sendable {
    case allowed
    case denied(reason: String)
}

/// Decides who a caller is and what it may do. Throwing means that nobody could decide: such a caller gets nothing.
package protocol AccessControl: Sendable {
    /// - Parameter token: the bearer token, nil if none was shown.
    /// - Returns: nil for a token that is not valid.
    func user(token: String?) async throws -> UserInfo?
    func decision(_ user: UserInfo, _ attributes: AccessAttributes) async throws -> AccessDecision
}

/// What a caller shows to say who it is (RFC 6750 section 2.1).
package enum BearerToken {
    /// - Parameter header: of `Authorization`.
    /// - Returns: nil for a header that is missing or of another kind.
    package static func read(_ header: String?) -> String? {
        guard let parts = header?.split(separator: " ", maxSplits: 1), parts.count == 2, parts[0].lowercased() == "bearer" else {
            return nil
        }
        return parts[1].isEmpty ? nil : String(parts[1])
    }
}
