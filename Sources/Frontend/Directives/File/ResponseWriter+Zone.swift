extension ResponseWriter {
    /// Writes one section of a zone's answer.
    mutating func append(
        _ section: PacketReader.Section, of found: borrowing ZoneAnswer, from zone: Zone, scratch: inout DNSName, of query: borrowing Query
    ) {
        switch section {
        case .answer: for item in found.answer { append(item, section, found, zone, &scratch, query) }
        case .authority: for item in found.authority { append(item, section, found, zone, &scratch, query) }
        case .additional: for item in found.additional { append(item, section, found, zone, &scratch, query) }
        }
    }

    private mutating func append(
        _ item: ZoneAnswer.Item, _ section: PacketReader.Section, _ found: borrowing ZoneAnswer, _ zone: Zone, _ scratch: inout DNSName,
        _ query: borrowing Query
    ) {
        switch item {
        case .set(let index, let owner):
            for record in zone.sets[index].records { append(record, of: index, owner, section, found, zone, &scratch, query) }
        case .signatures(let index, let type, let owner):
            let octets = zone.octets
            for record in zone.sets[index].records where octets.span.word(at: zone.records[record].data.lowerBound) == type.rawValue {
                append(record, of: index, owner, section, found, zone, &scratch, query)
            }
        case .alias(let index, let ttl):
            pointing(section, name: found.names[index], .cname, to: found.names[index + 1], ttl: ttl, of: query)
        }
    }

    private mutating func append(
        _ record: Int, of set: Int, _ owner: ZoneAnswer.Owner, _ section: PacketReader.Section, _ found: borrowing ZoneAnswer,
        _ zone: Zone, _ scratch: inout DNSName, _ query: borrowing Query
    ) {
        switch owner {
        case .stored: zone.read(nameOf: zone.sets[set].node, into: &scratch)
        case .name(let index): scratch = found.names[index]
        }
        let stored = zone.records[record]
        let octets = zone.octets
        write(section, name: scratch, zone.sets[set].type, ttl: stored.ttl, data: stored.data, of: octets.span, scratch: &scratch, query)
    }
}
