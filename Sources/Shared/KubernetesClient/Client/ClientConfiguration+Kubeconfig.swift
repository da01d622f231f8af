import Foundation
import Yams

extension ClientConfiguration {
    /// Reads a kubeconfig with what client-go reads from one, except `auth-provider` and merging of several files.
    ///
    /// - Parameter context: another context than the file's `current-context`.
    /// - Throws: ``CredentialError`` naming file, line and field.
    public static func kubeconfig(
        path: String, context: String? = nil
    ) throws(CredentialError) -> ClientConfiguration {
        let file = try KubeconfigField.read(path: path)
        var chosen = context
        if chosen == nil { chosen = try file.string("current-context") }
        guard let name = chosen else {
            throw file.error(
                "the kubeconfig has no current-context; choose one with `kubectl config use-context` "
                    + "(\(try file.names("contexts")))")
        }
        guard let entry = try file.entry("contexts", named: name) else {
            throw file.error("there is no context \"\(name)\" in contexts; \(try file.names("contexts"))")
        }
        let context = try required(entry, "context")
        let cluster = try referred(from: context, key: "cluster", list: "clusters", file: file)
        let folder = URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent().path

        var configuration = try readCluster(
            cluster, folder: folder, origin: "kubeconfig \(path), context \(name)")
        // A context without a user is an anonymous client, as with client-go.
        if try context.field("user") != nil {
            let user = try referred(from: context, key: "user", list: "users", file: file)
            configuration.user = try readUser(user, folder: folder)
            let info = try execCluster(cluster, configuration)
            configuration.user.exec?.cluster = info
        }
        return configuration
    }

    private static func required(_ field: KubeconfigField, _ key: String) throws(CredentialError) -> KubeconfigField {
        guard let value = try field.field(key) else { throw field.error("has no \(key)") }
        return value
    }

    /// The `cluster` or `user` mapping that a context names.
    private static func referred(
        from context: KubeconfigField, key: String, list: String, file: KubeconfigField
    ) throws(CredentialError) -> KubeconfigField {
        let reference = try required(context, key)
        let name = try reference.string()
        guard let entry = try file.entry(list, named: name) else {
            throw reference.error("names \"\(name)\", which is not in \(list); \(try file.names(list))")
        }
        return try required(entry, key)
    }

    private static func readCluster(
        _ cluster: KubeconfigField, folder: String, origin: String
    ) throws(CredentialError) -> ClientConfiguration {
        let authorities = try pem(cluster, "certificate-authority", folder: folder)
        let insecure = try cluster.flag("insecure-skip-tls-verify")
        if insecure, let authorities {
            throw authorities.place.error(
                "is set together with insecure-skip-tls-verify, which would ignore it; remove one of them")
        }
        let address = try required(cluster, "server")
        let server = try ServerAddress(
            try address.string(), secureByDefault: authorities != nil || insecure, place: address.place)
        var configuration = ClientConfiguration(
            server: server, trust: insecure ? .anyone : authorities.map { .authorities($0) } ?? .system,
            user: UserCredentials(), origin: origin)
        if let name = try cluster.field("tls-server-name") {
            configuration.tlsServerName = try name.string()
        }
        if let proxy = try cluster.field("proxy-url") {
            configuration.proxy = try ProxyAddress(try proxy.string(), place: proxy.place)
        }
        return configuration
    }

    private static func readUser(
        _ user: KubeconfigField, folder: String
    ) throws(CredentialError) -> UserCredentials {
        if let provider = try user.field("auth-provider") {
            let name = try? provider.string("name")
            throw provider.error(
                "asks for the auth provider \"\(name ?? "without a name")\"; auth providers are gone from Kubernetes "
                    + "since 1.26: use an exec plugin or a token")
        }
        var credentials = UserCredentials()
        credentials.certificate = try pem(user, "client-certificate", folder: folder)
        credentials.key = try pem(user, "client-key", folder: folder)
        if let certificate = credentials.certificate, credentials.key == nil {
            throw certificate.place.error("is set without a key; set client-key or client-key-data too")
        }
        if let key = credentials.key, credentials.certificate == nil {
            throw key.place.error("is set without a certificate; set client-certificate or client-certificate-data too")
        }
        credentials.token = try readTokenFields(user, folder: folder)
        if let name = try user.field("username") {
            guard credentials.token == nil else {
                throw name.error("is set together with a token; a request can bear only one of them")
            }
            credentials.basic = (try name.string(), try user.string("password") ?? "")
        } else if let password = try user.field("password") {
            throw password.error("is set without username")
        }
        if let exec = try user.field("exec") {
            credentials.exec = try ExecPlugin(exec, folder: folder)
        }
        credentials.impersonation = try impersonation(user)
        return credentials
    }

    private static func readTokenFields(
        _ user: KubeconfigField, folder: String
    ) throws(CredentialError) -> UserCredentials.Token? {
        let literal = try user.field("token")
        let text = try literal?.string()
        if let literal, let text, !text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
            throw literal.error("must be one word of printable ASCII")
        }
        guard let file = try user.field("tokenFile") else { return text.map { .literal($0) } }
        let path = resolve(try file.string(), in: folder)
        // A missing file is a fault at once, unless the token beside it can serve until the file is there.
        if text == nil { _ = try readToken(path: path, place: file.place) }
        return .file(path: path, initial: text, place: file.place)
    }

    private static func impersonation(
        _ user: KubeconfigField
    ) throws(CredentialError) -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        let name = try user.string("as")
        if let name { headers.append(("Impersonate-User", name)) }
        if let uid = try user.string("as-uid") { headers.append(("Impersonate-Uid", uid)) }
        for group in try user.list("as-groups") { headers.append(("Impersonate-Group", try group.string())) }
        if let extra = try user.field("as-user-extra") {
            guard case .mapping(let mapping) = extra.node else { throw extra.error("must be a mapping of lists") }
            for key in mapping.keys.compactMap(\.string) {
                let escaped = key.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? key
                for value in try extra.list(key) {
                    headers.append(("Impersonate-Extra-\(escaped)", try value.string()))
                }
            }
        }
        guard headers.isEmpty || name != nil else {
            throw user.error("has as-uid, as-groups or as-user-extra without as; set the user to impersonate")
        }
        return headers
    }

    /// `key` names a file, `key-data` holds its content and comes first.
    private static func pem(
        _ field: KubeconfigField, _ key: String, folder: String
    ) throws(CredentialError) -> PEMSource? {
        if let data = try field.data("\(key)-data") {
            return PEMSource(content: .bytes(data.bytes), place: data.place)
        }
        guard let file = try field.field(key) else { return nil }
        let source = PEMSource(content: .file(resolve(try file.string(), in: folder)), place: file.place)
        _ = try source.read()
        return source
    }

    /// What an exec plugin with `provideClusterInfo` is told.
    private static func execCluster(
        _ cluster: KubeconfigField, _ configuration: ClientConfiguration
    ) throws(CredentialError) -> ExecPlugin.Cluster {
        var info = ExecPlugin.Cluster(server: configuration.server.url)
        info.tlsServerName = configuration.tlsServerName
        if case .anyone = configuration.trust { info.skipsVerification = true }
        if case .authorities(let source) = configuration.trust { info.authorities = try source.read() }
        info.proxy = try cluster.string("proxy-url")
        for entry in try cluster.list("extensions")
        where try entry.string("name") == "client.authentication.k8s.io/exec" {
            if let value = try entry.field("extension") { info.configuration = ExecClusterExtension(value.node) }
        }
        return info
    }
}

/// A path in a kubeconfig is meant to start from the kubeconfig's own folder.
func resolve(_ path: String, in folder: String) -> String {
    path.hasPrefix("/") ? path : URL(fileURLWithPath: "\(folder)/\(path)").standardizedFileURL.path
}
