import Foundation
import MizzenSystem

/// Where an API server is, how to trust it, and who we are to it.
///
/// Made from a kubeconfig or from what Kubernetes gives to a pod; files that it names are read again when they change.
public struct ClientConfiguration: Sendable {
    var server: ServerAddress
    var trust: ServerTrust
    /// The name that the server's certificate must bear instead of the host of the address (`tls-server-name`).
    var tlsServerName: String?
    var proxy: ProxyAddress?
    var user: UserCredentials
    /// For messages: `kubeconfig /root/.kube/config, context prod`.
    var origin: String

    /// A server by its address, for tests and tools: no credential, or a bearer token; `authorities` is PEM text.
    ///
    /// - Throws: ``CredentialError`` when the address is none.
    public init(server: String, token: String? = nil, authorities: [UInt8]? = nil) throws(CredentialError) {
        let place = CredentialPlace(file: "API server address", line: nil, field: "server")
        self.server = try ServerAddress(server, secureByDefault: authorities != nil, place: place)
        self.trust =
            authorities.map {
                .authorities(
                    PEMSource(
                        content: .bytes($0),
                        place: CredentialPlace(file: "API server address", line: nil, field: "authorities")))
            } ?? .system
        self.user = UserCredentials()
        self.user.token = token.map { .literal($0) }
        self.origin = "address \(server)"
    }

    init(server: ServerAddress, trust: ServerTrust, user: UserCredentials, origin: String) {
        self.server = server
        self.trust = trust
        self.user = user
        self.origin = origin
    }

    /// The address of the API server, for messages.
    public var serverURL: String { server.url }
}

/// `https://host:port/prefix`, checked.
struct ServerAddress: Hashable, Sendable {
    var isSecure: Bool
    /// Without brackets around IPv6 addresses.
    var host: String
    var port: Int
    /// What comes before every path, for servers behind a gateway; empty or beginning with a slash, without one at its end.
    var prefix: String

    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    var url: String { "\(isSecure ? "https" : "http")://\(authority)\(prefix)" }

    /// - Parameter secureByDefault: whether an address without a scheme means HTTPS.
    init(_ text: String, secureByDefault: Bool, place: CredentialPlace) throws(CredentialError) {
        let whole = text.contains("://") ? text : "\(secureByDefault ? "https" : "http")://\(text)"
        guard let url = URLComponents(string: whole), let scheme = url.scheme?.lowercased(),
            let host = url.host, !host.isEmpty
        else {
            throw place.error("\"\(text)\" is not an address; write https://HOST:PORT")
        }
        guard scheme == "https" || scheme == "http" else {
            throw place.error("\"\(text)\" has the scheme \(scheme); an API server is reached by https:// or http://")
        }
        guard url.user == nil, url.query == nil, url.fragment == nil else {
            throw place.error("\"\(text)\" has more than scheme, host, port and path; remove the rest")
        }
        isSecure = scheme == "https"
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        port = url.port ?? (isSecure ? 443 : 80)
        guard (1...65_535).contains(port) else {
            throw place.error("\"\(text)\" has the port \(port); ports are 1 to 65535")
        }
        var path = url.percentEncodedPath[...]
        while path.hasSuffix("/") { path.removeLast() }
        prefix = String(path)
    }
}

/// An HTTP or SOCKS proxy (`proxy-url`).
struct ProxyAddress: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case http
        case socks5
    }

    var kind: Kind
    var host: String
    var port: Int
    var username: String?
    var password: String?

    init(_ text: String, place: CredentialPlace) throws(CredentialError) {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            let host = url.host, !host.isEmpty
        else {
            throw place.error("\"\(text)\" is not a proxy address; write http://HOST:PORT or socks5://HOST:PORT")
        }
        switch scheme {
        case "http": kind = .http
        case "socks5", "socks5h": kind = .socks5
        default:
            throw place.error(
                "\"\(text)\" has the scheme \(scheme); proxies are reached by http:// or socks5:// here")
        }
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        port = url.port ?? (kind == .http ? 80 : 1080)
        username = url.user
        password = url.password
        if kind == .socks5, username != nil {
            throw place.error("a SOCKS proxy with a user name is not supported; use one without, or an HTTP proxy")
        }
    }
}

/// Whose signature makes a server's certificate good.
enum ServerTrust: Sendable {
    /// The authorities of the operating system.
    case system
    case authorities(PEMSource)
    /// Anyone: `insecure-skip-tls-verify`.
    case anyone
}

/// Who we are to the API server. More than one may be set: client certificate and token, for example.
struct UserCredentials: Sendable {
    enum Token: Hashable, Sendable {
        case literal(String)
        /// Read again for every request, since tokens are replaced while we run; `initial` is used until the file is there.
        case file(path: String, initial: String?, place: CredentialPlace)
    }

    var certificate: PEMSource?
    var key: PEMSource?
    var token: Token?
    var basic: (username: String, password: String)?
    var exec: ExecPlugin?
    /// `Impersonate-…` headers.
    var impersonation: [(name: String, value: String)] = []
}

/// PEM text in a file or in the configuration itself.
struct PEMSource: Hashable, Sendable {
    enum Content: Hashable, Sendable {
        case file(String)
        case bytes([UInt8])
    }

    var content: Content
    var place: CredentialPlace

    func read() throws(CredentialError) -> [UInt8] {
        switch content {
        case .bytes(let bytes): bytes
        case .file(let path): try readCredentialFile(path, place: place)
        }
    }
}

/// The bytes of a file that a configuration names.
func readCredentialFile(_ path: String, place: CredentialPlace) throws(CredentialError) -> [UInt8] {
    do throws(SystemError) {
        return try FileContents.read(path)
    } catch {
        throw place.error("names \(path), \(unreadableReason(error))")
    }
}

/// Why a file cannot be read, and what to do, as the end of a sentence about the file.
func unreadableReason(_ error: SystemError) -> String {
    switch error.code {
    case EISDIR: "which is a directory; give the path of a file"
    case ENOENT: "which does not exist; correct the path or create the file"
    case EACCES, EPERM: "which this user may not read; change its owner or mode"
    default: "which cannot be read: \(error.words)"
    }
}
