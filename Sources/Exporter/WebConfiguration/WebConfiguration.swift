import EncryptedServing
import HTTPTypes
import NIOSSL

/// How the ports are served, in Prometheus' web configuration format (exporter-toolkit, docs/web-configuration.md).
struct WebConfiguration: Sendable {
    /// A PEM text, or where one is.
    enum Material: Hashable, Sendable {
        case text(String)
        case file(String)
    }

    /// Go's `tls.ClientAuthType`, by the names that the format has for them.
    enum ClientAuthentication: String, CaseIterable, Sendable {
        case none = "NoClientCert"
        /// A certificate is asked for; none, and any, will do.
        case request = "RequestClientCert"
        /// Any will do.
        case requireAny = "RequireAnyClientCert"
        case verifyIfGiven = "VerifyClientCertIfGiven"
        case requireAndVerify = "RequireAndVerifyClientCert"

        var isRequired: Bool { self == .requireAny || self == .requireAndVerify }
        var isVerified: Bool { self == .verifyIfGiven || self == .requireAndVerify }
    }

    struct Encryption: Sendable {
        var certificate: Material
        var key: Material
        var clients = ClientAuthentication.none
        /// Who signs clients' certificates; nil: the system's authorities.
        var clientAuthority: Material?
        /// Alternative names of which a client's certificate must have one; nil: any.
        var allowedNames: Set<String>?
        var minimum = TLSVersion.tlsv12
        var maximum = TLSVersion.tlsv13
        /// Up to TLS 1.2, as those of 1.3 cannot be chosen; empty only where nothing below 1.3 is spoken.
        var ciphers = WebConfiguration.defaultCiphers
        /// nil: the library's.
        var curves: [NIOTLSCurve]?
    }

    /// A bucket of so many requests, into which one comes back with every interval.
    struct RateLimit: Hashable, Sendable {
        var interval: Duration
        var burst: Int
    }

    /// nil: plain HTTP.
    var encryption: Encryption?
    var allowsHTTP2 = true
    /// Of every answer.
    var headers: [HTTPField] = []
    /// Hashes of passwords by user; nobody is asked for one where it is empty.
    var users: [String: PasswordHash] = [:]
    var rateLimit: RateLimit?
    /// What has no effect here, for the log.
    var warnings: [String] = []

    /// What Go offers by itself below TLS 1.3.
    static let defaultCiphers: [NIOTLSCipher] = CipherNames.chosen.map(\.1)

    static let curveNames: [(String, NIOTLSCurve)] = [
        ("CurveP256", .secp256r1), ("CurveP384", .secp384r1), ("CurveP521", .secp521r1), ("X25519", .x25519),
    ]

    /// From the newest to the oldest.
    static let versionNames: [(String, TLSVersion)] = [
        ("TLS13", .tlsv13), ("TLS12", .tlsv12), ("TLS11", .tlsv11), ("TLS10", .tlsv1),
    ]

    /// The headers that may be set, and their values where not any will do.
    static let headerNames: [(String, [String])] = [
        ("Content-Security-Policy", []), ("Strict-Transport-Security", []), ("X-Content-Type-Options", ["nosniff"]),
        ("X-Frame-Options", ["deny", "sameorigin"]), ("X-XSS-Protection", []),
    ]
}
