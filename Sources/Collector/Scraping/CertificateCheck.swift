import AccessReview
import Crypto
import FoundationEssentials
import Names
import SwiftASN1
import X509

/// Whom to believe that it is a node's kubelet.
struct CertificateTrust: Sendable {
    enum Authorities: Sendable {
        /// Whoever answers is believed.
        case anyone
        /// Those of the operating system.
        case system
        case these([Certificate])
    }

    var authorities: Authorities
    /// SHA-256 of the SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of keys, one of which it must be; empty where any may be it.
    var pins: Set<[UInt8]> = []
    /// Two of the same generation are the same.
    var generation: Int
}

/// What an operator wants to know of a certificate.
struct CertificateFacts: Hashable, Sendable, Codable {
    var subject: String
    var issuer: String
    /// Names and addresses that it is for (subjectAltName).
    var names: [String]
    /// Seconds since 1970-01-01 UTC.
    var notBefore: Int64
    /// Seconds since 1970-01-01 UTC.
    var notAfter: Int64
    /// Of its key, as `--kubelet-node-trust` takes it.
    var pin: String

    var isSelfIssued: Bool { subject == issuer }
}

/// What came of looking at a kubelet's certificate.
struct CertificateVerdict: Hashable, Sendable {
    /// Nil for one that is as it should be.
    var failure: ScrapeFailure?
    /// Nil where none could be read.
    var facts: CertificateFacts?
}

/// Judges the certificate that a kubelet shows.
///
/// The order is that of Go's crypto/x509, so that of several faults the one is named that metrics-server would name: time, names, purpose,
/// authorities. Names are more than Go's: an authority that is trusted may vouch for the address that is dialled, as there, and also for the
/// node's name or another of its addresses, because it is the API server who says that they are one node. A common name counts for nothing,
/// as in Go.
///
/// A pin stands alone: who has the key is the kubelet, whatever else the certificate says. Where authorities are named beside it for the same
/// node, both must agree.
struct CertificateCheck: Sendable {
    let trust: CertificateTrust
    /// The address that is dialled.
    let dialled: String
    /// The node's name, and its other addresses.
    let aliases: [String]
    var now: @Sendable () -> Date = { Date.now }

    /// - Parameter chain: in DER, the kubelet's own first.
    func verdict(_ chain: [[UInt8]]) async -> CertificateVerdict {
        guard let first = chain.first else {
            return CertificateVerdict(failure: ScrapeFailure(.tlsOther, "the kubelet shows no certificate"))
        }
        let leaf = try? Certificate(derEncoded: first)
        let facts = leaf.map { CertificateFacts($0, pin: Self.pin(of: first).map(Self.text) ?? "") }
        let (fault, text) = await fault(leaf, first, chain.dropFirst()) ?? (nil, "")
        return CertificateVerdict(failure: fault.map { ScrapeFailure($0, text, certificate: facts) }, facts: facts)
    }

    private typealias Fault = (KubeletFault?, String)

    private func fault(_ leaf: Certificate?, _ encoded: [UInt8], _ others: ArraySlice<[UInt8]>) async -> Fault? {
        if let fault = pinFault(encoded) { return fault }
        if case .anyone = trust.authorities { return nil }
        guard let leaf else { return (.tlsOther, "the kubelet's certificate cannot be read") }
        if let fault = timeFault(leaf, "the kubelet's certificate") ?? nameFault(leaf) { return fault }
        if !CertificatePath.Use.servers.isOf(leaf) {
            return (.tlsOther, "the kubelet's certificate is not for servers (extended key usage)")
        }
        return await authorityFault(leaf, others.lazy.compactMap { try? Certificate(derEncoded: $0) })
    }

    private func pinFault(_ encoded: [UInt8]) -> Fault? {
        guard !trust.pins.isEmpty else { return nil }
        guard let pin = Self.pin(of: encoded) else { return (.tlsPin, "the key of the kubelet's certificate cannot be read") }
        if trust.pins.contains(pin) { return nil }
        return (.tlsPin, "the kubelet's key is \(Self.text(pin)), which is none of the \(trust.pins.count) that are pinned for this node")
    }

    private func timeFault(_ certificate: Certificate, _ what: String) -> Fault? {
        let now = now()
        if certificate.notValidAfter < now { return (.tlsExpired, "\(what) expired at \(Self.text(certificate.notValidAfter))") }
        if certificate.notValidBefore > now {
            return (.tlsNotYetValid, "\(what) is valid from \(Self.text(certificate.notValidBefore)) on")
        }
        return nil
    }

    private func nameFault(_ leaf: Certificate) -> Fault? {
        let names = (try? leaf.extensions.subjectAlternativeNames).map(Array.init) ?? []
        let isMeant = ([dialled] + aliases).contains { wanted in names.contains { Self.matches($0, wanted) } }
        if isMeant { return nil }
        let texts = names.compactMap(CertificateFacts.text)
        let shown = texts.isEmpty ? "names nobody (no subjectAltName)" : "is for \(texts.joined(separator: ", "))"
        let others = aliases.filter { $0 != dialled }
        return (
            .tlsNameMismatch,
            "the kubelet's certificate \(shown); neither \(dialled), which is dialled,"
                + (others.isEmpty
                    ? " is among them" : " nor what else the node is called (\(others.joined(separator: ", "))) is among them")
        )
    }

    /// As Go's VerifyHostname compares: addresses as addresses, and `*` for the whole first label of a name.
    static func matches(_ name: GeneralName, _ wanted: String) -> Bool {
        if let address = IPAddress(wanted) {
            guard case .ipAddress(let bytes) = name else { return false }
            return bytes.bytes.elementsEqual(address.bytes)
        }
        guard case .dnsName(let text) = name else { return false }
        let labels = { (name: Substring) in name.lowercased().split(separator: ".", omittingEmptySubsequences: false) }
        var wanted = labels(wanted.hasSuffix(".") ? wanted.dropLast() : wanted[...])
        var pattern = labels(text.hasSuffix(".") ? text.dropLast() : text[...])
        guard wanted.count == pattern.count, !wanted.contains("") else { return false }
        // A star alone would be for every host without a domain.
        if pattern.first == "*", pattern.count > 1 {
            wanted.removeFirst()
            pattern.removeFirst()
        }
        return wanted == pattern
    }

    private func authorityFault(_ leaf: Certificate, _ others: some Sequence<Certificate>) async -> Fault? {
        let roots: CertificatePath.Roots
        switch trust.authorities {
        case .anyone: return nil
        case .system: roots = .system
        case .these(let certificates):
            // What is trusted itself needs nobody's word, whether it may sign others or not: a kubelet's own certificate, as in Go.
            if certificates.contains(leaf) { return nil }
            roots = .these(certificates)
        }
        switch await CertificatePath.validate(leaf, beside: others, under: roots, for: .servers, at: now()) {
        case .validCertificate: return nil
        case .couldNotValidate(let failures):
            for failure in failures {
                for authority in failure.chain.dropFirst() {
                    if let fault = timeFault(authority, "the certificate of its authority \(authority.subject)") { return fault }
                }
            }
            if let failure = failures.first {
                return (.tlsOther, "the kubelet's certificate breaks a rule: \(failure.policyFailureReason)")
            }
            let signer = leaf.issuer == leaf.subject ? "the kubelet itself" : "\(leaf.issuer)"
            return (
                .tlsUnknownAuthority,
                "the kubelet's certificate was signed by \(signer), and no authority that is trusted here vouches for that"
            )
        }
    }

    // MARK: Keys

    /// - Returns: SHA-256 of the key as it stands in the certificate; nil for what is no certificate.
    static func pin(of certificate: [UInt8]) -> [UInt8]? {
        guard case .constructed(let parts)? = try? DER.parse(certificate).content, let body = parts.first(where: { _ in true }),
            case .constructed(let fields) = body.content
        else { return nil }
        // RFC 5280 section 4.1: the version, where it is said, then serial number, signature, issuer, validity, subject and the key.
        let first = fields.first { _ in true }
        let isVersion = first?.identifier.tagClass == .contextSpecific
        guard let key = fields.dropFirst(isVersion ? 6 : 5).first(where: { _ in true }) else { return nil }
        return Array(SHA256.hash(data: key.encodedBytes))
    }

    private static let pinPrefix = "sha256//"

    /// As curl's `--pinnedpubkey` writes it: `sha256//` and base64.
    static func text(_ pin: [UInt8]) -> String { pinPrefix + Data(pin).base64EncodedString() }

    /// - Returns: nil for what ``text(_:)`` never writes.
    static func pin(_ text: some StringProtocol) -> [UInt8]? {
        guard text.hasPrefix(pinPrefix), let bytes = Data(base64Encoded: String(text.dropFirst(pinPrefix.count))), bytes.count == 32 else {
            return nil
        }
        return Array(bytes)
    }

    static func text(_ date: Date) -> String { date.formatted(.iso8601) }
}

extension CertificateFacts {
    init(_ certificate: Certificate, pin: String) {
        subject = "\(certificate.subject)"
        issuer = "\(certificate.issuer)"
        names = (try? certificate.extensions.subjectAlternativeNames).map { $0.compactMap(Self.text) } ?? []
        notBefore = Int64(certificate.notValidBefore.timeIntervalSince1970)
        notAfter = Int64(certificate.notValidAfter.timeIntervalSince1970)
        self.pin = pin
    }

    /// - Returns: nil for what is neither a name of hosts nor an address.
    fileprivate static func text(_ name: GeneralName) -> String? {
        switch name {
        case .dnsName(let name): name
        case .ipAddress(let bytes): IPAddress(bytes: bytes.bytes)?.description
        default: nil
        }
    }
}
