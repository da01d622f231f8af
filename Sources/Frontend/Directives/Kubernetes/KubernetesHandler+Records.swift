import MizzenSystem
import Names
import RecordTable

/// Making records of what a name has.
extension KubernetesHandler {
    /// A, AAAA, SRV and CNAME.
    func findRecords(
        _ query: borrowing Query, _ zoneLabels: Int, _ table: TableReader, _ response: inout ResponseWriter,
        _ context: inout AnswerContext
    ) -> Finding {
        if isServersName(query.name, zoneLabels) {
            return findServersAddresses(query, zoneLabels, table, &response)
        }
        switch collect(query.name, zoneLabels, table, labels: query.type == .srv, &context.scratch) {
        case .nameError: return .nameError
        case .noData: return .noData
        case .noDataYet: return .noDataYet
        case .items(let areEndpoints):
            let written =
                query.type == .srv
                ? writeServices(query, zoneLabels, &response, &context.scratch, withAddresses: !context.leavesOutAdditional)
                : forEachAddress(query.type, &context.scratch) { address in
                    response.address(.answer, .question, address, ttl: timeToLive, of: query)
                }
            if written > 0 { return .answered }
            return areEndpoints ? .noDataYet : .noData
        case .external:
            switch query.type {
            case .cname:
                response.pointing(.answer, .question, .cname, to: context.scratch.target, ttl: timeToLive, of: query)
                return .answered
            case .a, .aaaa: return followExternal(query, zoneLabels, table, &response, &context)
            // An SRV record needs a port, and an ExternalName has none.
            default: return .noData
            }
        }
    }

    /// Calls `body` with each different address of the type's kind. Returns how many there were; none for other types.
    func forEachAddress(
        _ type: RecordType, _ scratch: inout AnswerScratch, _ body: (IPAddress) -> Void
    ) -> Int {
        let items = scratch.items
        if items.count > 1 { scratch.duplicates.begin(expecting: items.count) }
        var written = 0
        for index in items.indices {
            let address = items[index].address
            guard address.recordType == type else { continue }
            if items.count > 1 {
                guard scratch.duplicates.isNew(index, hash: address.mixed, equals: { items[$0].address == address })
                else { continue }
            }
            body(address)
            written += 1
        }
        return written
    }

    // MARK: SRV

    /// One SRV record for each different target and port, then, if wanted, the targets' addresses. All share the weight 100, rounded down but at least 1.
    /// Returns how many SRV records there were.
    private func writeServices(
        _ query: borrowing Query, _ zoneLabels: Int, _ response: inout ResponseWriter, _ scratch: inout AnswerScratch,
        withAddresses: Bool
    ) -> Int {
        let items = scratch.items
        let labels = scratch.labels
        // CoreDNS counts every pair of address and port, those of the other address family too.
        // A service can have a port and no address at all: then there are no items.
        let weight = UInt16(max(1, 100 / max(1, items.count)))
        var written = 0
        scratch.duplicates.begin(expecting: items.count)
        for index in items.indices {
            guard let port = items[index].port else { continue }
            let label = labels.span.extracting(items[index].label)
            let isNew = scratch.duplicates.isNew(index, hash: label.hash(mixedWith: UInt64(port))) { other in
                items[other].port == port && labels.span.extracting(items[other].label).equals(label)
            }
            guard isNew, makeTarget(query, zoneLabels, label, &scratch.target) else { continue }
            response.service(target: scratch.target, port: port, priority: 0, weight: weight, ttl: timeToLive, of: query)
            written += 1
        }
        if written > 0, withAddresses { writeTargetAddresses(query, zoneLabels, items, labels, &response, &scratch) }
        return written
    }

    private func writeTargetAddresses(
        _ query: borrowing Query, _ zoneLabels: Int, _ items: [AnswerItem], _ labels: [UInt8],
        _ response: inout ResponseWriter, _ scratch: inout AnswerScratch
    ) {
        scratch.duplicates.begin(expecting: items.count)
        for index in items.indices where items[index].port != nil {
            let address = items[index].address
            let label = labels.span.extracting(items[index].label)
            let isNew = scratch.duplicates.isNew(index, hash: label.hash(mixedWith: address.mixed)) { other in
                items[other].address == address && labels.span.extracting(items[other].label).equals(label)
            }
            guard isNew, makeTarget(query, zoneLabels, label, &scratch.target) else { continue }
            response.address(.additional, name: scratch.target, address, ttl: timeToLive, of: query)
        }
    }

    /// `[LABEL.]SERVICE.NAMESPACE.svc.ZONE`: the service as Kubernetes writes it, the zone with the letters of the question. False when it is too long.
    private func makeTarget(
        _ query: borrowing Query, _ zoneLabels: Int, _ label: Span<UInt8>, _ target: inout DNSName
    ) -> Bool {
        target.removeAll()
        guard label.isEmpty || target.append(dotted: label) else { return false }
        let zone = query.name.labelCount - zoneLabels
        for index in (zone - 3)..<zone {
            guard target.append(label: query.name.label(index)) else { return false }
        }
        return target.append(query.original, fromLabel: zone)
    }

    // MARK: ExternalName

    /// The longest chain of ExternalNames that is followed, as in CoreDNS.
    private static let longestChain = 11

    /// The CNAME in `scratch.target` and what it leads to: names of this zone here, others through `AnswerContext.lookup`.
    ///
    /// A chain that leads nowhere, so far as is known yet, leaves the name without records.
    private func followExternal(
        _ query: borrowing Query, _ zoneLabels: Int, _ table: TableReader, _ response: inout ResponseWriter,
        _ context: inout AnswerContext
    ) -> Finding {
        var zone = DNSName()
        _ = zone.append(query.name, fromLabel: query.name.labelCount - zoneLabels)
        var owner = query.original
        var ownerLower = query.name
        for _ in 0..<Self.longestChain {
            let target = context.scratch.target
            var lower = target
            _ = lower.lowercase()
            if lower.hasSuffix(ownerLower) { break }
            response.pointing(.answer, name: owner, .cname, to: target, ttl: timeToLive, of: query)
            guard lower.hasSuffix(zone) else { return appendLookup(target, query, &response, &context) }
            if isServersName(lower, zoneLabels) { break }
            switch collect(lower, zoneLabels, table, labels: false, &context.scratch) {
            case .items(let areEndpoints):
                let written = forEachAddress(query.type, &context.scratch) { address in
                    response.address(.answer, name: target, address, ttl: timeToLive, of: query)
                }
                if written > 0 { return .answered }
                response.removeRecords()
                return areEndpoints ? .noDataYet : .noData
            case .external:
                owner = target
                ownerLower = lower
                continue
            case .nameError, .noData, .noDataYet: break
            }
            response.removeRecords()
            return .noDataYet
        }
        response.removeRecords()
        return .noData
    }

    private func appendLookup(
        _ target: DNSName, _ query: borrowing Query, _ response: inout ResponseWriter, _ context: inout AnswerContext
    ) -> Finding {
        switch context.lookup.state {
        case .answered(let message) where context.lookup.name == target && context.lookup.type == query.type:
            do throws(WireError) {
                return try append(message.span, query, &response, &context.scratch.owner) ? .truncated : .answered
            } catch {
                break
            }
        case .failed where context.lookup.name == target && context.lookup.type == query.type:
            break
        // Nothing was asked, or the table has changed and now something else has to be.
        case .none, .wanted, .answered, .failed:
            context.lookup = Lookup(state: .wanted, name: target, type: query.type)
            return .lookup
        }
        response.removeRecords()
        return .noData
    }

    /// Copies a message's answer section. Returns whether there was more of it than the message could hold.
    private func append(
        _ message: Span<UInt8>, _ query: borrowing Query, _ response: inout ResponseWriter, _ scratch: inout DNSName
    ) throws(WireError) -> Bool {
        var reader = try PacketReader(message)
        while let record = try reader.next(in: message), record.section == .answer {
            try response.copy(record, of: message, to: .answer, scratch: &scratch, of: query)
        }
        return reader.isTruncated
    }
}

extension DNSName {
    /// Appends text as labels, dots between them (a pod's name may have some). False, with some of them appended, when it is no name.
    mutating func append(dotted text: Span<UInt8>) -> Bool {
        var start = 0
        for i in 0...text.count where i == text.count || text[i] == 0x2E {
            guard append(label: text.extracting(start..<i)) else { return false }
            start = i + 1
        }
        return true
    }
}

extension IPAddress {
    /// Bits for a hash table that mixes them itself.
    var mixed: UInt64 {
        switch self {
        case .v4(let value): UInt64(value)
        case .v6(let high, let low): high &* 31 ^ low
        }
    }
}

extension Span<UInt8> {
    /// FNV-1a of the octets, started from `seed`.
    func hash(mixedWith seed: UInt64) -> UInt64 {
        var value: UInt64 = 14_695_981_039_346_656_037 ^ seed
        for i in 0..<count { value = (value ^ UInt64(self[i])) &* 1_099_511_628_211 }
        return value
    }
}
