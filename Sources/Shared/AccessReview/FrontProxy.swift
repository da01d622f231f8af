/// Whom the API server's aggregation layer is known by, and how it says whose request it passes on: "request header" authentication
/// (kubernetes.io, "Configure the Aggregation Layer").
package struct FrontProxy: Hashable, Sendable {
    /// Common names that its certificate may bear; empty lets in any that its authority signed.
    package var allowedNames: [String]
    /// Headers with the user's name; the first that is there counts.
    package var userHeaders: [String]
    package var groupHeaders: [String]
    package var uidHeaders: [String]
    /// Beginnings of the headers with whatever else is known of the user.
    package var extraPrefixes: [String]

    /// The headers' defaults are those of every extension API server.
    package init(
        allowedNames: [String] = [], userHeaders: [String] = ["x-remote-user"], groupHeaders: [String] = ["x-remote-group"],
        uidHeaders: [String] = [], extraPrefixes: [String] = ["x-remote-extra-"]
    ) {
        self.allowedNames = allowedNames
        self.userHeaders = userHeaders
        self.groupHeaders = groupHeaders
        self.uidHeaders = uidHeaders
        self.extraPrefixes = extraPrefixes
    }

    func allows(commonName: String) -> Bool { allowedNames.isEmpty || allowedNames.contains(commonName) }

    /// Who the headers say it is. To be asked only of requests that came with the front proxy's certificate: anybody can write headers.
    /// - Returns: nil where no header names a user.
    func user(_ headers: [(name: String, value: String)]) -> UserInfo? {
        func values(_ names: [String]) -> [String] {
            names.flatMap { name in headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value) }
        }
        func first(_ names: [String]) -> String {
            for name in names {
                if let value = headers.first(where: { $0.name.lowercased() == name.lowercased() })?.value, !value.isEmpty { return value }
            }
            return ""
        }
        let name = first(userHeaders)
        guard !name.isEmpty else { return nil }
        var extra: [String: [String]] = [:]
        for (header, value) in headers {
            let header = header.lowercased()
            for prefix in extraPrefixes where header.hasPrefix(prefix.lowercased()) && header.count > prefix.count {
                extra[PercentEncoding.decoded(header.dropFirst(prefix.count)), default: []].append(value)
            }
        }
        return UserInfo(name: name, uid: first(uidHeaders), groups: values(groupHeaders), extra: extra)
    }
}
