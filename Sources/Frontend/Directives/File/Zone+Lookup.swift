/// RFC 1034 4.3.2 with wildcards (RFC 4592), DNAME (RFC 6672) and a signed zone's records (RFC 4035 3.1). Which records go to which section
/// is as CoreDNS does it.
extension Zone {
    /// Where the walk from the apex to a name ends.
    private enum Place {
        case exact(node: Int)
        /// `*` below the closest encloser.
        case wildcard(node: Int)
        /// Neither: the closest encloser's wildcard would begin at this label of the name.
        case none(encloserLabel: Int)
        case cut(node: Int, set: Int)
        /// A DNAME above the name, at this label of it.
        case redirection(set: Int, label: Int)
    }

    /// Replaces `result` by the answer to a question.
    ///
    /// - Parameters:
    ///   - name: in lower case.
    ///   - wantsDNSSEC: whether signatures and denials of existence go with the records (the DO bit).
    func look(up name: borrowing DNSName, _ type: RecordType, wantsDNSSEC: Bool, into result: inout ZoneAnswer) {
        result.removeAll()
        result.names.append(copy name)
        guard name.hasSuffix(origin) else { return }
        while true {
            let current = result.names.count - 1
            guard result.names[current].hasSuffix(origin) else { return finish(&result, .leavesZone, wantsDNSSEC) }
            let target: Int?
            switch place(of: result.names[current], type) {
            case .exact(let node): target = answer(node, .stored, type, wantsDNSSEC, &result)
            case .wildcard(let node):
                result.wildcard = node
                target = answer(node, .name(current), type, wantsDNSSEC, &result)
            case .none(let label): return deny(encloserLabel: label, wantsDNSSEC, &result)
            case .cut(let node, let set): return delegate(node, set, wantsDNSSEC, &result)
            case .redirection(let set, let label):
                guard redirect(set, label, wantsDNSSEC, &result) else { return finish(&result, .tooLong, wantsDNSSEC) }
                if type == .cname { return finish(&result, .answered, wantsDNSSEC) }
                target = nil
                guard goesOn(&result) else { return finish(&result, .answered, wantsDNSSEC) }
                continue
            }
            guard let target else { return }
            result.names.append(self.name(inData: target, at: 0))
            guard goesOn(&result) else {
                result.names.removeLast()
                return finish(&result, .answered, wantsDNSSEC)
            }
        }
    }

    /// Whether the last alias's target is new, and not one too many.
    private func goesOn(_ result: inout ZoneAnswer) -> Bool {
        let last = result.names.count - 1
        guard last < ZoneAnswer.mostAliases else { return false }
        for index in 0..<last where result.names[index] == result.names[last] { return false }
        return true
    }

    private func place(of name: borrowing DNSName, _ type: RecordType) -> Place {
        var label = name.labelCount - origin.labelCount
        var hash = Self.hash(name, fromLabel: label)
        var node = 0
        while true {
            if label > 0, let redirection = set(node, .dname) { return .redirection(set: redirection, label: label) }
            if node > 0, let servers = set(node, .ns), !(type == .ds && label == 0) { return .cut(node: node, set: servers) }
            if label == 0 { return .exact(node: node) }
            let below = Self.hash(hash, adding: name.range(ofLabel: label - 1), of: name.storage.span)
            guard let child = find(name, fromLabel: label - 1, hash: below) else { break }
            (node, hash, label) = (child, below, label - 1)
        }
        let wildcard = find(name, fromLabel: label, hash: Self.hashOfWildcard(below: hash), wildcard: true)
        return wildcard.map { .wildcard(node: $0) } ?? .none(encloserLabel: label)
    }

    // MARK: Answers

    /// Answers from a node. Returns the record with the alias to follow, or nil when the answer is complete.
    private func answer(
        _ node: Int, _ owner: ZoneAnswer.Owner, _ type: RecordType, _ wantsDNSSEC: Bool, _ result: inout ZoneAnswer
    ) -> Int? {
        if type != .cname, let alias = set(node, .cname) {
            append(alias, owner, wantsDNSSEC, to: &result.answer)
            return sets[alias].records.lowerBound
        }
        let isAlias = result.names.count > 1
        guard let found = set(node, type) else {
            if isAlias {
                finish(&result, .answered, wantsDNSSEC)
            } else {
                // An empty non-terminal owns no NSEC record: the one before it denies its types.
                let denier = nodes[node].sets.isEmpty && wantsDNSSEC ? self.denier(before: result.names[0]) : node
                appendDenial(by: denier, wantsDNSSEC, to: &result.authority)
                result.kind = .noData
                result.fallsThrough = nodes[node].sets.isEmpty && owner == .stored
            }
            return nil
        }
        append(found, owner, wantsDNSSEC, to: &result.answer)
        if isAlias {
            finish(&result, .answered, wantsDNSSEC)
            return nil
        }
        result.kind = .answered
        if node == 0, type == .ns {
            appendGlue(of: found, wantsDNSSEC, to: &result.additional)
            return nil
        }
        appendNameServers(&result, wantsDNSSEC)
        if wantsDNSSEC, case .name(let index) = owner, let denier = self.denier(before: result.names[index]) {
            append(node: denier, .nsec, .stored, true, to: &result.authority)
        }
        appendTargets(of: found, wantsDNSSEC, to: &result.additional)
        return nil
    }

    /// Ends an answer that has aliases.
    private func finish(_ result: inout ZoneAnswer, _ kind: ZoneAnswer.Kind, _ wantsDNSSEC: Bool) {
        result.kind = kind
        appendNameServers(&result, wantsDNSSEC)
    }

    private func deny(encloserLabel label: Int, _ wantsDNSSEC: Bool, _ result: inout ZoneAnswer) {
        guard result.names.count == 1 else { return finish(&result, .nameError, wantsDNSSEC) }
        result.kind = .nameError
        result.fallsThrough = true
        let denier = wantsDNSSEC ? self.denier(before: result.names[0]) : nil
        appendDenial(by: denier, wantsDNSSEC, to: &result.authority)
        guard wantsDNSSEC else { return }
        // And the wildcard that could have answered does not exist.
        var wildcard = DNSName()
        guard wildcard.append(label: "*"), wildcard.append(result.names[0], fromLabel: label) else { return }
        if let other = self.denier(before: wildcard), other != denier { append(node: other, .nsec, .stored, true, to: &result.authority) }
    }

    /// The SOA record and, of a signed zone, a node's NSEC record.
    private func appendDenial(by denier: Int?, _ wantsDNSSEC: Bool, to items: inout [ZoneAnswer.Item]) {
        append(node: 0, .soa, .stored, wantsDNSSEC, to: &items)
        if wantsDNSSEC, let denier { append(node: denier, .nsec, .stored, true, to: &items) }
    }

    private func delegate(_ node: Int, _ servers: Int, _ wantsDNSSEC: Bool, _ result: inout ZoneAnswer) {
        // With aliases before it the answer is authoritative for the name asked (RFC 1034 4.3.2 step 3a, RFC 2308 2.1).
        result.kind = result.answer.isEmpty ? .delegation : .answered
        append(servers, .stored, false, to: &result.authority)
        if wantsDNSSEC { append(node: node, .ds, .stored, true, to: &result.authority) }
        appendGlue(of: servers, wantsDNSSEC, to: &result.additional)
    }

    /// Appends a DNAME, the CNAME that it makes, and that CNAME's target to `names`. False when the target is too long (RFC 6672 2.2).
    private func redirect(_ set: Int, _ label: Int, _ wantsDNSSEC: Bool, _ result: inout ZoneAnswer) -> Bool {
        append(set, .stored, wantsDNSSEC, to: &result.answer)
        let current = result.names.count - 1
        var target = DNSName()
        for index in 0..<label {
            guard target.append(label: result.names[current].label(index)) else { return false }
        }
        let record = sets[set].records.lowerBound
        guard target.append(name(inData: record, at: 0)) else { return false }
        result.names.append(target)
        result.answer.append(.alias(current, ttl: records[record].ttl))
        return true
    }

    // MARK: Sections

    private func append(_ set: Int, _ owner: ZoneAnswer.Owner, _ wantsDNSSEC: Bool, to items: inout [ZoneAnswer.Item]) {
        items.append(.set(set, owner))
        guard wantsDNSSEC, let signatures = self.set(sets[set].node, .rrsig) else { return }
        items.append(.signatures(signatures, sets[set].type, owner))
    }

    private func append(
        node: Int, _ type: RecordType, _ owner: ZoneAnswer.Owner, _ wantsDNSSEC: Bool, to items: inout [ZoneAnswer.Item]
    ) {
        if let set = set(node, type) { append(set, owner, wantsDNSSEC, to: &items) }
    }

    private func appendNameServers(_ result: inout ZoneAnswer, _ wantsDNSSEC: Bool) {
        append(node: 0, .ns, .stored, wantsDNSSEC, to: &result.authority)
    }

    /// Addresses of the name servers that are inside what they serve.
    private func appendGlue(of servers: Int, _ wantsDNSSEC: Bool, to items: inout [ZoneAnswer.Item]) {
        var owner = DNSName()
        read(nameOf: sets[servers].node, into: &owner)
        for record in sets[servers].records {
            let target = name(inData: record, at: 0)
            if target.hasSuffix(owner) { appendAddresses(of: target, wantsDNSSEC, to: &items) }
        }
    }

    /// Addresses of the names that records lead to, as far as they are in the zone.
    private func appendTargets(of set: Int, _ wantsDNSSEC: Bool, to items: inout [ZoneAnswer.Item]) {
        let offset: Int
        switch sets[set].type {
        case .mx, .svcb, .https: offset = 2
        case .srv: offset = 6
        default: return
        }
        for record in sets[set].records {
            let target = name(inData: record, at: offset)
            if target.hasSuffix(origin) { appendAddresses(of: target, wantsDNSSEC, to: &items) }
        }
    }

    private func appendAddresses(of name: borrowing DNSName, _ wantsDNSSEC: Bool, to items: inout [ZoneAnswer.Item]) {
        guard let node = find(name) else { return }
        appendOnce(node, .a, wantsDNSSEC, to: &items)
        appendOnce(node, .aaaa, wantsDNSSEC, to: &items)
    }

    /// Two records may lead to one name.
    private func appendOnce(_ node: Int, _ type: RecordType, _ wantsDNSSEC: Bool, to items: inout [ZoneAnswer.Item]) {
        guard let found = set(node, type), !items.contains(.set(found, .stored)) else { return }
        append(found, .stored, wantsDNSSEC, to: &items)
    }

    /// A name in a record's data, in lower case; the root where there is none.
    private func name(inData record: Int, at offset: Int) -> DNSName {
        var name = DNSName()
        let held = octets
        _ = try? name.read(held.span, at: records[record].data.lowerBound + offset)
        _ = name.lowercase()
        return name
    }
}
