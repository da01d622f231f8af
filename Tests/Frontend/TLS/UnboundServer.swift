import TestSupport

/// NLnet Labs' unbound on 127.0.0.1, with plain DNS or DNS over TLS; it knows a zone of its own and asks nobody.
final class UnboundServer: Sendable {
    let port: UInt16
    let process: RunningProcess

    /// - Parameters:
    ///   - certificate: the name under which `authority` issued it.
    ///   - protocols: a line for OpenSSL that narrows them, for example `MaxProtocol = TLSv1.2`.
    ///   - port: to come back where one was before.
    convenience init(_ certificate: String, of authority: AuthorityFiles, protocols: String = "", port: UInt16 = freePort()) async throws {
        let folder = authority.folder
        let lines = """
              tls-port: \(port)
              tls-service-key: "\(folder.path("\(certificate).key"))"
              tls-service-pem: "\(folder.path("\(certificate).crt"))"
            """
        try await self.init(in: folder, lines, protocols: protocols, port: port)
    }

    /// - Parameters:
    ///   - folder: for its files.
    ///   - lines: of its configuration's `server:`.
    init(in folder: TemporaryFolder, _ lines: String = "", protocols: String = "", port: UInt16 = freePort()) async throws {
        self.port = port
        let name = "unbound-\(port)"
        try folder.write(
            Array("openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n\(protocols)\n".utf8),
            to: "\(name).cnf")
        let configuration = """
            server:
              directory: "\(folder.path)"
              chroot: ""
              username: ""
              pidfile: "\(folder.path("\(name).pid"))"
              do-daemonize: no
              use-syslog: no
              incoming-num-tcp: 1000
              interface: 127.0.0.1@\(port)
            \(lines)
              local-zone: "example.org." static
              local-data: "a.example.org. 300 IN A 192.0.2.1"
              local-data: "b.example.org. 300 IN A 192.0.2.2"
            remote-control:
              control-enable: no

            """
        try folder.write(Array(configuration.utf8), to: "\(name).conf")
        process = try RunningProcess(
            "/usr/sbin/unbound", ["-d", "-c", folder.path("\(name).conf")], in: folder,
            environment: ["OPENSSL_CONF": folder.path("\(name).cnf")])
        try await eventually("unbound starts") { [process] in process.output.contains("start of service") || !process.isRunning }
        guard process.isRunning else { throw DidNotHappen(description: "unbound ended: \(process.output)") }
    }
}
