import Crypto
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

    /// What was shown: digests, since strangers may show certificates of any length.
    private typealias Shown = [UInt8]

    private struct State: Sendable {
        var trust: AuthenticationTrust
        /// Begun anew with each change of trust. A front proxy shows the same with every connection.
        var kept: [Shown: Kept] = [:]
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

    /// - Parameter intermediates: what the client showed beside its certificate.
    func verdict(_ certificate: [UInt8], _ intermediates: [[UInt8]] = []) async -> Verdict {
        let shown = Self.digest([certificate] + intermediates)
        let (trust, kept) = state.withLock { ($0.trust, $0.kept[shown]) }
        let moment = now()
        if let kept, moment < kept.end { return kept.verdict }
        guard let parsed = try? Certificate(derEncoded: certificate) else { return Verdict(fault: "it cannot be read") }
        let others = intermediates.compactMap { try? Certificate(derEncoded: $0) }
        let judged = await Self.verdict(parsed, others, trust, at: moment)
        state.withLock { state in
            guard state.trust == trust else { return }
            if state.kept.count >= Self.limit { state.kept = [:] }
            state.kept[shown] = judged
            // A session that is resumed shows no more than the client's own certificate. Whoever vouches for it is not asked about again.
            if !intermediates.isEmpty, judged.verdict.user != nil || judged.verdict.isFrontProxy {
                state.kept[Self.digest([certificate])] = judged
            }
        }
        return judged.verdict
    }

    private static func digest(_ certificates: [[UInt8]]) -> Shown {
        var hash = SHA256()
        for certificate in certificates {
            hash.update(data: SHA256.hash(data: certificate).map { $0 })
        }
        return Array(hash.finalize())
    }

    private static func verdict(
        _ certificate: Certificate, _ others: [Certificate], _ trust: AuthenticationTrust, at moment: Date
    ) async -> Kept {
        var verdict = Verdict()
        var end = certificate.notValidAfter
        /// Why `authorities` do not vouch for a client with this certificate; nil if they do.
        func fault(_ authorities: [Certificate]) async -> String? {
            guard !authorities.isEmpty else { return "no authority is known" }
            guard CertificatePath.Use.clients.isOf(certificate) else { return "it is not for clients (extended key usage)" }
            switch await CertificatePath.validate(certificate, beside: others, under: .these(authorities), for: .clients, at: moment) {
            case .validCertificate(let chain):
                end = chain.map(\.notValidAfter).reduce(end, min)
                return nil
            case .couldNotValidate(let failures):
                return failures.first.map { "\($0.policyFailureReason)" } ?? "no known authority signed it"
            }
        }
        let name = certificate.subject.values(.RDNAttributeType.commonName).last ?? ""
        let proxyFault = await fault(trust.frontProxies)
        if proxyFault == nil {
            verdict.isFrontProxy = trust.frontProxy.allows(commonName: name)
            if !verdict.isFrontProxy {
                verdict.fault = "the front proxy's authority vouches for it, but its name \"\(name)\" is not allowed"
            }
        }
        let clientFault = await fault(trust.clients)
        if clientFault == nil, !name.isEmpty {
            verdict.user = UserInfo(name: name, groups: certificate.subject.values(.RDNAttributeType.organizationName))
        }
        if verdict.user == nil, !verdict.isFrontProxy, verdict.fault == nil {
            verdict.fault = clientFault ?? proxyFault ?? "it names nobody"
        }
        // A certificate, or an authority's, may begin to hold in the next moment.
        if verdict.user == nil, !verdict.isFrontProxy { end = min(end, moment + 10) }
        return Kept(verdict: verdict, end: end)
    }
}

extension DistinguishedName {
    fileprivate func values(_ type: ASN1ObjectIdentifier) -> [String] {
        flatMap { name in name.filter { $0.type == type }.compactMap { String($0.value) } }
    }
}
