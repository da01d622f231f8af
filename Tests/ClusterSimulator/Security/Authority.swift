import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

/// The cluster's own certificate authority: server certificates for the API server and kubelets, client certificates for users.
struct Authority: Sendable {
    /// A certificate with its key, both in PEM.
    struct Identity: Sendable {
        var certificate: String
        var key: String
    }

    let certificate: Certificate
    private let key: Certificate.PrivateKey

    init(commonName: String = "cluster-simulator-ca") throws {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        self.key = key
        let name = try DistinguishedName { CommonName(commonName) }
        let now = Date()
        certificate = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: now - 3600,
            notValidAfter: now + 10 * 365 * 86_400, issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                Critical(KeyUsage(digitalSignature: true, keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            },
            issuerPrivateKey: key)
    }

    var pem: String { get throws { try certificate.serializeAsPEM().pemString } }

    /// - Parameters:
    ///   - hosts: names and addresses that it is for.
    ///   - validity: seconds from now.
    func serverIdentity(commonName: String, hosts: [String], validity: Range<Double> = Self.usualValidity) throws -> Identity {
        let names = hosts.map { host -> GeneralName in
            let address = host.split(separator: ".").compactMap { UInt8($0) }
            if address.count == 4 { return .ipAddress(ASN1OctetString(contentBytes: address[...])) }
            if host == "::1" {
                return .ipAddress(ASN1OctetString(contentBytes: ([UInt8](repeating: 0, count: 15) + [1])[...]))
            }
            return .dnsName(host)
        }
        return try issue(
            try DistinguishedName { CommonName(commonName) },
            try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true, keyEncipherment: true))
                try ExtendedKeyUsage([.serverAuth])
                if !names.isEmpty { SubjectAlternativeNames(names) }
            }, validity)
    }

    static let usualValidity: Range<Double> = -3600..<5 * 365 * 86_400

    /// The user is the common name, the groups are organizations.
    func clientIdentity(_ user: Authenticator.User) throws -> Identity {
        try issue(
            try DistinguishedName {
                for group in user.groups { OrganizationName(group) }
                CommonName(user.name)
            },
            try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.clientAuth])
            })
    }

    private func issue(
        _ subject: DistinguishedName, _ extensions: Certificate.Extensions, _ validity: Range<Double> = usualValidity
    ) throws -> Identity {
        let subjectKey = P256.Signing.PrivateKey()
        let now = Date()
        let issued = try Certificate(
            version: .v3, serialNumber: .init(), publicKey: .init(subjectKey.publicKey), notValidBefore: now + validity.lowerBound,
            notValidAfter: now + validity.upperBound, issuer: certificate.subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: key)
        return Identity(certificate: try issued.serializeAsPEM().pemString, key: subjectKey.pemRepresentation)
    }

    /// Serves with an identity, and takes client certificates of this authority from those who show one.
    func serverConfiguration(_ identity: Identity) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(identity.certificate.utf8)).map {
                .certificate($0)
            },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem)))
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(try pem.utf8)))
        configuration.certificateVerification = .optionalVerification
        return configuration
    }

    /// The user that a client certificate, verified in the handshake, names.
    static func user(of certificate: NIOSSLCertificate) -> Authenticator.User? {
        guard let parsed = try? Certificate(derEncoded: certificate.toDERBytes()) else { return nil }
        var name: String?
        var groups: [String] = []
        for attribute in parsed.subject.flatMap({ $0 }) {
            if attribute.type == .RDNAttributeType.commonName { name = String(attribute.value) }
            if attribute.type == .RDNAttributeType.organizationName { groups.append(String(attribute.value) ?? "") }
        }
        return name.map { Authenticator.User(name: $0, groups: groups + ["system:authenticated"]) }
    }
}
