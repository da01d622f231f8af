/// One thing that a matched rule does to the answer.
enum AnswerStep: Sendable, Equatable {
    /// In owners and in record data: `from` and what is below it. `to` and `from` are in lower case.
    indirect case restoreName(from: DNSName, to: DNSName)
    /// In owners and in record data: every name that ends with `from`.
    case restoreSuffix(from: NameTail, to: NameTail)
    case name(NameRewrite.AnswerName)
    case timeToLive(ClosedRange<UInt32>)
    case code(from: UInt16, to: UInt16)
    case canonicalName(CanonicalNameRewrite)
    case restoreOption(UInt16, [UInt8])
    case removeOption(UInt16)
}

/// What the rules that matched a query do to its answer: in all three sections, but for the OPT record, the last rule's wish first.
///
/// Each function is asked once for each name, TTL or code. What becomes no domain name stays as it was.
struct AnswerRewrite: Sendable, Equatable {
    /// In the order in which the rules matched.
    var steps: [AnswerStep] = []

    /// Whether records have to be looked at.
    var changesRecords: Bool {
        steps.contains {
            switch $0 {
            case .restoreName, .restoreSuffix, .name, .timeToLive, .canonicalName: true
            case .code, .restoreOption, .removeOption: false
            }
        }
    }

    /// Whether record data may have other names afterwards, so that `RecordNames.edit` has to be asked.
    var changesValues: Bool {
        steps.contains {
            switch $0 {
            case .restoreName, .restoreSuffix: true
            case .name(let rule): rule.place == .value
            case .timeToLive, .canonicalName, .code, .restoreOption, .removeOption: false
            }
        }
    }

    /// Changes a record's owner. Returns whether it did.
    func rewriteOwner(_ name: inout DNSName) -> Bool { rewrite(&name, in: .name) }

    /// Changes a name in record data (`RecordNames` says which those are). Returns whether it did.
    func rewriteValue(_ name: inout DNSName) -> Bool { rewrite(&name, in: .value) }

    private func rewrite(_ name: inout DNSName, in place: NameRewrite.AnswerName.Place) -> Bool {
        var isChanged = false
        for step in steps.reversed() {
            let result: NameReplacement.Result
            switch step {
            case .restoreName(let from, let to): result = Self.restored(name, from: from, to: to)
            case .restoreSuffix(let from, let to): result = NameReplacement.suffix(from: from, to: to).apply(to: name)
            case .name(let rule):
                result = rule.place == place ? rule.template.apply(rule.pattern, to: NameText(name).octets) : .unmatched
            case .timeToLive, .code, .canonicalName, .restoreOption, .removeOption: result = .unmatched
            }
            guard case .replaced(let new) = result else { continue }
            isChanged = isChanged || new != name
            name = new
        }
        return isChanged
    }

    private static func restored(_ name: DNSName, from: DNSName, to: DNSName) -> NameReplacement.Result {
        let kept = name.labelCount - from.labelCount
        guard kept >= 0, name.length - name.offset(ofLabel: kept) == from.length else { return .unmatched }
        let octets = name.storage.span
        let wanted = from.storage.span
        let start = name.offset(ofLabel: kept)
        for i in 0..<from.length where lowerCase(octets[start + i]) != wanted[i] { return .unmatched }
        var result = DNSName()
        for label in 0..<kept {
            guard result.append(label: name.label(label)) else { return .invalid }
        }
        return result.append(to) ? .replaced(result) : .invalid
    }

    /// The TTL, in seconds, that a record gets; not for OPT, whose TTL is flags.
    func timeToLive(_ seconds: UInt32) -> UInt32 {
        steps.reversed().reduce(seconds) { seconds, step in
            guard case .timeToLive(let range) = step else { return seconds }
            return min(max(seconds, range.lowerBound), range.upperBound)
        }
    }

    /// The response code that the answer gets, whether or not it has records.
    func code(_ code: UInt16) -> UInt16 {
        steps.reversed().reduce(code) { code, step in
            if case .code(code, let new) = step { new } else { code }
        }
    }

    /// The target that a CNAME of the answer section gets instead of its own; nil when no `cname` rule is for it.
    ///
    /// Asked for each CNAME in order up to the first that gets one. Then that target is looked up with the question's type
    /// (`RewriteRules.answerRewrite(forLookupOf:)`). If the look-up was answered, the answer section is: the CNAMEs that there
    /// were, each with the new target (so CoreDNS 1.13.1; later ones leave those in front alone and drop those behind), and then the
    /// look-up's answer section as it is, with its TC bit. If not, the answer stays as it was.
    func canonicalTarget(insteadOf target: DNSName) -> DNSName? {
        for case .canonicalName(let rule) in steps.reversed() {
            if let new = rule.replacement(for: target) { return new }
        }
        return nil
    }

    /// Puts options of the answer's OPT record back to what the client had sent.
    func rewriteOptions(_ options: inout EDNSOptions) {
        for step in steps.reversed() {
            switch step {
            case .restoreOption(let code, let data): _ = options.replace(code, data)
            case .removeOption(let code): options.removeFirst(code)
            case .restoreName, .restoreSuffix, .name, .timeToLive, .code, .canonicalName: break
            }
        }
    }
}
