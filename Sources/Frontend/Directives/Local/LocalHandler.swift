import Names

/// `local` in the chain (RFC 6303). Names below localhost do not exist, as with CoreDNS 1.13.
final class LocalHandler: DirectiveHandler {
    /// A week.
    private static let timeToLive: UInt32 = 604_800
    private static let loopbackV4 = IPAddress.v4(0x7F00_0001)
    private static let loopbackV6 = IPAddress.v6(high: 0, low: 1)

    private let settings: LocalSettings
    private let counter: ThreadCounter
    private let localhost: DNSName
    private let mailbox: DNSName
    private let zones: [DNSName]
    /// The one address that has a name.
    private let reverse: DNSName

    init(_ settings: LocalSettings, _ setup: HandlerSetup) {
        self.settings = settings
        counter = setup.metrics.counter(
            "coredns_local_localhost_requests_total", help: "Queries for names that begin with localhost and go on.", labels: [],
            thread: setup.thread)
        func name(_ text: String) -> DNSName { (try? DNSName(text)) ?? DNSName() }
        localhost = name("localhost")
        mailbox = name("root.localhost")
        zones = [localhost, name("0.in-addr.arpa"), name("127.in-addr.arpa"), name("255.in-addr.arpa")]
        reverse = name("1.0.0.127.in-addr.arpa")
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        if isBesideLocalhost(exchange.query.name) {
            counter.add()
            if !writeAddress(exchange, bench) { writeSOA(.authority, label: 0, exchange, bench) }
            return bench.doneWithoutAuthority(exchange, .answered)
        }
        guard let zone = zones.firstZone(of: exchange.query.name) else { return .next }
        return bench.doneWithoutAuthority(exchange, write(zones[zone], exchange, bench))
    }

    /// What a client asks for that puts its search domain behind `localhost`.
    private func isBesideLocalhost(_ name: borrowing DNSName) -> Bool {
        name.labelCount > 1 && settings.answersPrefix ? name.label(0, equals: "localhost") : false
    }

    private func write(_ zone: DNSName, _ exchange: Exchange, _ bench: Workbench) -> Outcome {
        let name = exchange.query.name
        let apex = name.labelCount - zone.labelCount
        if apex == 0 {
            switch exchange.query.type {
            case .a where zone == localhost, .aaaa where zone == localhost: _ = writeAddress(exchange, bench)
            case .soa: writeSOA(.answer, label: 0, exchange, bench)
            case .ns: bench.response.pointing(.answer, .question, .ns, to: localhost, ttl: Self.timeToLive, of: exchange.query)
            default: writeSOA(.authority, label: 0, exchange, bench)
            }
            return .answered
        }
        if name == reverse, exchange.query.type == .ptr {
            bench.response.pointing(.answer, .question, .ptr, to: localhost, ttl: Self.timeToLive, of: exchange.query)
            return .answered
        }
        writeSOA(.authority, label: apex, exchange, bench)
        return name == reverse ? .noData : .nameError
    }

    /// False for types that are no addresses.
    private func writeAddress(_ exchange: Exchange, _ bench: Workbench) -> Bool {
        switch exchange.query.type {
        case .a: bench.response.address(.answer, .question, Self.loopbackV4, ttl: Self.timeToLive, of: exchange.query)
        case .aaaa: bench.response.address(.answer, .question, Self.loopbackV6, ttl: Self.timeToLive, of: exchange.query)
        default: return false
        }
        return true
    }

    private func writeSOA(_ section: PacketReader.Section, label: Int, _ exchange: Exchange, _ bench: Workbench) {
        guard bench.response.open(section, .questionSuffix(label: label), .soa, ttl: Self.timeToLive, of: exchange.query) else { return }
        bench.response.append(localhost, of: exchange.query)
        bench.response.append(mailbox, of: exchange.query)
        for number in [1, 0, 0, 0, Self.timeToLive] { bench.response.append(doubleWord: number) }
        bench.response.close()
    }
}
