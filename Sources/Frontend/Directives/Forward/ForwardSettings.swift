import Names
import ProcessRuntime

/// `forward`: asks other resolvers.
struct ForwardSettings: DirectiveSettings {
    enum Policy: String, CaseIterable, Sendable {
        case random
        case roundRobin = "round_robin"
        case sequential
    }

    struct HealthCheck: Sendable, Equatable {
        var interval = Duration.milliseconds(500)
        var recursionDesired = true
        var domain = ZoneName.root
    }

    static let maximumUpstreams = 15

    /// Names in these zones are forwarded: one, or the several that a CIDR block stands for.
    var from = [ZoneName.root]
    /// Where the upstreams come from, in the Corefile's order.
    var targets: [Target] = []
    var except: [ZoneName] = []
    var policy = Policy.random
    /// Failed health checks until an upstream counts as down; 0 for never.
    var maximumFailures: UInt32 = 2
    var healthCheck = HealthCheck()
    /// How long an idle socket to an upstream is kept.
    var expire = Duration.seconds(10)
    var forceTCP = false
    var preferUDP = false
    /// Queries under way at once in the process; 0 for no limit.
    var maximumConcurrent: UInt32 = 0
    /// Response codes that the next `forward` shall try instead.
    var next: [UInt16] = []
    /// Response codes that the next upstream shall try instead.
    var failover: [UInt16] = []
    var failsFastWithoutHealthyUpstream = false
    var tlsFiles = TLSFiles()
    /// For all TLS upstreams; nil where each has its own, or is known by its address.
    var tlsServerName: TLSServerName?

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        var sources: [any DirectiveSource] = []
        for (index, settings) in statements.enumerated() {
            do {
                let source = try ForwardSource(
                    settings: settings, metrics: setup.metrics.forward, isLast: index == statements.count - 1,
                    root: setup.root)
                sources.append(setup.kept(ForwardSource.self) { $0.doesTheSame(as: source) } ?? source)
            } catch {
                throw setup.fault(error.message)
            }
        }
        return sources
    }

    static let row = DirectiveRow<ForwardSettings>(
        name: "forward",
        summary: "Asks other resolvers, over the transport that the query came by.",
        repetition: .many,
        arguments: .custom(
            "FROM TO...",
            "FROM is a zone or a CIDR block; TO are up to 15 addresses (IP, IP:PORT, dns://IP, tls://IP[%NAME][:PORT]) or files like resolv.conf."
        ) { settings, line throws(CorefileError) in
            try line.expectWords(2...Int.max)
            settings.from = try line.zones([line.words[0]])
            for word in line.words.dropFirst() { settings.targets.append(try target(word, line)) }
            guard settings.targets.count <= maximumUpstreams else {
                throw line.error("expected at most \(maximumUpstreams) upstreams, found \(settings.targets.count)")
            }
        },
        options: [
            .custom("except", usage: "ZONES...", "Names in these zones are not forwarded.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...Int.max)
                settings.except += try line.zones(line.words)
            },
            .choice("policy", \.policy, "How upstreams are chosen; default random."),
            .integer(
                "max_fails", 0...UInt32.max, \.maximumFailures,
                "Failed health checks until an upstream counts as down, 0 for never; default 2."),
            .custom(
                "health_check", usage: "DURATION [no_rec] [domain NAME]",
                "How a failed upstream is probed; default 500ms for '.' with recursion desired."
            ) { settings, line throws(CorefileError) in
                settings.healthCheck = try healthCheck(line)
            },
            .duration(
                "expire", .zero ... .seconds(86_400), \.expire,
                "How long an idle socket to an upstream is kept; default 10s."),
            .flag("force_tcp", \.forceTCP, "Asks over TCP whatever the query came by."),
            .flag(
                "prefer_udp", \.preferUDP,
                "Asks over UDP whatever the query came by, and again over TCP when the answer was cut."),
            .integer(
                "max_concurrent", 0...UInt32.max, \.maximumConcurrent,
                "Queries under way at once, more are refused; 0, the default, for no limit."),
            .custom("next", usage: "RCODES...", "Response codes for which the next forward of the block is asked.") {
                settings, line throws(CorefileError) in
                settings.next += try responseCodes(line)
            },
            .custom("failover", usage: "RCODES...", "Response codes for which the next upstream is asked.") {
                settings, line throws(CorefileError) in
                let codes = try responseCodes(line)
                if codes.contains(0) { throw line.error("expected response codes other than NOERROR") }
                settings.failover += codes
            },
            .flag(
                "failfast_all_unhealthy_upstreams", \.failsFastWithoutHealthyUpstream,
                "Answers SERVFAIL at once when every upstream is down, instead of trying one."),
        ] + tlsOptions + laterOptions,
        check: { settings, line throws(CorefileError) in try settings.checkServerNames(line) })

    private static func healthCheck(_ line: OptionLine) throws(CorefileError) -> HealthCheck {
        try line.expectWords(1...4)
        var result = HealthCheck(interval: try line.duration(line.words[0], .milliseconds(1) ... .seconds(3600)))
        var index = 1
        while index < line.words.count {
            let word = line.words[index]
            switch word.text {
            case "no_rec": result.recursionDesired = false
            case "domain":
                index += 1
                guard index < line.words.count, let domain = ZoneName(line.words[index].text) else {
                    throw line.error("expected a domain name after 'domain'", at: word)
                }
                result.domain = domain
            default: throw line.error("expected 'no_rec' or 'domain NAME', found '\(word.text)'", at: word)
            }
            index += 1
        }
        return result
    }

    /// The IANA registry's, with CoreDNS's second name of NOTIMP.
    private static let responseCodeNames: [(String, UInt16)] = [
        ("NOERROR", 0), ("FORMERR", 1), ("SERVFAIL", 2), ("NXDOMAIN", 3), ("NOTIMP", 4), ("NOTIMPL", 4), ("REFUSED", 5), ("YXDOMAIN", 6),
        ("YXRRSET", 7), ("NXRRSET", 8), ("NOTAUTH", 9), ("NOTZONE", 10), ("BADSIG", 16), ("BADVERS", 16), ("BADKEY", 17), ("BADTIME", 18),
        ("BADMODE", 19), ("BADNAME", 20), ("BADALG", 21), ("BADTRUNC", 22), ("BADCOOKIE", 23),
    ]

    private static func responseCodes(_ line: OptionLine) throws(CorefileError) -> [UInt16] {
        try line.expectWords(1...Int.max)
        var codes: [UInt16] = []
        for word in line.words {
            guard let code = responseCodeNames.first(where: { $0.0 == word.text.uppercased() })?.1 else {
                let names = responseCodeNames.map(\.0).joined(separator: ", ")
                throw line.error("expected response codes (\(names)), found '\(word.text)'", at: word)
            }
            codes.append(code)
        }
        return codes
    }
}
