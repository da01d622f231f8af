package import Logging

/// Says who sent a request, as every extension API server of Kubernetes does: by the front proxy's word, by the client's certificate, by
/// its bearer token, in this order; who shows nothing is anonymous, and who shows only what is not valid is nobody.
package struct CallerAuthenticator: Sendable {
    let certificates: ClientCertificates
    let access: any AccessControl
    let logger: Logger

    package init(certificates: ClientCertificates, access: any AccessControl, logger: Logger) {
        (self.certificates, self.access, self.logger) = (certificates, access, logger)
    }

    /// - Returns: nil for a caller that shows only what is not valid.
    /// - Throws: where nobody can say whether a token is valid.
    package func user(_ evidence: CallerEvidence) async throws -> UserInfo? {
        guard let certificate = evidence.certificate else { return try await access.user(token: evidence.token) }
        let verdict = await certificates.verdict(certificate, evidence.intermediates)
        if verdict.isFrontProxy, let user = certificates.trust.frontProxy.user(evidence.headers) { return user.authenticated }
        if let user = verdict.user { return user.authenticated }
        // Some show a certificate wherever they go; their token counts then.
        if let token = evidence.token { return try await access.user(token: token) }
        logger.debug(
            "a client's certificate is not valid here", metadata: ["reason": "\(verdict.fault ?? "it comes without a user's name")"])
        return nil
    }
}

extension UserInfo {
    /// In the group that every authenticator of Kubernetes puts those into whom it knows. Whom the front proxy calls anonymous stays so.
    var authenticated: UserInfo {
        let known = ["system:authenticated", "system:unauthenticated"]
        guard name != UserInfo.anonymous.name, !groups.contains(where: known.contains) else { return self }
        var user = self
        user.groups.append("system:authenticated")
        return user
    }
}
