import Glibc
import MizzenSystem
import Names

/// An upstream of a `forward` as files and interfaces are now.
struct ForwardEndpoint: Hashable, Sendable {
    var address: SocketAddress
    /// Who it has to be where queries go to it over TLS; nil for plain DNS.
    var serverName: TLSServerName?
}

extension ForwardSettings {
    /// The upstreams in the Corefile's order, those of files in the place of their file.
    /// - Throws: for a file that cannot be read or names no server, an interface that is not there, and too many upstreams.
    func endpoints() throws(ForwardSource.ForwardFault) -> [ForwardEndpoint] {
        var endpoints: [ForwardEndpoint] = []
        for target in targets {
            switch target {
            case .address(let address, let port, let interface):
                endpoints.append(try Self.plain(address, port, interface))
            case .tls(let address, let port, let name):
                endpoints.append(
                    ForwardEndpoint(
                        address: SocketAddress(address: address, port: port), serverName: tlsServerName ?? name ?? .address(address)))
            case .resolverFile(let path):
                endpoints += try Self.servers(ofFile: path)
            }
        }
        guard endpoints.count <= Self.maximumUpstreams else {
            throw ForwardSource.ForwardFault(
                message: "forward: expected at most \(Self.maximumUpstreams) upstreams, found \(endpoints.count)")
        }
        return endpoints
    }

    /// What the TLS upstreams among `endpoints` need; nil if there is none and no file to be checked.
    func tlsConfiguration(
        for endpoints: [ForwardEndpoint], relativeTo root: String
    ) throws(ForwardSource.ForwardFault) -> TLSClientConfiguration? {
        guard tlsFiles != TLSFiles() || endpoints.contains(where: { $0.serverName != nil }) else { return nil }
        do {
            return try TLSClientConfiguration(tlsFiles, place: "forward: tls", relativeTo: root)
        } catch {
            throw ForwardSource.ForwardFault(message: error.message)
        }
    }

    private static func plain(
        _ address: IPAddress, _ port: UInt16, _ interface: String?
    ) throws(ForwardSource.ForwardFault) -> ForwardEndpoint {
        var result = SocketAddress(address: address, port: port)
        if let interface {
            guard let scope = scope(ofInterface: interface) else {
                throw ForwardSource.ForwardFault(message: "forward: \(address)%\(interface): this host has no interface '\(interface)'")
            }
            result.scope = scope
        }
        return ForwardEndpoint(address: result)
    }

    /// RFC 4007 section 11.2: an interface's name or number.
    private static func scope(ofInterface text: String) -> UInt32? {
        if let number = UInt32(text), number > 0 { return number }
        // Safe: Swift hands over a NUL-terminated copy.
        let number = unsafe if_nametoindex(text)
        return number > 0 ? number : nil
    }

    /// Bytes of a file that names resolvers.
    private static let fileLimit = 1 << 20

    /// The `nameserver` lines of a file like resolv.conf(5).
    private static func servers(ofFile path: String) throws(ForwardSource.ForwardFault) -> [ForwardEndpoint] {
        let bytes: [UInt8]
        do throws(RegularFile.Fault) {
            bytes = try RegularFile.read(path, limit: fileLimit).bytes
        } catch {
            throw ForwardSource.ForwardFault(message: "forward: cannot read \(path): \(error)")
        }
        var servers: [ForwardEndpoint] = []
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, words[0] == "nameserver", let server = EndpointText(String(words[1])) else { continue }
            // An interface that is gone is the file's business: the other servers may do.
            guard let endpoint = try? plain(server.address, server.port ?? 53, server.suffix) else { continue }
            servers.append(endpoint)
        }
        guard !servers.isEmpty else {
            throw ForwardSource.ForwardFault(message: "forward: \(path) has no 'nameserver' line with an address that can be used")
        }
        return servers
    }
}
