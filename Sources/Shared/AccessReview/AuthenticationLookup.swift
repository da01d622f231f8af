import FoundationEssentials
package import KubernetesClient
package import Logging
import MizzenSystem
package import ProcessRuntime
import ServiceLifecycle
import SwiftASN1
import X509

/// Keeps the trust of ``ClientCertificates`` up to date: from files, and from where a cluster tells its extension API servers whom to trust,
/// the ConfigMap `extension-apiserver-authentication` in `kube-system` (the role `extension-apiserver-authentication-reader` lets read it).
///
/// What cannot be read or understood changes nothing: whoever was let in stays let in, and the log says once what is wrong.
package struct AuthenticationLookup: ServiceLifecycle.Service {
    /// Where authorities come from, each instead of what the cluster says.
    package struct Files: Sendable {
        package var clientAuthorities: String?
        package var frontProxyAuthorities: String?
        /// Holds beside `frontProxyAuthorities`.
        package var frontProxy: FrontProxy

        package init(clientAuthorities: String? = nil, frontProxyAuthorities: String? = nil, frontProxy: FrontProxy = FrontProxy()) {
            (self.clientAuthorities, self.frontProxyAuthorities, self.frontProxy) = (clientAuthorities, frontProxyAuthorities, frontProxy)
        }
    }

    static let path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    /// The old and the new authority overlap for far longer where one is renewed.
    private static let interval: Duration = .seconds(10)

    private let certificates: ClientCertificates
    private let files: Files
    /// The ConfigMap in JSON; nil where the cluster is not asked.
    private let read: (@Sendable () async throws -> [UInt8])?
    private let logger: Logger

    /// What the files alone say, to begin with.
    /// - Throws: 78 naming a file that cannot be used.
    package static func trust(_ files: Files) throws(ProcessError) -> AuthenticationTrust {
        var trust = AuthenticationTrust(frontProxy: files.frontProxy)
        do throws(Fault) {
            try read(files, into: &trust)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: error.reason, place: error.place)
        }
        return trust
    }

    /// - Parameter client: nil: the cluster is not asked.
    package init(_ certificates: ClientCertificates, files: Files, client: APIClient?, logger: Logger) {
        self.certificates = certificates
        self.files = files
        self.logger = logger
        if let client {
            read = { Array(try await client.send(APIRequest(path: Self.path), timeout: .seconds(10), limit: 4 << 20).checked().body) }
        } else {
            read = nil
        }
    }

    /// Looks every ten seconds until graceful shutdown.
    package func run() async throws {
        try? await cancelWhenGracefulShutdown {
            var complaint: String?
            while !Task.isCancelled {
                let fault = await look()
                if let fault, fault.description != complaint {
                    logger.warning("whom to trust cannot be looked up; who was let in stays let in", metadata: ["error": "\(fault)"])
                } else if fault == nil, complaint != nil {
                    logger.info("whom to trust is known again")
                }
                complaint = fault?.description
                try await Task.sleep(for: Self.interval)
            }
        }
    }

    /// - Returns: what is wrong; nothing has changed then.
    package func look() async -> Fault? {
        let trust: AuthenticationTrust
        do {
            trust = try Self.trust(configMap: await read?(), files)
        } catch let fault as Fault {
            return fault
        } catch {
            return Fault(
                place: Self.configMapName,
                reason: "\(error); let this user read it with the role extension-apiserver-authentication-reader of kube-system, "
                    + "or give --client-ca-file and --requestheader-client-ca-file with --authentication-skip-lookup")
        }
        let before = certificates.trust
        certificates.trust = trust
        if before != trust {
            logger.info(
                "clients' certificates are trusted as said",
                metadata: ["client_authorities": "\(trust.clients.count)", "front_proxy_authorities": "\(trust.frontProxies.count)"])
        }
        return nil
    }

    /// What a ConfigMap in JSON and the files say; the files alone where there is none.
    static func trust(configMap: [UInt8]?, _ files: Files) throws(Fault) -> AuthenticationTrust {
        var trust = AuthenticationTrust(frontProxy: files.frontProxy)
        if let configMap {
            let data: [String: String]
            do {
                data = try JSONDecoder().decode(ConfigMap.self, from: Data(configMap)).data ?? [:]
            } catch {
                throw Fault(place: configMapName, reason: "is no ConfigMap in JSON: \(error)")
            }
            try take(data, files, into: &trust)
        }
        try read(files, into: &trust)
        return trust
    }

    private static let configMapName = "ConfigMap kube-system/extension-apiserver-authentication"

    package struct Fault: Error, Hashable, CustomStringConvertible {
        var place: String
        var reason: String

        package var description: String { "\(place): \(reason)" }
    }

    private struct ConfigMap: Decodable {
        var data: [String: String]?
    }

    private static func read(_ files: Files, into trust: inout AuthenticationTrust) throws(Fault) {
        if let path = files.clientAuthorities { trust.clients = try authorities(file: path) }
        if let path = files.frontProxyAuthorities { trust.frontProxies = try authorities(file: path) }
    }

    /// Takes from the ConfigMap what `files` do not say.
    private static func take(_ data: [String: String], _ files: Files, into trust: inout AuthenticationTrust) throws(Fault) {
        func place(_ key: String) -> String { "\(configMapName), \(key)" }
        func list(_ key: String) throws(Fault) -> [String] {
            guard let text = data[key], !text.isEmpty else { return [] }
            guard let list = try? JSONDecoder().decode([String].self, from: Data(text.utf8)) else {
                throw Fault(place: place(key), reason: "holds no list of texts in JSON")
            }
            return list
        }
        if files.clientAuthorities == nil, let text = data["client-ca-file"] {
            trust.clients = try authorities(text, place("client-ca-file"))
        }
        guard files.frontProxyAuthorities == nil, let text = data["requestheader-client-ca-file"] else { return }
        trust.frontProxies = try authorities(text, place("requestheader-client-ca-file"))
        trust.frontProxy = FrontProxy(
            allowedNames: try list("requestheader-allowed-names"), userHeaders: try list("requestheader-username-headers"),
            groupHeaders: try list("requestheader-group-headers"), uidHeaders: try list("requestheader-uid-headers"),
            extraPrefixes: try list("requestheader-extra-headers-prefix"))
    }

    private static func authorities(file path: String) throws(Fault) -> [Certificate] {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileContents.read(path)
        } catch {
            throw Fault(place: path, reason: "cannot be read (\(error.words)); check the path and its permissions")
        }
        return try authorities(String(decoding: bytes, as: UTF8.self), path)
    }

    private static func authorities(_ text: String, _ place: String) throws(Fault) -> [Certificate] {
        guard let found = try? PEMDocument.parseMultiple(pemString: text).map({ try Certificate(pemDocument: $0) }), !found.isEmpty else {
            throw Fault(place: place, reason: "holds no certificates in PEM")
        }
        return found
    }
}
