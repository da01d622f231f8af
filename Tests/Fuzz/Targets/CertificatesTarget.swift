import Crypto
import Dispatch
import Foundation
import SwiftASN1
import Synchronization
import X509

@testable import AccessReview
@testable import Collector

extension FuzzTarget {
    /// The input is certificates in DER, each behind its length (2 bytes, the larger first): what a client or a kubelet shows, its own first.
    ///
    /// What is remembered of a client is what was judged. Whoever is believed has a way to the one authority that is trusted here, by a search without any of the
    /// shortcuts: everybody on it was signed by the next one, says that it may sign, and is for this use. The pin of a certificate that
    /// can be read is the digest of the key in it; a kubelet is believed for a name or address that stands in it, by its pin alone
    /// without one, and by no other pin.
    static let certificates = FuzzTarget(name: "certificates", longestInput: 4096) { input throws(PropertyFailure) in
        let shown = certificates(in: input)
        guard let own = shown.first else { return }
        guard let root = Data(base64Encoded: rootText).flatMap({ try? Certificate(derEncoded: Array($0)) }) else {
            throw PropertyFailure("the target's own authority cannot be read")
        }
        let clients = ClientCertificates(AuthenticationTrust(clients: [root]), now: { moment })
        let first = blocking { await clients.verdict(own, Array(shown.dropFirst())) }
        try expect(blocking { await clients.verdict(own, Array(shown.dropFirst())) } == first, "remembered otherwise than judged")
        try expect((first.user == nil) != (first.fault == nil), "\(first)")
        let parsed = try? Certificate(derEncoded: own)
        let others = shown.dropFirst().compactMap { try? Certificate(derEncoded: $0) }
        func isVouchedFor(_ use: CertificatePath.Use) -> Bool {
            guard let parsed else { return false }
            return parsed == root || hasWay(parsed, others, root, use)
        }
        if first.user != nil { try expect(isVouchedFor(.clients), "a client is believed: \(first)") }
        try checkKubelet(shown, parsed, root) { isVouchedFor(.servers) }
    }

    private static let moment = Date.now

    /// `/CN=root`, from 2026 to 2126, as what it has signed; whoever has its key has signed what is in the corpus, and nothing else.
    private static let rootText = """
        MIIBdDCCARugAwIBAgIUGEd06FqVogwSkeadV0uhhKHIemYwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEcm9vdDAgFw0yNjExMjcxMTU4MTNaGA8yMTI2MTEw\
        MzExNTgxM1owDzENMAsGA1UEAwwEcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNOkJJv0Uzj1xBinEl9eGOvcnBcP/21k86veUN+blZHgglb5VLdG\
        ZNztASk294XO/kU2T+qejcIoENmZ9Y1g/7ujUzBRMB0GA1UdDgQWBBQzHUSQOxF0Z2UtsjORVqZ0zh+7hjAfBgNVHSMEGDAWgBQzHUSQOxF0Z2UtsjORVqZ0\
        zh+7hjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIHdVK3k5jrBqR4be8Z7au9HX1A2GoiTQQgXRytBc0WhMAiB/F1Gvh+AvGnL/lGetPrGz\
        1CRoG7sYNK49EDoK7EAEGw==
        """

    private static func certificates(in input: [UInt8]) -> [[UInt8]] {
        var (rest, found): (ArraySlice<UInt8>, [[UInt8]]) = (input[...], [])
        while rest.count >= 2, found.count < 5 {
            let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            rest = rest.dropFirst(2)
            found.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return found
    }

    /// By trying everybody.
    private static func hasWay(_ certificate: Certificate, _ others: [Certificate], _ root: Certificate, _ use: CertificatePath.Use) -> Bool
    {
        guard use.isOf(certificate), certificate.notValidBefore <= moment, moment <= certificate.notValidAfter else { return false }
        func hasSigned(_ other: Certificate) -> Bool {
            other.subject == certificate.issuer && other.publicKey.isValidSignature(certificate.signature, for: certificate)
        }
        if hasSigned(root) { return true }
        return others.indices.contains { place in
            guard hasSigned(others[place]), case .isCertificateAuthority? = try? others[place].extensions.basicConstraints else {
                return false
            }
            var rest = others
            return hasWay(rest.remove(at: place), rest, root, use)
        }
    }

    private static func checkKubelet(
        _ shown: [[UInt8]], _ parsed: Certificate?, _ root: Certificate, isVouchedFor: () -> Bool
    ) throws(PropertyFailure) {
        let (dialled, aliases) = ("10.0.0.1", ["node-1", "a.nodes.example"])
        func verdict(_ authorities: CertificateTrust.Authorities, _ pins: Set<[UInt8]> = []) -> CertificateVerdict {
            let trust = CertificateTrust(authorities: authorities, pins: pins, generation: 1)
            let check = CertificateCheck(trust: trust, dialled: dialled, aliases: aliases, now: { moment })
            return blocking { await check.verdict(shown) }
        }
        let plain = verdict(.these([root]))
        if plain.failure == nil {
            try expect(isVouchedFor(), "a kubelet is believed")
            let names = (try? parsed?.extensions.subjectAlternativeNames).map { Array($0) } ?? []
            let isMeant = ([dialled] + aliases).contains { wanted in names.contains { CertificateCheck.matches($0, wanted) } }
            try expect(isMeant, "it is believed to be somebody whom it does not name: \(names)")
        }
        let own = shown[0]
        let pin = CertificateCheck.pin(of: own)
        if let parsed {
            // Written anew, the parameters of an algorithm may come out otherwise; what is in the certificate counts.
            let key = (try? parsed.publicKey.serializeAsPEM()).map { $0.derBytes } ?? []
            let isInside = own.indices.contains { own[$0...].starts(with: key) }
            if isInside { try expect(pin == Array(SHA256.hash(data: key)), "the pin is \(pin as Any), and not that of the key") }
        }
        let other = Array(repeating: UInt8(1), count: 32)
        try expect(verdict(.anyone, [other]).failure?.fault == .tlsPin, "another's pin is good enough")
        guard let pin else { return }
        try expect(CertificateCheck.pin(CertificateCheck.text(pin)) == pin, "a pin is read otherwise than it is written")
        try expect(verdict(.anyone, [other, pin]).failure == nil, "it is not believed by its pin")
        if plain.failure == nil { try expect(verdict(.these([root]), [pin]).failure == nil, "its pin changes what else is asked") }
    }

    /// Of what waits for nobody.
    private static func blocking<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
        let (done, result) = (DispatchSemaphore(value: 0), Outcome<Value>())
        Task {
            let value = await body()
            result.value.withLock { $0 = value }
            done.signal()
        }
        done.wait()
        return result.value.withLock { $0! }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}
