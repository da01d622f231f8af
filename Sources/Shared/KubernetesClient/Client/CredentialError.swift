/// A credential that cannot be used: which file, which field, what is wrong and what to do.
public struct CredentialError: Error, Hashable, Sendable {
    /// The file, with the line where it is known: `/root/.kube/config:12`; or `in-cluster credentials`.
    public var place: String
    /// The field in the file (`users[name=admin].user.token`), or the name of an environment variable; may be empty.
    public var field: String
    public var message: String

    public init(place: String, field: String, message: String) {
        self.place = place
        self.field = field
        self.message = message
    }
}

extension CredentialError: CustomStringConvertible {
    public var description: String {
        "\(place): \(field.isEmpty ? "" : "\(field) ")\(message)"
    }
}

/// Where a credential was configured, to name it when it turns out to be bad.
struct CredentialPlace: Hashable, Sendable {
    var file: String
    var line: Int?
    var field: String

    func error(_ message: String) -> CredentialError {
        CredentialError(place: line.map { "\(file):\($0)" } ?? file, field: field, message: message)
    }
}
