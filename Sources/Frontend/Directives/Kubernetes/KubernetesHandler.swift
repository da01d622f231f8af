import MizzenSystem
import Names
import RecordTable

/// Answers names in the cluster's zones from the record table, by one block's options.
///
/// Immutable and shared by all workers. The usual answers (A, AAAA, SRV, PTR, names that do not exist) allocate nothing; those about
/// name servers and ExternalNames may. Everything an option says is made ready for comparing in `init`.
final class KubernetesHandler: Sendable {
    let settings: KubernetesSettings
    /// In lower case.
    let zones: [DNSName]
    /// The first zone that is not a reverse one: where PTR records point to.
    let primaryZone: DNSName
    let fallsThrough: [DNSName]
    let namespaces: NameSet
    /// This server's addresses that others can reach: they tell which service is the cluster's DNS.
    let localAddresses: [IPAddress]

    let timeToLive: UInt32
    private let needed: ClusterResources

    /// - Parameters:
    ///   - settings: with at least one zone that is no reverse zone, as its row checks.
    ///   - localAddresses: the addresses that the block is bound to, without loopback addresses; those of all interfaces where it
    ///     is bound to none.
    init(settings: KubernetesSettings, localAddresses: [IPAddress]) throws(WireError) {
        self.settings = settings
        var zones: [DNSName] = []
        var primary: DNSName?
        for zone in settings.zones {
            let name = try DNSName(zone.text)
            zones.append(name)
            if primary == nil, !zone.isReverse { primary = name }
        }
        self.zones = zones
        primaryZone = primary ?? DNSName()
        var through: [DNSName] = []
        for zone in settings.fallsThrough.zones { through.append(try DNSName(zone.text)) }
        fallsThrough = through
        namespaces = NameSet(settings.namespaces)
        self.localAddresses = localAddresses
        timeToLive = settings.timeToLive
        needed = settings.needed
    }

    // MARK: Answering

    /// Answers a query, or says who should. Any worker may call it with its own query, response and context.
    func answer(
        _ query: borrowing Query, _ response: inout ResponseWriter, _ context: inout AnswerContext
    ) -> Step {
        guard let zoneLabels = matchZone(query.name) else { return .next }
        if query.type == .axfr || query.type == .ixfr { return .done(.refused) }
        guard let table = context.table else {
            return finish(query, &response, zoneLabels: zoneLabels, context.serial, .notReady)
        }
        let damaged = table.damaged
        let finding = find(query, zoneLabels, table, &response, &context)
        // What a power loss has left of the table until the next writer comes does not prove that a name does not exist.
        let isWhole = table.damaged == damaged
        let isComplete = isWhole && context.synced.isSuperset(of: needed)
        switch finding {
        case .answered: return .done(.answered)
        case .truncated: return .done(.truncated)
        case .lookup: return .lookup
        case .noData:
            return finish(query, &response, zoneLabels: zoneLabels, context.serial, isWhole ? .noData : .notReady)
        case .noDataYet:
            return finish(query, &response, zoneLabels: zoneLabels, context.serial, isComplete ? .noData : .notReady)
        case .nameError:
            // Nor is it passed on before: whoever comes next knows nothing of the cluster and would deny it.
            guard isComplete else {
                return finish(query, &response, zoneLabels: zoneLabels, context.serial, .notReady)
            }
            if passesOn(query.name) {
                response.removeRecords()
                return .next
            }
            return finish(query, &response, zoneLabels: zoneLabels, context.serial, .nameError)
        }
    }

    /// What became of a search, as far as the answer section goes.
    enum Finding {
        /// Records are in the response.
        case answered, truncated
        /// The name exists, and has no records of the type whatever else the table may get.
        case noData
        /// The name exists. It has no records of the type unless they are among what is not listed yet: endpoints, or what an
        /// ExternalName points to.
        case noDataYet
        case nameError
        case lookup
    }

    private func find(
        _ query: borrowing Query, _ zoneLabels: Int, _ table: TableReader, _ response: inout ResponseWriter,
        _ context: inout AnswerContext
    ) -> Finding {
        switch query.type {
        case .soa:
            guard query.name.labelCount == zoneLabels else { return .noData }
            writeSOA(query, &response, .answer, zoneLabels: zoneLabels, context.serial)
            return .answered
        case .ptr:
            if let address = AddressText.readReverse(query.name) {
                return findNames(of: address, query, table, &response, &context.scratch)
            }
            return existence(query, zoneLabels, table, &context)
        case .txt:
            return findText(query, zoneLabels, table, &response, &context)
        case .ns where query.name.labelCount == zoneLabels:
            return findNameServers(query, zoneLabels, table, &response, withAddresses: !context.leavesOutAdditional)
        case .a, .aaaa, .srv, .cname:
            return findRecords(query, zoneLabels, table, &response, &context)
        default:
            return existence(query, zoneLabels, table, &context)
        }
    }

    /// Whether the name exists, for types that it has no records of.
    private func existence(
        _ query: borrowing Query, _ zoneLabels: Int, _ table: TableReader, _ context: inout AnswerContext
    ) -> Finding {
        // The servers' own name has addresses only; CoreDNS does not know it in a PTR query.
        if query.type != .ptr, isServersName(query.name, zoneLabels) { return .noData }
        switch collect(query.name, zoneLabels, table, labels: false, &context.scratch) {
        case .nameError: return .nameError
        case .noData, .noDataYet, .items, .external: return .noData
        }
    }

    /// TXT: the specification's version, and nothing else. Names without any record do not exist for TXT, as in CoreDNS.
    private func findText(
        _ query: borrowing Query, _ zoneLabels: Int, _ table: TableReader, _ response: inout ResponseWriter,
        _ context: inout AnswerContext
    ) -> Finding {
        if query.name.labelCount == zoneLabels + 1, query.name.label(0, equals: "dns-version") {
            response.text("1.1.0", ttl: 28_800, of: query)
            return .answered
        }
        switch collect(query.name, zoneLabels, table, labels: false, &context.scratch) {
        case .external: return .noData
        case .items: return context.scratch.items.isEmpty ? .nameError : .noData
        case .noData where settings.isZonal, .noDataYet where settings.isZonal:
            let request = KubernetesRequest(query.name, zoneLabels: zoneLabels, isZonal: true)
            return request.isZoned ? .noData : .nameError
        case .noData, .noDataYet, .nameError: return .nameError
        }
    }

    /// `ns.dns.ZONE`.
    func isServersName(_ name: DNSName, _ zoneLabels: Int) -> Bool {
        name.labelCount == zoneLabels + 2 && name.label(0, equals: "ns") && name.label(1, equals: "dns")
    }

    // MARK: Zones

    /// How many labels the longest zone has that the name is in; nil if it is in none.
    private func matchZone(_ name: DNSName) -> Int? {
        let zones = zones
        guard let index = zones.longestZone(of: name) else { return nil }
        return zones.span[index].labelCount
    }

    private func passesOn(_ name: DNSName) -> Bool { fallsThrough.containZone(of: name) }

    // MARK: Start of authority

    private func finish(
        _ query: borrowing Query, _ response: inout ResponseWriter, zoneLabels: Int, _ serial: UInt32, _ outcome: Outcome
    ) -> Step {
        writeSOA(query, &response, .authority, zoneLabels: zoneLabels, serial)
        return .done(outcome)
    }

    /// The numbers are CoreDNS's: refresh 7200, retry 1800, expire 86400; the TTL is at most 300.
    private func writeSOA(
        _ query: borrowing Query, _ response: inout ResponseWriter, _ section: PacketReader.Section, zoneLabels: Int,
        _ serial: UInt32
    ) {
        let apex = query.name.labelCount - zoneLabels
        guard response.open(section, .questionSuffix(label: apex), .soa, ttl: min(timeToLive, 300), of: query) else { return }
        response.append(label: "ns")
        response.append(label: "dns")
        response.appendPointer(toLabel: apex, of: query)
        response.append(label: "hostmaster")
        response.appendPointer(toLabel: apex, of: query)
        response.append(doubleWord: serial)
        response.append(doubleWord: 7200)
        response.append(doubleWord: 1800)
        response.append(doubleWord: 86_400)
        response.append(doubleWord: timeToLive)
        response.close()
    }
}
