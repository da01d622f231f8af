import Names
import RecordTable

/// `k8s_external` in the chain: answers from the record table, as CoreDNS does. One for each thread.
///
/// Where a load balancer has a name instead of an address, the answer is an alias to it and what that leads to, which is looked up through
/// this server.
final class ExternalServicesHandler: DirectiveHandler {
    /// What look-ups for one query have brought so far; nil for one that failed.
    private final class Answers {
        var known: [(name: DNSName, type: RecordType, message: [UInt8]?)] = []

        func message(_ name: DNSName, _ type: RecordType) -> [UInt8]?? { known.first { $0.name == name && $0.type == type }?.message }
    }

    let kubernetes: KubernetesHandler
    let settings: ExternalServicesSettings
    let zones: [DNSName]
    /// The label of the name servers, in lower case.
    private let apex: [UInt8]
    private let fallsThrough: [DNSName]
    private let needed: ClusterResources
    /// Names that load balancers have, with the ports of their service; room that is used again.
    var hosts: [(name: DNSName, port: UInt16?)] = []

    init(_ source: ExternalServicesSource) {
        kubernetes = source.kubernetes
        settings = source.settings
        zones = settings.zones.compactMap { try? DNSName($0.text) }
        fallsThrough = settings.fallsThrough.zones.compactMap { try? DNSName($0.text) }
        needed = settings.needed
        // One label by its row.
        var label = (try? DNSName(settings.apex)) ?? DNSName()
        _ = label.lowercase()
        apex = label.labelCount == 1 ? label.label(0).bytes : []
    }

    override var tableZones: [DNSName] { zones }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step { answer(exchange, bench, nil) }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        let answers = exchange.note(Answers.self) ?? Answers()
        let message: [UInt8]? = if case .message(let message) = reply { message } else { nil }
        answers.known.append((exchange.lookup.name, exchange.lookup.type, message))
        return answer(exchange, bench, answers)
    }

    private func answer(_ exchange: Exchange, _ bench: Workbench, _ answers: Answers?) -> Step {
        guard let zoneLabels = matchZone(exchange.query.name) else { return .next }
        let step = answer(exchange, bench, zoneLabels, answers)
        if case .done = step { exchange.isFromTable = true }
        return step
    }

    private func matchZone(_ name: DNSName) -> Int? {
        var best: Int?
        for zone in zones where name.hasSuffix(zone) && zone.labelCount >= best ?? 0 { best = zone.labelCount }
        return best
    }

    private func answer(_ exchange: Exchange, _ bench: Workbench, _ zoneLabels: Int, _ answers: Answers?) -> Step {
        if exchange.query.type == .axfr || exchange.query.type == .ixfr { return .done(.refused) }
        let labels = exchange.query.name.labelCount - zoneLabels
        guard let table = bench.context.table else { return finish(exchange, bench, zoneLabels, .notReady) }
        if labels == 0 { return answerApex(exchange, bench, zoneLabels, table) }
        if isServersLabel(exchange.query.name, labels - 1) { return answerServer(exchange, bench, zoneLabels, table) }
        let damaged = table.damaged
        if exchange.query.type == .ptr, let address = AddressText.readReverse(exchange.query.name) {
            if answerReverse(address, exchange, bench, table) { return .done(.answered) }
            return deny(exchange, bench, zoneLabels, table, damaged)
        }
        switch collect(exchange.query.name, labels, table, &bench.context.scratch) {
        case .nameError: return deny(exchange, bench, zoneLabels, table, damaged)
        case .noData: return finish(exchange, bench, zoneLabels, .noData)
        case .items: break
        }
        switch exchange.query.type {
        case .a, .aaaa, .srv:
            for host in hosts {
                for type in exchange.query.type == .srv ? [RecordType.a, .aaaa] : [exchange.query.type] {
                    let answers = answers ?? Answers()
                    guard answers.message(host.name, type) == nil, answers.known.count < ChainRunner.mostLookups else { continue }
                    exchange.keep(answers)
                    return exchange.look(up: host.name, type)
                }
            }
        default: return finish(exchange, bench, zoneLabels, .noData)
        }
        return write(exchange, bench, zoneLabels) { name, type in answers?.message(name, type) ?? nil }
    }

    // MARK: Denials

    private func deny(_ exchange: Exchange, _ bench: Workbench, _ zoneLabels: Int, _ table: TableReader, _ damaged: Int) -> Step {
        guard table.damaged == damaged, bench.context.synced.isSuperset(of: needed) else {
            return finish(exchange, bench, zoneLabels, .notReady)
        }
        if fallsThrough.containZone(of: exchange.query.name) { return .next }
        return finish(exchange, bench, zoneLabels, .nameError)
    }

    func finish(_ exchange: Exchange, _ bench: Workbench, _ zoneLabels: Int, _ outcome: Outcome) -> Step {
        writeSOA(.authority, exchange, bench, zoneLabels)
        return .done(outcome)
    }

    // MARK: The zone itself

    private func answerApex(_ exchange: Exchange, _ bench: Workbench, _ zoneLabels: Int, _ table: TableReader) -> Step {
        switch exchange.query.type {
        case .soa: writeSOA(.answer, exchange, bench, zoneLabels)
        case .ns:
            guard let server = serversName(exchange.query, zoneLabels) else { return exchange.fail("the zone's name is too long") }
            bench.response.pointing(.answer, .question, .ns, to: server, ttl: settings.timeToLive, of: exchange.query)
            for address in serversAddresses(table) {
                bench.response.address(.additional, name: server, address, ttl: settings.timeToLive, of: exchange.query)
            }
        default: return finish(exchange, bench, zoneLabels, .noData)
        }
        return .done(.answered)
    }

    /// Names below the label of the name servers: `ns1` is one, all others do not exist.
    private func answerServer(_ exchange: Exchange, _ bench: Workbench, _ zoneLabels: Int, _ table: TableReader) -> Step {
        switch exchange.query.name.labelCount - zoneLabels {
        case 1: return finish(exchange, bench, zoneLabels, .noData)
        case 2 where exchange.query.name.label(0, equals: "ns1"): break
        default: return finish(exchange, bench, zoneLabels, .nameError)
        }
        var isEmpty = true
        for address in serversAddresses(table) where address.recordType == exchange.query.type {
            bench.response.address(.answer, .question, address, ttl: settings.timeToLive, of: exchange.query)
            isEmpty = false
        }
        return isEmpty ? finish(exchange, bench, zoneLabels, .noData) : .done(.answered)
    }

    private func isServersLabel(_ name: DNSName, _ label: Int) -> Bool {
        let apex = apex
        return name.label(label).equals(apex.span)
    }

    private func serversName(_ query: borrowing Query, _ zoneLabels: Int) -> DNSName? {
        let apex = apex
        var name = DNSName()
        guard name.append(label: "ns1"), name.append(label: apex.span),
            name.append(query.original, fromLabel: query.original.labelCount - zoneLabels)
        else { return nil }
        return name
    }

    /// The external addresses of the services that lead to this server, or where none does, its own addresses. Asked for rarely, so it
    /// allocates.
    private func serversAddresses(_ table: TableReader) -> [IPAddress] {
        var found: [IPAddress] = []
        var isEndpoint = false
        for local in kubernetes.localAddresses where kubernetes.settings.servesEndpoints {
            table.forEachEndpoint(address: local) { slice, endpoint in
                guard slice.isReady(endpoint), kubernetes.isSelected(slice) else { return }
                isEndpoint = true
                var isHeadless = false
                _ = table.withService(namespace: slice.namespace, name: slice.service) { service in
                    isHeadless = settings.servesHeadless && service.kind == .headless
                    if !isHeadless { found += (0..<service.externalIPCount).map { service.externalIP($0) } }
                }
                guard isHeadless else { return }
                for other in 0..<slice.endpointCount where slice.isReady(other) {
                    found += (0..<slice.addressCount(other)).map { slice.address(other, $0) }
                }
            }
        }
        return (isEndpoint ? found : kubernetes.localAddresses).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// The numbers are CoreDNS's: refresh 7200, retry 1800, expire 86400. So is the serial, which stays 0 there until a service changes: nobody
    /// can transfer the zone, so nobody compares it.
    private func writeSOA(_ section: PacketReader.Section, _ exchange: Exchange, _ bench: Workbench, _ zoneLabels: Int) {
        let zone = exchange.query.name.labelCount - zoneLabels
        let (ttl, apex) = (settings.timeToLive, apex)
        guard bench.response.open(section, .questionSuffix(label: zone), .soa, ttl: ttl, of: exchange.query) else { return }
        bench.response.append(label: "ns1")
        bench.response.append(octet: UInt8(truncatingIfNeeded: apex.count))
        bench.response.append(octets: apex.span)
        bench.response.appendPointer(toLabel: zone, of: exchange.query)
        bench.response.append(label: "hostmaster")
        bench.response.append(octet: UInt8(truncatingIfNeeded: apex.count))
        bench.response.append(octets: apex.span)
        bench.response.appendPointer(toLabel: zone, of: exchange.query)
        bench.response.append(doubleWord: 0)
        bench.response.append(doubleWord: 7200)
        bench.response.append(doubleWord: 1800)
        bench.response.append(doubleWord: 86_400)
        bench.response.append(doubleWord: ttl)
        bench.response.close()
    }
}
