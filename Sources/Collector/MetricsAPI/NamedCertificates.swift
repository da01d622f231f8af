import ArgumentParser
import NIOCore
import NIOSSL
import ProcessRuntime
import SwiftASN1
import X509

/// `--tls-sni-cert-key`: a certificate for clients that ask for certain names, `certfile,keyfile[:name,…]` as in k8s.io/apiserver.
struct NamedCertificateFiles: Hashable, Sendable {
    var certificate: String
    var key: String
    /// May begin with `*.`. Empty: those that the certificate bears.
    var names: [String]

    /// - Throws: `ValidationError` that says what is missing.
    init(_ text: String) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let files = parts[0].split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed)
        guard files.count == 2, !files.contains("") else {
            throw ValidationError("--tls-sni-cert-key is '\(text)'; give certfile,keyfile or certfile,keyfile:name,name")
        }
        names = parts.count > 1 ? parts[1].split(separator: ",").map(Self.trimmed).filter { !$0.isEmpty } : []
        guard parts.count == 1 || !names.isEmpty else {
            throw ValidationError("--tls-sni-cert-key is '\(text)'; give names behind the colon, or leave it out")
        }
        (certificate, key) = (files[0], files[1])
    }

    private static func trimmed(_ text: Substring) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

/// Which certificate a client gets by the name that it asks for (RFC 6066 section 3).
struct NamedCertificates: Sendable {
    private var byName: [String: NIOSSLContextConfigurationOverride] = [:]

    /// Of two for one name the one counts that says so, then the one that comes first.
    ///
    /// - Throws: code 78 naming the file that cannot be used.
    init(_ files: [NamedCertificateFiles]) throws(ProcessError) {
        var said: [String: NIOSSLContextConfigurationOverride] = [:]
        for pair in files.reversed() {
            let tls = try ServingCertificate.configuration(certificateFile: pair.certificate, keyFile: pair.key, directory: nil)
            var served = NIOSSLContextConfigurationOverride()
            served.certificateChain = tls.certificateChain
            served.privateKey = tls.privateKey
            for name in pair.names { said[name.lowercased()] = served }
            for name in Self.names(of: tls) { byName[name.lowercased()] = served }
        }
        byName.merge(said) { $1 }
    }

    /// The one for a name, else the one for the domain around it; nil where the default serves.
    func certificate(for name: String?) -> NIOSSLContextConfigurationOverride? {
        guard let name, !byName.isEmpty else { return nil }
        var labels = name.lowercased().split(separator: ".").map(String.init)
        if let exact = byName[labels.joined(separator: ".")] { return exact }
        for index in labels.indices {
            labels[index] = "*"
            if let wide = byName[labels.joined(separator: ".")] { return wide }
        }
        return nil
    }

    /// Asked once for each handshake.
    var callback: NIOSSLContextCallback? {
        if byName.isEmpty { return nil }
        return { hello, promise in promise.succeed(certificate(for: hello.serverHostname) ?? .noChanges) }
    }

    static func names(of tls: TLSConfiguration) -> [String] {
        guard case .certificate(let first)? = tls.certificateChain.first, let bytes = try? first.toDERBytes(),
            let certificate = try? Certificate(derEncoded: bytes)
        else { return [] }
        let common = certificate.subject.flatMap { $0 }.filter { $0.type == .RDNAttributeType.commonName }.map { "\($0.value)" }
        let alternatives = (try? certificate.extensions.subjectAlternativeNames).map { Array($0) } ?? []
        return common
            + alternatives.compactMap { name in
                if case .dnsName(let text) = name { text } else { nil }
            }
    }
}
