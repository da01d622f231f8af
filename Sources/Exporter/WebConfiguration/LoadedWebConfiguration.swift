import KubernetesObjects
import MizzenSystem
import NIOSSL
import NetworkErrors

/// A web configuration with everything that it names, ready to serve with.
struct LoadedWebConfiguration: Sendable {
    var web: WebConfiguration
    /// nil: plain HTTP.
    var tls: TLSConfiguration?

    /// Files larger than this are refused.
    private static let limit = 1 << 20

    /// - Parameter seen: gets every file that was read, with what stood there; nil for one that could not be read.
    init(_ path: String, seen: inout [String: RegularFile.Identity?]) throws(WebConfigurationFault) {
        let text = try Self.read(path, "the file", &seen)
        let folder = path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) : "."
        web = try WebConfiguration(String(decoding: text, as: UTF8.self), relativeTo: folder)
        tls = try web.encryption.map { encryption throws(WebConfigurationFault) in try Self.settings(encryption, &seen) }
    }

    private static func read(
        _ path: String, _ name: String, _ seen: inout [String: RegularFile.Identity?]
    ) throws(WebConfigurationFault) -> [UInt8] {
        do throws(RegularFile.Fault) {
            let (bytes, identity) = try RegularFile.read(path, limit: limit)
            seen[path] = .some(identity)
            return bytes
        } catch {
            seen[path] = .some(try? RegularFile.identity(path))
            throw WebConfigurationFault(reason: "\(name) \(path) cannot be read (\(error)); check the path and its permissions")
        }
    }

    private static func bytes(
        _ material: WebConfiguration.Material, _ name: String, _ seen: inout [String: RegularFile.Identity?]
    ) throws(WebConfigurationFault) -> [UInt8] {
        switch material {
        case .text(let text): Array(text.utf8)
        case .file(let path): try read(path, "\(name)_file", &seen)
        }
    }

    private static func settings(
        _ encryption: WebConfiguration.Encryption, _ seen: inout [String: RegularFile.Identity?]
    ) throws(WebConfigurationFault) -> TLSConfiguration {
        func named(_ name: String, _ material: WebConfiguration.Material) -> String {
            if case .file(let path) = material { "\(name)_file \(path)" } else { name }
        }
        let (certificate, keyName) = (named("cert", encryption.certificate), named("key", encryption.key))
        // All are read before any is judged, so that a change of any is seen.
        let chainBytes = try bytes(encryption.certificate, "cert", &seen)
        let keyBytes = try bytes(encryption.key, "key", &seen)
        let authority = try encryption.clientAuthority.map { material throws(WebConfigurationFault) in
            (named("client_ca", material), try bytes(material, "client_ca", &seen))
        }
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(chainBytes), !chain.isEmpty else {
            throw WebConfigurationFault(reason: "\(certificate) holds no certificate chain in PEM")
        }
        guard let key = try? NIOSSLPrivateKey(bytes: keyBytes, format: .pem) else {
            throw WebConfigurationFault(reason: "\(keyName) holds no private key in PEM without a passphrase")
        }
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        settings.minimumTLSVersion = encryption.minimum
        settings.maximumTLSVersion = encryption.maximum
        if !encryption.ciphers.isEmpty { settings.cipherSuiteValues = encryption.ciphers }
        settings.curves = encryption.curves
        settings.certificateVerification =
            switch encryption.clients {
            case .none: .none
            case .request, .verifyIfGiven: .optionalVerification
            case .requireAny, .requireAndVerify: .noHostnameVerification
            }
        if let (name, bytes) = authority {
            guard let authorities = try? NIOSSLCertificate.fromPEMBytes(bytes), !authorities.isEmpty else {
                throw WebConfigurationFault(reason: "\(name) holds no certificates in PEM")
            }
            settings.trustRoots = .certificates(authorities)
            settings.sendCANameList = true
        }
        do {
            // Finds a key that does not belong to the certificate now, not at the first handshake.
            _ = try NIOSSLContext(configuration: settings)
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw WebConfigurationFault(reason: "the key does not belong to the certificate; give the two that were issued together")
        } catch {
            throw WebConfigurationFault(reason: "\(certificate) cannot be served with (\(NetworkErrorText.words(error) ?? "\(error)"))")
        }
        return settings
    }
}
