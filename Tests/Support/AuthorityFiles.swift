/// An authority of a test's own with its certificates, in a folder: `NAME.crt` and `NAME.key`.
package final class AuthorityFiles: Sendable {
    package let folder: TemporaryFolder
    private let name: String

    /// - Parameter name: the authority's own, and that of its files.
    package init(_ name: String = "authority") async throws {
        folder = try TemporaryFolder()
        self.name = name
        try await openssl(["req", "-x509", "-subj", "/CN=\(name)", "-days", "30", "-out", folder.path("\(name).crt")] + newKey(name))
    }

    package var certificate: String { folder.path("\(name).crt") }

    /// Makes `file`.crt and `file`.key.
    /// - Parameters:
    ///   - names: alternative names as openssl writes them, for example `DNS:dns.example.org,IP:127.0.0.1`.
    ///   - subject: as openssl writes it, for example `/O=team/CN=bob`; without it the file's name.
    ///   - usage: the extended key usage, for example `clientAuth`; without it none is said.
    ///   - days: until it expires; it has expired already when that is negative.
    ///   - issuer: the file of a certificate that was made here before and signs this one; without it the authority does.
    ///   - isAuthority: whether it says that it may sign others.
    ///   - isFirstVersion: without any extension.
    package func issue(
        _ file: String, names: String = "DNS:x", subject: String? = nil, usage: String? = nil, days: Int = 30, issuer: String? = nil,
        isAuthority: Bool = false, isFirstVersion: Bool = false
    ) async throws {
        let extensions =
            "subjectAltName=\(names)\n" + (usage.map { "extendedKeyUsage=\($0)\n" } ?? "")
            + (isAuthority ? "basicConstraints=critical,CA:TRUE,pathlen:0\n" : "")
        try folder.write(Array(extensions.utf8), to: "\(file).ext")
        let (request, signer) = (folder.path("\(file).csr"), issuer ?? name)
        try await openssl(["req", "-subj", subject ?? "/CN=\(file)", "-out", request] + newKey(file))
        try await openssl(
            [
                "x509", "-req", "-in", request, "-CA", folder.path("\(signer).crt"), "-CAkey", folder.path("\(signer).key"),
                "-CAcreateserial", "-days", "\(days)", "-out", folder.path("\(file).crt"),
            ] + (isFirstVersion ? [] : ["-extfile", folder.path("\(file).ext")]))
    }

    /// Makes `file`.crt of several, and `file`.key of the first one's.
    package func join(_ file: String, _ parts: [String]) throws {
        try folder.write(try parts.flatMap { try folder.read("\($0).crt") }, to: "\(file).crt")
        try folder.write(folder.read("\(parts[0]).key"), to: "\(file).key")
    }

    private func newKey(_ file: String) -> [String] {
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder.path("\(file).key")]
    }

    private func openssl(_ arguments: [String]) async throws {
        let process = try RunningProcess("/usr/bin/openssl", arguments, in: folder)
        guard try await process.exitCode(within: .seconds(30)) == 0 else {
            throw DidNotHappen(description: "openssl \(arguments[0]) failed: \(process.output)")
        }
    }
}
