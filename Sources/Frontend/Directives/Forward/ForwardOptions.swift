extension ForwardSettings {
    /// What is about TLS.
    static let tlsOptions: [OptionRow<ForwardSettings>] = [
        .custom(
            "tls", usage: "[CERT KEY] [CA]",
            "Files in PEM for tls:// upstreams: what to show them, and whom to trust instead of the system's authorities."
        ) { settings, line throws(CorefileError) in
            try line.expectWords(0...3)
            let words = line.words
            settings.tlsFiles = TLSFiles(
                identity: words.count < 2 ? nil : TLSFiles.Identity(certificate: words[0], key: words[1]),
                authorities: words.count % 2 == 1 ? words.last : nil)
        },
        .custom("tls_servername", usage: "NAME", "Who tls:// upstreams have to be, by their certificates; default their addresses.") {
            settings, line throws(CorefileError) in
            try line.expectWords(1...1)
            guard let name = TLSServerName(line.words[0].text) else {
                throw line.error("expected a server's name such as dns.example.org, found '\(line.words[0].text)'", at: line.words[0])
            }
            settings.tlsServerName = name
        },
    ]

    /// What versions of CoreDNS after 1.13.1 have besides.
    static let laterOptions: [OptionRow<ForwardSettings>] = [
        .notBuilt("max_connect_attempts", usage: "NUMBER"), .notBuilt("max_idle_conns", usage: "NUMBER"),
        .notBuilt("max_age", usage: "DURATION"), .notBuilt("read_timeout", usage: "DURATION"), .notBuilt("next_on_nodata", usage: ""),
        .notBuilt("source_address", usage: "IP"), .notBuilt("resolver", usage: "IP[:PORT]..."), .notBuilt("doh_method", usage: "GET|POST"),
    ]

    /// A name for all and names of some cannot both hold.
    func checkServerNames(_ line: OptionLine) throws(CorefileError) {
        guard let tlsServerName else { return }
        for case .tls(let address, _, let name?) in targets {
            throw line.error(
                "tls_servername '\(tlsServerName)' and the name behind '%' of upstream \(address) ('\(name)') contradict each other; leave one out"
            )
        }
    }
}
