import Foundation

extension ClientConfiguration {
    /// What Kubernetes puts into every pod.
    static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The API server and the service account of the pod we run in.
    ///
    /// - Throws: ``CredentialError`` naming the variable or file that is missing.
    public static func inCluster() throws(CredentialError) -> ClientConfiguration {
        try inCluster(environment: ProcessInfo.processInfo.environment, folder: serviceAccountFolder)
    }

    static func inCluster(
        environment: [String: String], folder: String
    ) throws(CredentialError) -> ClientConfiguration {
        func place(_ field: String) -> CredentialPlace {
            CredentialPlace(file: "in-cluster credentials", line: nil, field: field)
        }
        func variable(_ name: String) throws(CredentialError) -> String {
            guard let value = environment[name], !value.isEmpty else {
                throw place(name).error(
                    "is not set; Kubernetes sets it in every pod. Outside of a cluster give a kubeconfig instead")
            }
            return value
        }
        let host = try variable("KUBERNETES_SERVICE_HOST")
        let port = try variable("KUBERNETES_SERVICE_PORT")
        let address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let server = try ServerAddress(
            "https://\(address)", secureByDefault: true,
            place: place("KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT"))

        let tokenPlace = place("token")
        let tokenPath = "\(folder)/token"
        let authorities = PEMSource(content: .file("\(folder)/ca.crt"), place: place("ca.crt"))
        var user = UserCredentials()
        user.token = .file(path: tokenPath, initial: nil, place: tokenPlace)
        // Both files are read now so that a pod without a service account fails at its start.
        _ = try readToken(path: tokenPath, place: tokenPlace)
        _ = try authorities.read()
        return ClientConfiguration(
            server: server, trust: .authorities(authorities), user: user,
            origin: "in-cluster credentials of \(folder)")
    }
}

/// A bearer token from its file.
func readToken(path: String, place: CredentialPlace) throws(CredentialError) -> String {
    let bytes = try readCredentialFile(path, place: place)
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw place.error("names \(path), which is not text; it must hold a bearer token")
    }
    let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !token.isEmpty else {
        throw place.error("names \(path), which is empty; it must hold a bearer token")
    }
    guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
        throw place.error("names \(path), which holds more than one word; it must hold a bearer token alone")
    }
    return token
}
