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
///
/// That holds over a restart where a ``ToldTrustKeeper`` is given, and no further than it would without the restart. A process that lives asks
/// every ten seconds and waits ten more for the answer, so it may go by what it was told for twenty seconds before it hears of another
/// authority. What a process went by no longer ago than that the next one goes by from its start, and asks at once. What is older is
/// gone by when the server has been asked and has not said otherwise, which is what a process that had lived would do.
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
    private static let timeout: Duration = .seconds(10)

    private let certificates: ClientCertificates
    private let files: Files
    /// Nil where the cluster is not asked.
    private let cluster: Cluster?
    private let keeper: (any ToldTrustKeeper)?
    /// Nanoseconds since the boot.
    private let now: @Sendable () -> UInt64
    private let logger: Logger

    private struct Cluster {
        /// Its API server.
        var server: String
        /// The ConfigMap in JSON.
        var read: @Sendable () async throws -> [UInt8]
    }

    /// What the files alone say, to begin with.
    /// - Throws: 78 naming a file that cannot be used.
    package static func trust(_ files: Files) throws(ProcessError) -> AuthenticationTrust {
        do throws(Fault) {
            return try trust(nil, files)
        } catch {
            throw ProcessError(code: ExitStatus.configuration, message: error.reason, place: error.place)
        }
    }

    /// - Parameters:
    ///   - client: nil: the cluster is not asked.
    ///   - keeper: what the cluster told an earlier process is gone on with, and what it tells this one is kept.
    package init(
        _ certificates: ClientCertificates, files: Files, client: APIClient?, keeper: (any ToldTrustKeeper)? = nil,
        now: @escaping @Sendable () -> UInt64 = { BootClock.nanoseconds() }, logger: Logger
    ) {
        self.certificates = certificates
        self.files = files
        self.keeper = keeper
        self.now = now
        self.logger = logger
        cluster = client.map { client in
            Cluster(server: client.server) {
                Array(try await client.send(APIRequest(path: Self.path), timeout: Self.timeout, limit: 4 << 20).checked().body)
            }
        }
    }

    /// To be called before anybody is answered: goes on with what the cluster told an earlier process, if that was just now.
    package func goOn() {
        guard let cluster else { keeper?.forgetTold(); return }
        guard let keeper, let told = keeper.told() else { return }
        let moment = now()
        guard told.server == cluster.server, told.heldAt <= moment else {
            // Another cluster's, or of a clock that was not this one.
            logger.notice("whom an earlier process trusted is not gone on with", metadata: ["server": "\(told.server)"])
            keeper.forgetTold()
            return
        }
        guard moment - told.heldAt <= UInt64((Self.interval + Self.timeout).nanoseconds) else { return }
        do throws(Fault) {
            try goOn(with: told)
        } catch {
            logger.warning("whom an earlier process trusted is not gone on with", metadata: ["error": "\(error)"])
            keeper.forgetTold()
        }
    }

    /// Says so in the log where it is news.
    private func goOn(with told: ToldTrust) throws(Fault) {
        let trust = try Self.trust(told.data, files)
        guard certificates.trust != trust else { return }
        certificates.trust = trust
        logger.notice(
            "going on with what the cluster told last of whom to trust, until it says so again",
            metadata: [
                "server": "\(told.server)", "client_authorities": "\(trust.clients.count)",
                "front_proxy_authorities": "\(trust.frontProxies.count)",
            ])
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

    /// - Returns: what is wrong; then what was told last goes on.
    package func look() async -> Fault? {
        do throws(Fault) {
            try await ask()
            return nil
        } catch {
            // What is kept is what this process goes by, or, the first time, may go by from now on. What cannot be gone by has not been so
            // far: files that can no longer be read, for example, are what `error` is about.
            if var told = keeper?.told(), (try? goOn(with: told)) != nil {
                told.heldAt = now()
                keeper?.keep(told)
            }
            return error
        }
    }

    private func ask() async throws(Fault) {
        var told: ToldTrust?
        if let cluster {
            let body: [UInt8]
            do {
                body = try await cluster.read()
            } catch {
                throw Fault(
                    place: Self.configMapName,
                    reason: "\(error); let this user read it with the role extension-apiserver-authentication-reader of kube-system, "
                        + "or give --client-ca-file and --requestheader-client-ca-file with --authentication-skip-lookup")
            }
            told = ToldTrust(server: cluster.server, data: try Self.data(configMap: body), heldAt: now())
        }
        let trust = try Self.trust(told?.data, files)
        // First: whoever is killed here leaves the newer one.
        if let told { keeper?.keep(told) }
        let before = certificates.trust
        certificates.trust = trust
        if before != trust {
            logger.info(
                "clients' certificates are trusted as said",
                metadata: ["client_authorities": "\(trust.clients.count)", "front_proxy_authorities": "\(trust.frontProxies.count)"])
        }
    }

    /// What a ConfigMap's data and the files say; the files alone where there is none.
    static func trust(_ data: [String: String]?, _ files: Files) throws(Fault) -> AuthenticationTrust {
        var trust = AuthenticationTrust(frontProxy: files.frontProxy)
        if let data { try take(data, files, into: &trust) }
        try read(files, into: &trust)
        return trust
    }

    /// What is read of a ConfigMap in JSON.
    static func data(configMap: [UInt8]) throws(Fault) -> [String: String] {
        do {
            let data = try JSONDecoder().decode(ConfigMap.self, from: Data(configMap)).data ?? [:]
            return data.filter { keys.contains($0.key) }
        } catch {
            throw Fault(place: configMapName, reason: "is no ConfigMap in JSON: \(error)")
        }
    }

    private static let keys: Set<String> = [
        "client-ca-file", "requestheader-client-ca-file", "requestheader-allowed-names", "requestheader-username-headers",
        "requestheader-group-headers", "requestheader-uid-headers", "requestheader-extra-headers-prefix",
    ]

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
