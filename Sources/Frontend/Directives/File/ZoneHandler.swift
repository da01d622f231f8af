import Names

/// Where a handler finds its zones; the sources of `file` and `auto`. A worker keeps what it has until the version is another.
protocol ZoneProvider: Sendable {
    var currentVersion: Int { get }
    var zones: ZoneSet { get }
    /// Only names in these zones are looked at; empty for all.
    var limits: [DNSName] { get }
    /// Names in these zones go on to the next directive when their zone does not have them.
    var through: [DNSName] { get }
}

/// `file` and `auto` in the chain: answers from zones. One for each thread.
///
/// Aliases are followed inside the zone; where they lead out of it, or to a name that the zone lacks, the rest is a look-up through this
/// server, which may know that name by another block or directive.
final class ZoneHandler: DirectiveHandler {
    private let providers: [any ZoneProvider]
    private var versions: [Int]
    private var zones = ZoneSet([])
    /// Whose each member of `zones` is.
    private var owners: [Int] = []
    private var found = ZoneAnswer()

    init(_ providers: [any ZoneProvider]) {
        self.providers = providers
        versions = providers.map(\.currentVersion)
        super.init()
        combine()
    }

    private func refresh() {
        var isNew = false
        for index in providers.indices {
            let current = providers[index].currentVersion
            if current != versions[index] {
                versions[index] = current
                isNew = true
            }
        }
        if isNew { combine() }
    }

    /// Of zones that two statements have, the later one's counts, as in CoreDNS.
    private func combine() {
        if providers.count == 1 {
            zones = providers[0].zones
            owners = []
            return
        }
        var members: [ZoneSet.Member] = []
        owners = []
        for index in providers.indices.reversed() {
            let own = providers[index].zones.members
            members += own
            owners += own.map { _ in index }
        }
        zones = ZoneSet(members)
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        refresh()
        guard let member = zones.match(exchange.query.name) else { return .next }
        let provider = providers[owners.isEmpty ? 0 : owners[member]]
        guard provider.limits.isEmpty || provider.limits.containZone(of: exchange.query.name) else { return .next }
        guard let zone = zones.members[member].zone else {
            return exchange.fail("the zone \(zones.members[member].origin) has no file yet")
        }
        if exchange.query.type == .axfr || exchange.query.type == .ixfr { return .fail(.refused) }
        look(up: exchange, zone)
        if found.fallsThrough, provider.through.containZone(of: exchange.query.name) { return .next }
        if isOpen { return exchange.look(up: found.finalName, exchange.query.type) }
        guard let outcome = found.outcome, outcome != .serverFailure else {
            return exchange.fail("an alias leads to a name that is too long")
        }
        return write(exchange, bench, zone, outcome, nil)
    }

    private func look(up exchange: Exchange, _ zone: Zone) {
        zone.look(up: exchange.query.name, exchange.query.type, wantsDNSSEC: exchange.query.wantsDNSSEC, into: &found)
        guard let node = found.wildcard else { return }
        var name = DNSName()
        zone.read(nameOf: node, into: &name)
        exchange.wildcard = name
    }

    /// Whether the zone cannot say what its last alias leads to.
    private var isOpen: Bool { found.kind == .leavesZone || found.kind == .nameError && found.names.count > 1 }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        refresh()
        // The zone may be another by now; a chain of changes is not followed.
        guard let zone = zones.match(exchange.query.name).flatMap({ zones.members[$0].zone }) else {
            return exchange.fail("the zone went away while an alias was followed")
        }
        look(up: exchange, zone)
        guard isOpen, found.finalName == exchange.lookup.name else {
            guard !isOpen, let outcome = found.outcome, outcome != .serverFailure else {
                return exchange.fail("an alias changed while it was followed")
            }
            return write(exchange, bench, zone, outcome, nil)
        }
        guard case .message(let message) = reply, message.count >= Query.headerSize else {
            return write(exchange, bench, zone, .brokenAlias, nil)
        }
        let outcome: Outcome =
            switch ResponseCode(rawValue: exchange.replyCode) {
            case .nameError: .nameError
            case .serverFailure: .brokenAlias
            case .noError, .formatError, .notImplemented, .refused, .badVersion, nil: .answered
            }
        return write(exchange, bench, zone, outcome, message)
    }

    /// - Parameter rest: the message whose answers go behind the zone's own.
    private func write(_ exchange: Exchange, _ bench: Workbench, _ zone: Zone, _ outcome: Outcome, _ rest: [UInt8]?) -> Step {
        var outcome = outcome
        bench.response.append(.answer, of: found, from: zone, scratch: &bench.context.scratch.owner, of: exchange.query)
        if let rest {
            do throws(WireError) {
                if try append(rest.span, exchange, bench) { outcome = .truncated }
            } catch {
                return exchange.fail("the answer to an alias's target cannot be read")
            }
        }
        bench.response.append(.authority, of: found, from: zone, scratch: &bench.context.scratch.owner, of: exchange.query)
        bench.response.append(.additional, of: found, from: zone, scratch: &bench.context.scratch.owner, of: exchange.query)
        return .done(outcome)
    }

    /// Copies a message's answer section. Returns whether there was more of it.
    private func append(_ message: Span<UInt8>, _ exchange: Exchange, _ bench: Workbench) throws(WireError) -> Bool {
        var reader = try PacketReader(message)
        while let record = try reader.next(in: message), record.section == .answer {
            try bench.response.copy(record, of: message, to: .answer, scratch: &bench.context.scratch.owner, of: exchange.query)
        }
        return reader.isTruncated
    }
}
