import FoundationEssentials
import Names

extension ForwardSettings {
    /// One of a `forward`'s TO.
    enum Target: Sendable, Hashable {
        /// Plain DNS. The interface is that of a link-local IPv6 address, as a name or a number.
        case address(IPAddress, port: UInt16, interface: String? = nil)
        /// DNS over TLS (RFC 7858). The name is whom to expect; without one that is `tls_servername`, else the address.
        case tls(IPAddress, port: UInt16, serverName: TLSServerName? = nil)
        /// A file in the form of resolv.conf, read when the frontend starts or reloads.
        case resolverFile(String)
    }

    private static let forms = "192.0.2.1, 192.0.2.1:53, [2001:db8::1]:53, tls://192.0.2.1 or /etc/resolv.conf"
    private static let otherTransports = ["https", "https3", "grpc", "quic", "unix"]

    static func target(_ word: Token, _ line: OptionLine) throws(CorefileError) -> Target {
        let scheme = word.text.firstRange(of: "://")
        let name = scheme.map { String(word.text[..<$0.lowerBound]) } ?? "dns"
        let rest = scheme.map { String(word.text[$0.upperBound...]) } ?? word.text
        if otherTransports.contains(name) {
            throw line.error(
                "upstreams over '\(name)://' are not supported; give an address for plain DNS such as 192.0.2.1, or for DNS over TLS such as tls://192.0.2.1",
                at: word)
        }
        if name == "tls" { return try tlsTarget(rest, word, line) }
        guard name == "dns" else { throw unknownForm(word, line) }
        guard let endpoint = EndpointText(rest) else {
            if isFile(rest) { return .resolverFile(rest) }
            throw unknownForm(word, line)
        }
        if endpoint.suffix != nil, case .v4 = endpoint.address {
            throw line.error("only an IPv6 address can have an interface after '%', found '\(word.text)'", at: word)
        }
        return .address(endpoint.address, port: endpoint.port ?? 53, interface: endpoint.suffix)
    }

    private static func tlsTarget(_ text: String, _ word: Token, _ line: OptionLine) throws(CorefileError) -> Target {
        guard let endpoint = EndpointText(text) else {
            // CoreDNS reads the file and asks its servers in plain text, which is not what somebody wants who writes this.
            if isFile(text) {
                throw line.error("a file names upstreams for plain DNS; name those over TLS one by one, found '\(word.text)'", at: word)
            }
            throw unknownForm(word, line)
        }
        guard let suffix = endpoint.suffix else { return .tls(endpoint.address, port: endpoint.port ?? 853) }
        guard let serverName = TLSServerName(suffix) else {
            throw line.error("expected a server's name after '%', found '\(word.text)'", at: word)
        }
        return .tls(endpoint.address, port: endpoint.port ?? 853, serverName: serverName)
    }

    private static func unknownForm(_ word: Token, _ line: OptionLine) -> CorefileError {
        line.error("expected an upstream such as \(forms), found '\(word.text)'", at: word)
    }

    /// What looks like a file is one, whether it is there or not; any other word only if it is there.
    private static func isFile(_ text: String) -> Bool {
        text.contains("/") || text.hasSuffix(".conf") || (!text.isEmpty && FileManager.default.fileExists(atPath: text))
    }
}

/// An address as an upstream is written: `IP`, `IP:PORT`, `[IPv6]` or `[IPv6]:PORT`, each with `%SUFFIX` behind the address.
struct EndpointText: Equatable {
    var address: IPAddress
    /// What is between `%` and the port or the bracket.
    var suffix: String?
    /// Nil where none is written.
    var port: UInt16?

    init(address: IPAddress, suffix: String? = nil, port: UInt16? = nil) {
        self.address = address
        self.suffix = suffix
        self.port = port
    }

    init?(_ text: String) {
        var host = text[...]
        var port: Substring?
        if host.hasPrefix("[") {
            guard let bracket = host.lastIndex(of: "]") else { return nil }
            let rest = host[host.index(after: bracket)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
            host = host[..<bracket].dropFirst()
        } else if let colon = host.lastIndex(of: ":"), !host[..<(host.firstIndex(of: "%") ?? colon)].contains(":") {
            // Without brackets, colons are an IPv6 address's own.
            port = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        if let port {
            guard let number = UInt16(port), number > 0, port.first != "+" else { return nil }
            self.port = number
        }
        let percent = host.firstIndex(of: "%")
        guard let address = IPAddress(host[..<(percent ?? host.endIndex)]) else { return nil }
        self.address = address
        if text.hasPrefix("["), case .v4 = address { return nil }
        guard let percent else { return }
        let suffix = host[host.index(after: percent)...]
        guard !suffix.isEmpty, !suffix.contains(":") else { return nil }
        self.suffix = String(suffix)
    }
}
