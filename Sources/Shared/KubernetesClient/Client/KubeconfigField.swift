import KubernetesObjects
import Foundation
import MizzenSystem
import Yams

/// A value in a kubeconfig, which knows its name and line for error messages.
struct KubeconfigField {
    var node: Yams.Node
    /// `users[name=admin].user.token`; empty for the whole file.
    var path: String
    var file: String

    var place: CredentialPlace { CredentialPlace(file: file, line: node.mark?.line, field: path) }

    func error(_ message: String) -> CredentialError { place.error(message) }

    /// nil where the key is missing, null or, as kubectl writes unset values, an empty string.
    func field(_ key: String) throws(CredentialError) -> KubeconfigField? {
        guard case .mapping(let mapping) = node else {
            throw error("must be a mapping of names to values")
        }
        guard let value = mapping[key] else { return nil }
        if case .scalar(let scalar) = value, scalar.string.isEmpty || value.null != nil { return nil }
        return KubeconfigField(node: value, path: path.isEmpty ? key : "\(path).\(key)", file: file)
    }

    func string(_ key: String) throws(CredentialError) -> String? { try field(key)?.string() }

    func string() throws(CredentialError) -> String {
        guard case .scalar(let scalar) = node else { throw error("must be one text value") }
        return scalar.string
    }

    func flag(_ key: String) throws(CredentialError) -> Bool {
        guard let field = try field(key) else { return false }
        guard let value = field.node.bool else { throw field.error("must be true or false") }
        return value
    }

    func list(_ key: String) throws(CredentialError) -> [KubeconfigField] {
        guard let field = try field(key) else { return [] }
        guard case .sequence(let sequence) = field.node else { throw field.error("must be a list") }
        return sequence.enumerated().map {
            KubeconfigField(node: $1, path: "\(field.path)[\($0)]", file: file)
        }
    }

    /// Base64 text, which may be folded over lines.
    func data(_ key: String) throws(CredentialError) -> (bytes: [UInt8], place: CredentialPlace)? {
        guard let field = try field(key) else { return nil }
        let text = try field.string().filter { !$0.isWhitespace }
        guard let data = Data(base64Encoded: text), !data.isEmpty else {
            throw field.error("is not base64; it must hold the base64 text of a PEM file")
        }
        return ([UInt8](data), field.place)
    }

    /// The entry of the list `key` called `name`, by its `name` field; its path then shows the name instead of a number.
    func entry(_ key: String, named name: String) throws(CredentialError) -> KubeconfigField? {
        for entry in try list(key) where try entry.string("name") == name {
            return KubeconfigField(node: entry.node, path: "\(key)[name=\(name)]", file: file)
        }
        return nil
    }

    /// The names of the list `key`, to be offered in messages.
    func names(_ key: String) throws(CredentialError) -> String {
        var names: [String] = []
        for entry in try list(key) {
            if let name = try entry.string("name") { names.append(name) }
        }
        return names.isEmpty ? "the file has no \(key)" : "the file has \(names.sorted().joined(separator: ", "))"
    }
}

extension KubeconfigField {
    /// Reads a whole file, YAML or JSON.
    static func read(path: String) throws(CredentialError) -> KubeconfigField {
        let place = CredentialPlace(file: path, line: nil, field: "")
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileContents.read(path)
        } catch {
            throw place.error("this is to be the kubeconfig, \(unreadableReason(error))")
        }
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw place.error("the kubeconfig is not UTF-8 text")
        }
        guard !text.allSatisfy(\.isWhitespace) else {
            throw place.error("the kubeconfig is empty; write one with `kubectl config`, or copy it from the cluster")
        }
        // YAML does not take tabs as indentation; JSON does, and has them nowhere else.
        if text.first(where: { !$0.isWhitespace }) == "{" { text.replace("\t", with: " ") }
        let node: Yams.Node?
        do {
            node = try compose(yaml: text)
        } catch {
            throw yamlError(error, file: path)
        }
        guard let node, case .mapping = node else {
            throw place.error("the kubeconfig must be a mapping with clusters, users, contexts and current-context")
        }
        return KubeconfigField(node: node, path: "", file: path)
    }

    private static func yamlError(_ error: any Error, file: String) -> CredentialError {
        var line: Int?
        var problem = "\(error)"
        switch error as? YamlError {
        case .scanner(_, let text, let mark, _), .parser(_, let text, let mark, _),
            .composer(_, let text, let mark, _):
            line = mark.line
            problem = text
        case .duplicatedKeysInMapping(let duplicates, let context):
            line = context.mark.line
            problem = "the same key stands twice: \(duplicates.joined(separator: ", "))"
        default: break
        }
        let place = CredentialPlace(file: file, line: line, field: "")
        return place.error("the kubeconfig is neither YAML nor JSON: \(problem)")
    }
}
