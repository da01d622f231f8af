package import FoundationEssentials
import SwiftASN1
package import X509

/// The way from a certificate to an authority that is trusted, over those of authorities that its owner may have sent with it
/// (RFC 5280 section 6), by the rules of Go's `x509.Verify`; where they are stricter than our library's, ``Policy`` holds them.
///
/// Strangers send certificates: what is looked at is bounded by number and by how many signatures are verified, whatever they make of
/// names and keys. The way is built one step at a time and never has two of one name, so that the library, which tries every order of what
/// it is given, has one only.
package enum CertificatePath {
    /// What a certificate has to be for, and every authority on its way.
    package enum Use: Sendable {
        case clients, servers

        /// Without a list of uses a certificate is for all of them.
        package func isOf(_ certificate: Certificate) -> Bool {
            do {
                guard let uses = try certificate.extensions.extendedKeyUsage else { return true }
                return uses.contains(self == .clients ? .clientAuth : .serverAuth) || uses.contains(.any)
            } catch {
                return false
            }
        }
    }

    package enum Roots: Sendable {
        /// Those of the operating system.
        case system
        case these([Certificate])
    }

    /// Authorities that are looked at of those that were sent, and between a certificate and a trusted one: clusters have one, seldom two.
    private static let (most, longest) = (16, 4)
    /// To find a way. A signature takes a tenth of a millisecond, and up to some milliseconds with a key as long as strangers like it.
    private static let mostSignatures = 16

    /// - Parameters:
    ///   - others: certificates that were sent beside it, in any order.
    ///   - moment: now, by which the way is chosen; the library judges by its own clock.
    package static func validate(
        _ certificate: Certificate, beside others: some Sequence<Certificate>, under roots: Roots, for use: Use, at moment: Date
    ) async -> CertificateValidationResult {
        let (store, trusted): (CertificateStore, [Certificate]) =
            switch roots {
            case .system: (.systemTrustRoots, [])
            case .these(let authorities): (CertificateStore(authorities), authorities)
            }
        let between = intermediates(from: certificate, Array(others.prefix(most)), trusted, use, at: moment)
        var verifier = Verifier(rootCertificates: store) {
            RFC5280Policy()
            Policy(use: use)
        }
        return await verifier.validate(leaf: certificate, intermediates: CertificateStore(between))
    }

    /// Those of `others` that lead from the certificate towards a trusted one.
    private static func intermediates(
        from certificate: Certificate, _ others: [Certificate], _ trusted: [Certificate], _ use: Use, at moment: Date
    ) -> [Certificate] {
        let ends = Set(trusted.map(\.subject))
        var (found, tip, signatures): ([Certificate], Certificate, Int) = ([], certificate, 0)
        func hasSigned(_ authority: Certificate) -> Bool {
            signatures += 1
            return signatures <= mostSignatures && authority.publicKey.isValidSignature(tip.signature, for: tip)
        }
        /// Of several for one authority, as while it changes to another root, the one goes first that leads furthest.
        func merit(_ authority: Certificate) -> Int {
            let isCurrent = authority.notValidBefore <= moment && moment <= authority.notValidAfter
            return (mayIssue(authority, use) ? 4 : 0) + (isCurrent ? 2 : 0) + (ends.contains(authority.issuer) ? 1 : 0)
        }
        while found.count < longest, !trusted.contains(where: { $0.subject == tip.issuer && hasSigned($0) }) {
            let candidates = others.filter { other in
                other.subject == tip.issuer && other.subject != certificate.subject && !found.contains { $0.subject == other.subject }
            }
            guard let next = candidates.sorted(by: { merit($0) > merit($1) }).first(where: hasSigned) else { break }
            found.append(next)
            tip = next
        }
        return found
    }

    private static func mayIssue(_ certificate: Certificate, _ use: Use) -> Bool {
        guard case .isCertificateAuthority? = try? certificate.extensions.basicConstraints else { return false }
        return use.isOf(certificate)
    }

    /// What Go demands of a way, and our library does not: an authority on it says that it is one, whatever its certificate's version, since a
    /// cluster may well have given somebody one of version 1; and all are for the use in question, if they say what they are for. A critical
    /// list of uses, or of names, is understood.
    private struct Policy: VerifierPolicy {
        let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
            .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
        ]
        let use: Use

        func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
            for (place, certificate) in chain.enumerated() {
                guard use.isOf(certificate) else {
                    return .failsToMeetPolicy(reason: "\(certificate.subject) is not for \(use) (extended key usage)")
                }
                // The last one is trusted as it is.
                if place > 0, place < chain.count - 1, !mayIssue(certificate, use) {
                    return .failsToMeetPolicy(reason: "\(certificate.subject) is no authority")
                }
            }
            return .meetsPolicy
        }
    }
}
