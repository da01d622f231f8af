import EncryptedServing
import HTTPTypes
import KubernetesObjects
import NIOSSL
import ProcessRuntime

/// What is wrong with a web configuration, or with a file that it names.
struct WebConfigurationFault: Error, Hashable {
    /// From 1; nil where it is not known.
    var line: Int?
    var reason: String
}

extension WebConfiguration {
    /// - Parameters:
    ///   - text: YAML; nothing at all is a configuration too.
    ///   - folder: where relative paths begin.
    init(_ text: String, relativeTo folder: String) throws(WebConfigurationFault) {
        self.init()
        guard text.split(whereSeparator: \.isNewline).contains(where: { !$0.isCommentOrBlank }) else { return }
        do throws(ConfigurationError) {
            let root = try ConfigurationNode(text)
            do throws(ConfigurationNode.Fault) {
                for (key, value) in try root.members() {
                    switch key {
                    case "tls_server_config": encryption = try readEncryption(value, folder)
                    case "http_server_config": try readHTTP(value)
                    case "basic_auth_users": users = try Self.users(value)
                    case "rate_limit": rateLimit = try Self.rateLimit(value)
                    default:
                        throw value.fault("this is no field; there are tls_server_config, http_server_config, basic_auth_users, rate_limit")
                    }
                }
            } catch {
                throw ConfigurationError(line: error.complaint.line, reason: "\(error.complaint.place): \(error.complaint.reason)")
            }
        } catch {
            throw WebConfigurationFault(line: error.line, reason: error.reason)
        }
    }

    // MARK: Encryption

    private mutating func readEncryption(_ node: ConfigurationNode, _ folder: String) throws(ConfigurationNode.Fault) -> Encryption? {
        var texts: [String: ConfigurationNode] = [:]
        var others: [String: ConfigurationNode] = [:]
        for (key, value) in try node.members() {
            switch key {
            case "cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type":
                if !(try value.text().isEmpty) { texts[key] = value }
            case "client_allowed_sans", "min_version", "max_version", "cipher_suites", "curve_preferences": others[key] = value
            case "prefer_server_cipher_suites":
                _ = try value.bool()
                warnings.append("prefer_server_cipher_suites has no effect: clients choose")
            default: throw value.fault("this is no field of tls_server_config")
            }
        }
        guard !texts.isEmpty else {
            if !others.isEmpty {
                warnings.append("tls_server_config names no certificate: the ports are not encrypted")
            }
            return nil
        }
        func material(_ name: String) throws(ConfigurationNode.Fault) -> Material? {
            if let file = texts["\(name)_file"] {
                if texts[name] != nil { warnings.append("\(name) has no effect beside \(name)_file") }
                let path = try file.text()
                return .file(path.hasPrefix("/") ? path : "\(folder)/\(path)")
            }
            return try texts[name].map { node throws(ConfigurationNode.Fault) in .text(try node.text()) }
        }
        guard let certificate = try material("cert") else { throw node.fault("there is no certificate: add cert_file or cert") }
        guard let key = try material("key") else { throw node.fault("there is no key: add key_file or key") }
        var encryption = Encryption(certificate: certificate, key: key)
        encryption.clientAuthority = try material("client_ca")
        try Self.readClients(node, texts["client_auth_type"], others["client_allowed_sans"], &encryption)
        try Self.readTerms(node, others, &encryption)
        return encryption
    }

    private static func readClients(
        _ node: ConfigurationNode, _ type: ConfigurationNode?, _ names: ConfigurationNode?, _ encryption: inout Encryption
    ) throws(ConfigurationNode.Fault) {
        if let type {
            let word = try type.text()
            // An older name that the toolkit still takes.
            let older = ["RequireClientCert": ClientAuthentication.requireAny]
            guard let clients = ClientAuthentication(rawValue: word) ?? older[word] else {
                throw type.fault("'\(word)' is none of \(ClientAuthentication.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            encryption.clients = clients
        }
        guard encryption.clientAuthority == nil || encryption.clients != .none else {
            throw node.fault("there is an authority for clients, and client_auth_type does not ask them for a certificate")
        }
        guard let names else { return }
        guard encryption.clients.isRequired else {
            throw names.fault("this needs client_auth_type RequireAndVerifyClientCert or RequireAnyClientCert")
        }
        encryption.allowedNames = Set(try names.texts())
    }

    private static func readTerms(
        _ node: ConfigurationNode, _ fields: [String: ConfigurationNode], _ encryption: inout Encryption
    ) throws(ConfigurationNode.Fault) {
        if let version = fields["min_version"] { encryption.minimum = try choice(version, versionNames) }
        if let version = fields["max_version"] { encryption.maximum = try choice(version, versionNames) }
        let order = versionNames.map(\.1)
        guard let least = order.firstIndex(of: encryption.minimum), let most = order.firstIndex(of: encryption.maximum), most <= least
        else {
            throw (fields["min_version"] ?? fields["max_version"] ?? node).fault("min_version is newer than max_version")
        }
        let curves = try fields["curve_preferences"]?.elements() ?? []
        if !curves.isEmpty {
            var chosen: [NIOTLSCurve] = []
            for curve in curves { chosen.append(try choice(curve, curveNames)) }
            encryption.curves = chosen
        }
        let ciphers = try fields["cipher_suites"]?.elements() ?? []
        guard !ciphers.isEmpty else { return }
        encryption.ciphers = []
        for cipher in ciphers where !CipherNames.fixed.contains(try cipher.text()) {
            encryption.ciphers.append(try choice(cipher, CipherNames.chosen))
        }
        guard encryption.ciphers.isEmpty else { return }
        // Nothing is left that older versions could speak with.
        guard encryption.maximum == .tlsv13 else { throw ciphers[0].fault("none of these belongs to a version up to max_version") }
        encryption.minimum = .tlsv13
    }

    private static func choice<Value>(
        _ node: ConfigurationNode, _ names: [(String, Value)]
    ) throws(ConfigurationNode.Fault) -> Value {
        let text = try node.text()
        guard let found = names.first(where: { $0.0 == text }) else {
            throw node.fault("'\(text)' is none of \(names.map(\.0).joined(separator: ", "))")
        }
        return found.1
    }

    // MARK: HTTP

    private mutating func readHTTP(_ node: ConfigurationNode) throws(ConfigurationNode.Fault) {
        for (key, value) in try node.members() {
            switch key {
            case "http2": allowsHTTP2 = try value.bool()
            case "headers":
                for (name, value) in try value.members() {
                    let text = try value.text()
                    guard let (_, values) = Self.headerNames.first(where: { $0.0 == name }), let field = HTTPField.Name(name) else {
                        throw value.fault("this header cannot be set; there are \(Self.headerNames.map(\.0).joined(separator: ", "))")
                    }
                    guard values.isEmpty || values.contains(text) else {
                        throw value.fault("'\(text)' is none of \(values.joined(separator: ", "))")
                    }
                    guard HTTPField.isValidValue(text) else { throw value.fault("a header cannot have this value") }
                    headers.append(HTTPField(name: field, value: text))
                }
            default: throw value.fault("this is no field of http_server_config; there are http2, headers")
            }
        }
    }

    private static func users(_ node: ConfigurationNode) throws(ConfigurationNode.Fault) -> [String: PasswordHash] {
        var users: [String: PasswordHash] = [:]
        for (name, value) in try node.members() {
            // The hash itself is not for the log.
            guard let hash = PasswordHash(try value.text()) else {
                throw value.fault("this is no bcrypt hash; make one with `htpasswd -nBC 10 USER`")
            }
            users[name] = hash
        }
        return users
    }

    private static func rateLimit(_ node: ConfigurationNode) throws(ConfigurationNode.Fault) -> RateLimit? {
        var limit = RateLimit(interval: .zero, burst: 0)
        for (key, value) in try node.members() {
            switch key {
            case "interval":
                let text = try value.text()
                // A bare number is nanoseconds.
                guard let interval = GoDuration(argument: text)?.duration ?? Int64(text).map(Duration.nanoseconds), interval >= .zero else {
                    throw value.fault("a duration such as 1s was expected")
                }
                limit.interval = interval
            case "burst":
                limit.burst = try value.integer()
                guard limit.burst >= 0 else { throw value.fault("a number from 0 on was expected") }
            default: throw value.fault("this is no field of rate_limit; there are interval, burst")
            }
        }
        return limit.interval == .zero ? nil : limit
    }
}

extension ConfigurationNode {
    fileprivate func fault(_ reason: String) -> Fault { Fault(complaint(reason)) }
}

extension Substring {
    fileprivate var isCommentOrBlank: Bool {
        let text = drop(while: \.isWhitespace)
        return text.isEmpty || text.hasPrefix("#") || text == "---"
    }
}
