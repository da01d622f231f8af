import AccessReview
import Crypto
import FoundationEssentials
import TestSupport
import Testing
import X509

@testable import Collector

/// Ways from certificates to authorities, where what was sent beside them is many, strange or out of order.
@Suite("The way to an authority")
struct CertificatePathTests {
    private static let now = Date.now

    /// Somebody with a key and a name.
    private struct Party {
        var name: String
        var key = P256.Signing.PrivateKey()

        func sign(
            _ other: Party, isAuthority: Bool = true, version: Certificate.Version = .v3, uses: [ExtendedKeyUsage.Usage] = [],
            from start: Double = -3600, until end: Double = 3600
        ) throws -> Certificate {
            let key = Certificate.PrivateKey(key)
            return try Certificate(
                version: version, serialNumber: Certificate.SerialNumber(), publicKey: Certificate.PrivateKey(other.key).publicKey,
                notValidBefore: now + start, notValidAfter: now + end, issuer: DistinguishedName { CommonName(name) },
                subject: DistinguishedName { CommonName(other.name) },
                extensions: version == .v1
                    ? Certificate.Extensions()
                    : try Certificate.Extensions {
                        if isAuthority { Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil)) }
                        if !uses.isEmpty { Critical(try ExtendedKeyUsage(uses)) }
                    }, issuerPrivateKey: key)
        }
    }

    private func isValid(
        _ certificate: Certificate, _ others: [Certificate], _ roots: [Certificate], for use: CertificatePath.Use = .clients
    ) async -> Bool {
        let result = await CertificatePath.validate(certificate, beside: others, under: .these(roots), for: use, at: Self.now)
        return if case .validCertificate = result { true } else { false }
    }

    @Test("whatever strangers send, an answer takes no longer than some signatures")
    func flood() async throws {
        let (root, stranger, leaf) = (Party(name: "root"), Party(name: "A"), Party(name: "leaf"))
        let trusted = [try root.sign(root), try root.sign(Party(name: "A"))]
        // All of one name and one key: each may have signed each.
        let others = try (0..<40).map { _ in try stranger.sign(stranger) }
        let certificate = try stranger.sign(leaf, isAuthority: false)
        let time = await ContinuousClock().measure { #expect(await !isValid(certificate, others, trusted)) }
        #expect(time < .seconds(1), "\(time)")
        // And where the names form a ring.
        let ring = (0..<16).map { Party(name: "ring-\($0 % 8)", key: stranger.key) }
        let links = try zip(ring, ring.dropFirst()).map { try $1.sign($0) } + ring.prefix(1).map { try ring[7].sign($0) }
        let within = try ring[0].sign(leaf, isAuthority: false)
        let around = await ContinuousClock().measure { #expect(await !isValid(within, links, trusted)) }
        #expect(around < .seconds(1), "\(around)")
        // The same certificates harm nobody beside whom they are sent.
        let honest = Party(name: "between")
        #expect(try await isValid(honest.sign(leaf, isAuthority: false), [root.sign(honest)] + others, trusted))
    }

    @Test("a way is found past those that lead nowhere: other roots, other keys, ended ones, in any order")
    func detours() async throws {
        let (root, other, between, leaf) = (Party(name: "root"), Party(name: "other"), Party(name: "between"), Party(name: "leaf"))
        let trusted = [try root.sign(root)]
        let certificate = try between.sign(leaf, isAuthority: false)
        let good = try root.sign(between)
        let others = [
            try other.sign(between), try root.sign(Party(name: "between")), try root.sign(between, until: -60),
            try root.sign(between, isAuthority: false), try root.sign(Party(name: "other")),
        ]
        #expect(await !isValid(certificate, others, trusted))
        for place in 0...others.count {
            var all = others
            all.insert(good, at: place)
            #expect(await isValid(certificate, all, trusted), "at \(place)")
        }
        // The authority has a new key, which the old one vouches for.
        let renewed = Party(name: "root")
        #expect(try await isValid(renewed.sign(leaf, isAuthority: false), [root.sign(renewed)], trusted))
        #expect(try await !isValid(renewed.sign(leaf, isAuthority: false), [], trusted))
    }

    @Test("nobody becomes an authority who was not made one, nor for another use")
    func noAuthority() async throws {
        let (root, bob, leaf) = (Party(name: "root"), Party(name: "bob"), Party(name: "leaf"))
        let trusted = [try root.sign(root)]
        let certificate = try bob.sign(leaf, isAuthority: false, uses: [.clientAuth, .serverAuth])
        for use in [CertificatePath.Use.clients, .servers] {
            #expect(try await !isValid(certificate, [root.sign(bob, version: .v1)], trusted, for: use), "a certificate of version 1")
            #expect(try await !isValid(certificate, [root.sign(bob, isAuthority: false)], trusted, for: use))
            let isForServers = use == .servers
            #expect(try await isValid(certificate, [root.sign(bob, uses: [.serverAuth])], trusted, for: use) == isForServers)
            #expect(try await isValid(certificate, [root.sign(bob, uses: [.clientAuth])], trusted, for: use) != isForServers)
            #expect(try await isValid(certificate, [root.sign(bob, uses: [.any])], trusted, for: use))
            #expect(try await isValid(certificate, [root.sign(bob)], [root.sign(root, uses: [.serverAuth])], for: use) == isForServers)
            #expect(try await isValid(certificate, [root.sign(bob)], trusted, for: use))
        }
    }
}
