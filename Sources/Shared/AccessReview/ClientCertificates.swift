package import FoundationEssentials
import Synchronization
import SwiftASN1
package import X509

/// Which authorities a client's certificate may come from, and what each makes of its owner.
package struct AuthenticationTrust: Hashable, Sendable {
    /// Who of these has a certificate is the user of its common name, in the groups of its organizations.
    package var clients: [Certificate]
    /// Who of these has one speaks for others.
    package var frontProxies: [Certificate]
    package var frontProxy: FrontProxy

    package init(clients: [Certificate] = [], frontProxies: [Certificate] = [], frontProxy: FrontProxy = FrontProxy()) {
        (self.clients, self.frontProxies, self.frontProxy) = (clients, frontProxies, frontProxy)
    }
}

/// Judges clients' certificates by the trust that holds at the moment. Safe to use from any thread.
package final class ClientCertificates: Sendable {
    /// What is known of a certificate.
    struct Verdict: Hashable, Sendable {
        /// Whether its owner may say for whom it asks.
        var isFrontProxy = false
        /// Who its owner is by itself; nil for one that no authority of clients vouches for.
        var user: UserInfo?
        /// Why it is neither.
        var fault: String?
    }

    private struct Kept: Sendable {
        var verdict: Verdict
        var end: Date
    }

    private struct State: Sendable {
        var trust: AuthenticationTrust
        /// By certificate; begun anew with each change of trust. A front proxy shows the same one with every connection.
        var kept: [[UInt8]: Kept] = [:]
    }

    /// Strangers may show as many certificates as they like.
    private static let limit = 1024

    private let state: Mutex<State>
    private let now: @Sendable () -> Date

    package init(_ trust: AuthenticationTrust = AuthenticationTrust(), now: @escaping @Sendable () -> Date = { Date.now }) {
        state = Mutex(State(trust: trust))
        self.now = now
    }

    /// Also of certificates that are shown from now on over connections that stand.
    package var trust: AuthenticationTrust {
        get { state.withLock { $0.trust } }
        set { state.withLock { if $0.trust != newValue { $0 = State(trust: newValue) } } }
    }

    func verdict(_ certificate: [UInt8]) async -> Verdict {
        let (trust, kept) = state.withLock { ($0.trust, $0.kept[certificate]) }
        if let kept, now() < kept.end { return kept.verdict }
        guard let parsed = try? Certificate(derEncoded: certificate) else { return Verdict(fault: "it cannot be read") }
        let verdict = await Self.verdict(parsed, trust)
        state.withLock { state in
            guard state.trust == trust else { return }
            if state.kept.count >= Self.limit { state.kept = [:] }
            state.kept[certificate] = Kept(verdict: verdict, end: parsed.notValidAfter)
        }
        return verdict
    }

    private static func verdict(_ certificate: Certificate, _ trust: AuthenticationTrust) async -> Verdict {
        var verdict = Verdict()
        let name = certificate.subject.values(.RDNAttributeType.commonName).last ?? ""
        let proxyFault = await fault(certificate, trust.frontProxies)
        if proxyFault == nil {
            verdict.isFrontProxy = trust.frontProxy.allows(commonName: name)
            if !verdict.isFrontProxy {
                verdict.fault = "the front proxy's authority vouches for it, but its name \"\(name)\" is not allowed"
            }
        }
        let clientFault = await fault(certificate, trust.clients)
        if clientFault == nil, !name.isEmpty {
            verdict.user = UserInfo(name: name, groups: certificate.subject.values(.RDNAttributeType.organizationName))
        }
        if verdict.user == nil, !verdict.isFrontProxy, verdict.fault == nil {
            verdict.fault = clientFault ?? proxyFault ?? "it names nobody"
        }
        return verdict
    }

    /// - Returns: why `authorities` do not vouch for a client with this certificate (RFC 5280 section 6); nil if they do.
    private static func fault(_ certificate: Certificate, _ authorities: [Certificate]) async -> String? {
        guard !authorities.isEmpty else { return "no authority is known" }
        // Without a list of uses a certificate is for all of them.
        if let uses = try? certificate.extensions.extendedKeyUsage, !uses.contains(.clientAuth), !uses.contains(.any) {
            return "it is not for clients (extended key usage)"
        }
        var verifier = Verifier(rootCertificates: CertificateStore(authorities)) { RFC5280Policy() }
        switch await verifier.validate(leaf: certificate, intermediates: CertificateStore()) {
        case .validCertificate: return nil
        case .couldNotValidate(let failures):
            return failures.first.map { "\($0.policyFailureReason)" } ?? "no known authority signed it"
        }
    }
}

extension DistinguishedName {
    fileprivate func values(_ type: ASN1ObjectIdentifier) -> [String] {
        flatMap { name in name.filter { $0.type == type }.compactMap { String($0.value) } }
    }
}
