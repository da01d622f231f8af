import MizzenSystem
import ProcessRuntime

/// `dnstap`: tells a collector of every query and answer, in the format of dnstap.info.
struct DnstapSettings: DirectiveSettings {
    /// Where the collector listens.
    enum Endpoint: Hashable, Sendable, CustomStringConvertible {
        case local(path: String)
        case tcp(host: String, port: UInt16)
        /// The name is the host's, and whom its certificate has to be for.
        case tls(TLSServerName, port: UInt16)

        /// As the Corefile says it.
        var description: String {
            switch self {
            case .local(let path): "unix://\(path)"
            case .tcp(let host, let port): "tcp://\(Self.bracketed(host)):\(port)"
            case .tls(let name, let port): "tls://\(Self.bracketed(name.description)):\(port)"
            }
        }

        private static func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }
    }

    /// unix(7): 108 bytes with the NUL at the end.
    static let longestPath = 107

    var endpoint = Endpoint.local(path: "")
    /// Whether the DNS messages themselves are sent too.
    var full = false
    /// The kernel's buffer of a TCP connection, in MiB.
    var writeBuffer = 1
    /// How many messages may wait for the collector, in units of 10,000.
    var queue = 1
    /// Nil for the host's name.
    var identity: String?
    /// Nil for this program's name and version.
    var version: String?
    /// What goes along with each message, words in braces replaced; empty for nothing.
    var extra = ""
    var skipsVerification = false

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        var sources: [any DirectiveSource] = []
        for settings in statements {
            if let kept = setup.kept(DnstapSource.self, where: { $0.settings == settings }) {
                sources.append(kept)
                continue
            }
            do throws(TLSFault) {
                let tls = try settings.tlsConfiguration()
                do throws(SystemError) {
                    sources.append(try DnstapSource(settings, tls: tls, metrics: setup.metrics, logger: setup.logger))
                } catch {
                    throw TLSFault(message: "dnstap: \(error)")
                }
            } catch {
                throw setup.fault(error.message)
            }
        }
        return sources
    }

    /// Whom to trust: the system's authorities. Nil where the collector is not reached over TLS.
    private func tlsConfiguration() throws(TLSFault) -> TLSClientConfiguration? {
        guard case .tls = endpoint else { return nil }
        return try TLSClientConfiguration(TLSFiles(), place: "dnstap: tls", protocols: [], verifies: !skipsVerification)
    }

    static let row = DirectiveRow<DnstapSettings>(
        name: "dnstap",
        summary: "Tells a dnstap collector of every query and answer.",
        repetition: .many,
        arguments: .custom(
            "SOCKET|unix:///PATH|tcp://HOST:PORT|tls://HOST:PORT [full] [WRITE_BUFFER] [QUEUE]",
            """
            'full' sends the DNS messages too; WRITE_BUFFER is the buffer of a TCP connection, 1 to 1024 MiB; QUEUE is how many messages may \
            wait, 1 to 4096 times 10000.
            """
        ) { settings, line throws(CorefileError) in
            try line.expectWords(1...4)
            settings.endpoint = try endpoint(line.words[0], line)
            guard line.words.count > 1 else { return }
            settings.full = line.words[1].text == "full"
            // The place of `full` is fixed: where numbers follow, any other word there leaves the messages out.
            guard settings.full || line.words.count > 2 else {
                throw line.error("expected 'full' or nothing, found '\(line.words[1].text)'", at: line.words[1])
            }
            if line.words.count > 2 { settings.writeBuffer = try line.integer(line.words[2], 1...1024) }
            if line.words.count > 3 { settings.queue = try line.integer(line.words[3], 1...4096) }
        },
        options: [
            .custom("identity", usage: "NAME", "The server's name in each message; default the host's.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                settings.identity = line.words[0].text
            },
            .custom("version", usage: "TEXT", "The server's version in each message; default this program's.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                settings.version = line.words[0].text
            },
            .custom("extra", usage: "TEXT", "Text that goes along with each message; words in braces are replaced as in 'log'.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                settings.extra = line.words[0].text
            },
            .flag("skipverify", \.skipsVerification, "Takes any certificate of a tls:// collector."),
        ])

    private static func endpoint(_ word: Token, _ line: OptionLine) throws(CorefileError) -> Endpoint {
        if word.text == "listen" {
            throw line.error(
                "'listen' is a word of CoreDNS 1.14: this version connects to collectors; name the socket of one", at: word)
        }
        if word.text.hasPrefix("tcp://") || word.text.hasPrefix("tls://") {
            // A path behind the port has no meaning.
            let rest = word.text.dropFirst(6)
            let authority = rest.prefix { $0 != "/" }
            guard let (host, port) = hostAndPort(authority) else {
                throw line.error("expected \(word.text.prefix(6))HOST:PORT, found '\(word.text)'", at: word)
            }
            if word.text.hasPrefix("tcp") { return .tcp(host: host, port: port) }
            guard let name = TLSServerName(host) else {
                throw line.error("expected the name or the address of a host, as its certificate says it, found '\(host)'", at: word)
            }
            return .tls(name, port: port)
        }
        let path = word.text.hasPrefix("unix://") ? String(word.text.dropFirst(7)) : word.text
        guard (1...longestPath).contains(path.utf8.count), !path.utf8.contains(0) else {
            throw line.error("expected the path of a socket, of at most \(longestPath) bytes, found '\(word.text)'", at: word)
        }
        return .local(path: path)
    }

    private static func hostAndPort(_ text: Substring) -> (String, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else { return nil }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, isBracketed == host.contains(":"), !host.utf8.contains(0) else { return nil }
        return (String(host), port)
    }
}
