import Foundation
import Yams

/// A program that hands out credentials (`users[].user.exec`), by the client authentication API v1 or v1beta1.
struct ExecPlugin: Sendable {
    /// The cluster as the program is told about it.
    struct Cluster: Sendable {
        var server: String
        var tlsServerName: String?
        var skipsVerification = false
        var authorities: [UInt8]?
        var proxy: String?
        /// The extension `client.authentication.k8s.io/exec` of the cluster.
        var configuration: ExecClusterExtension?

        init(server: String) { self.server = server }
    }

    var apiVersion: String
    /// An absolute path, or a bare name to be looked up in PATH.
    var command: String
    var arguments: [String]
    var environment: [(name: String, value: String)]
    var installHint: String?
    var providesClusterInfo: Bool
    var cluster: Cluster?
    var place: CredentialPlace
    /// A plugin that hangs is ended after this long.
    var timeout: Duration = .seconds(60)

    init(_ field: KubeconfigField, folder: String) throws(CredentialError) {
        place = field.place
        guard let version = try field.string("apiVersion") else { throw field.error("has no apiVersion") }
        guard ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"].contains(version) else {
            throw field.error(
                "has the apiVersion \(version); client.authentication.k8s.io/v1 and …/v1beta1 are known here")
        }
        apiVersion = version
        guard let command = try field.string("command") else { throw field.error("has no command") }
        self.command = command.contains("/") ? resolve(command, in: folder) : command
        arguments = []
        for argument in try field.list("args") { arguments.append(try argument.string()) }
        environment = []
        for variable in try field.list("env") {
            guard let name = try variable.string("name") else { throw variable.error("has no name") }
            environment.append((name, try variable.string("value") ?? ""))
        }
        installHint = try field.string("installHint")
        providesClusterInfo = try field.flag("provideClusterInfo")
        try Self.checkInteraction(field, version: version)
    }

    /// A server process has no terminal to ask questions on.
    private static func checkInteraction(_ field: KubeconfigField, version: String) throws(CredentialError) {
        guard let mode = try field.field("interactiveMode") else {
            if version.hasSuffix("/v1") {
                throw field.error("has no interactiveMode, which v1 requires; set it to Never or IfAvailable")
            }
            return
        }
        switch try mode.string() {
        case "Never", "IfAvailable": break
        case "Always":
            throw mode.error("is Always, but there is no terminal here; use a plugin that works unattended")
        case let other:
            throw mode.error("is \"\(other)\"; it can be Never, IfAvailable or Always")
        }
    }
}

/// What an exec plugin gave.
struct ExecCredential: Sendable {
    var token: String?
    var certificate: PEMSource?
    var key: PEMSource?
    /// nil: until the server refuses it.
    var expiration: Date?
}

/// JSON text of any shape, kept as text because nobody here looks into it.
struct ExecClusterExtension: Sendable {
    var text: String

    init?(_ node: Yams.Node) {
        guard let value = Self.value(node),
            let data = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys])
        else { return nil }
        text = String(decoding: data, as: UTF8.self)
    }

    private static func value(_ node: Yams.Node) -> Any? {
        switch node {
        case .scalar:
            if node.null != nil { return NSNull() }
            return node.bool ?? node.int ?? node.float ?? node.string
        case .sequence(let sequence):
            return sequence.compactMap(value)
        case .mapping(let mapping):
            var object: [String: Any] = [:]
            for (key, entry) in mapping {
                if let name = key.string { object[name] = value(entry) }
            }
            return object
        case .alias:
            return nil
        }
    }
}

extension ExecPlugin {
    private struct Answer: Decodable {
        struct Status: Decodable {
            var expirationTimestamp: String?
            var token: String?
            var clientCertificateData: String?
            var clientKeyData: String?
        }

        var apiVersion: String?
        var kind: String?
        var status: Status?
    }

    /// Reads what the plugin wrote on its standard output.
    func decode(_ output: [UInt8]) throws(CredentialError) -> ExecCredential {
        let answer: Answer
        do {
            answer = try JSONDecoder().decode(Answer.self, from: Data(output))
        } catch {
            throw place.error("ran \(command), which wrote no ExecCredential in JSON; run it by hand to see what it says")
        }
        guard answer.kind == "ExecCredential", answer.apiVersion == apiVersion else {
            throw place.error(
                "ran \(command), which wrote a \(answer.kind ?? "thing without kind") of "
                    + "\(answer.apiVersion ?? "no apiVersion") instead of an ExecCredential of \(apiVersion)")
        }
        guard let status = answer.status else {
            throw place.error("ran \(command), which wrote an ExecCredential without status")
        }
        func nonEmpty(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }
        var credential = ExecCredential(token: nonEmpty(status.token))
        if let certificate = nonEmpty(status.clientCertificateData), let key = nonEmpty(status.clientKeyData) {
            credential.certificate = source(certificate, "clientCertificateData")
            credential.key = source(key, "clientKeyData")
        } else if nonEmpty(status.clientCertificateData) != nil || nonEmpty(status.clientKeyData) != nil {
            throw place.error("ran \(command), which gave only one of clientCertificateData and clientKeyData")
        }
        guard credential.token != nil || credential.certificate != nil else {
            throw place.error("ran \(command), which gave neither a token nor a client certificate")
        }
        if let text = nonEmpty(status.expirationTimestamp) {
            guard let date = Self.date(text) else {
                throw place.error("ran \(command), which gave the expirationTimestamp \"\(text)\"; RFC 3339 is expected")
            }
            credential.expiration = date
        }
        return credential
    }

    private func source(_ pem: String, _ field: String) -> PEMSource {
        var place = place
        place.field += " (\(command)'s \(field))"
        return PEMSource(content: .bytes(Array(pem.utf8)), place: place)
    }

    private static func date(_ text: String) -> Date? {
        (try? Date(text, strategy: Date.ISO8601FormatStyle()))
            ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }

    /// `KUBERNETES_EXEC_INFO`.
    var execInfo: String {
        var spec: [String: Any] = ["interactive": false]
        if providesClusterInfo, let cluster {
            var object: [String: Any] = ["server": cluster.server]
            object["tls-server-name"] = cluster.tlsServerName
            if cluster.skipsVerification { object["insecure-skip-tls-verify"] = true }
            object["certificate-authority-data"] = cluster.authorities.map { Data($0).base64EncodedString() }
            object["proxy-url"] = cluster.proxy
            if let text = cluster.configuration?.text {
                object["config"] = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
            }
            spec["cluster"] = object
        }
        let whole: [String: Any] = ["apiVersion": apiVersion, "kind": "ExecCredential", "spec": spec]
        let data = try? JSONSerialization.data(withJSONObject: whole, options: [.sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data ?? Data(), as: UTF8.self)
    }
}
