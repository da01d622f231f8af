import Names
import RegularExpressions

/// One statement of `rewrite`.
struct RewriteRule: Sendable, Equatable {
    enum Change: Sendable, Equatable {
        case type(from: RecordType, to: RecordType)
        case recordClass(from: UInt16, to: UInt16)
        case name(NameRewrite)
        case option(OptionRewrite)
        /// TTLs below the range become its lower bound, those above its upper.
        case timeToLive(NameMatch, ClosedRange<UInt32>)
        case code(NameMatch, from: UInt16, to: UInt16)
        case canonicalName(CanonicalNameRewrite)
    }

    var change: Change
    /// Whether the rules behind this one are asked too once it has matched.
    var continues: Bool
}

/// What `rewrite name` does to the question's name, and to names of the answer.
struct NameRewrite: Sendable, Equatable {
    /// `answer name` or `answer value`.
    struct AnswerName: Sendable, Equatable {
        enum Place: String, Sendable { case name, value }
        var place: Place
        var pattern: RegularExpression
        var template: NameTemplate
    }

    var replacement: NameReplacement
    /// `answer auto`; an exact rule always has it.
    var restoresNames: Bool
    /// In the Corefile's order.
    var answers: [AnswerName] = []
}

/// A question as rules see and change it.
struct RewriteQuestion: Sendable, Equatable {
    /// In lower case: what rules match.
    var name: DNSName
    /// As received; once a rule has changed the name, the new one.
    var original: DNSName
    var type: RecordType
    var recordClass: UInt16
    /// nil for a query without an OPT record. When a rule makes one of nothing, it advertises
    /// `RewriteRules.addedPayloadSize` octets and no DNSSEC.
    var options: EDNSOptions?
}

/// Who asked, for the variables of EDNS options.
struct RewriteClient {
    var address: IPAddress
    var port: UInt16
    var serverAddress: IPAddress
    var serverPort: UInt16
    /// `udp` or `tcp`.
    var transport: String
    /// The value that a directive gives a label; nil for none.
    var metadata: (String) -> String?
}

/// A name rule made something that is no domain name: the query is answered SERVFAIL with the question as received.
struct InvalidRewrite: Error, Equatable {
    /// Of the rules, counted from 0.
    var rule: Int
}

/// The rules of one server block, in the Corefile's order.
///
/// A query passes them once. Names that turn up on the way to its answer (a CNAME's target, the target of a `cname` rule) are no
/// questions of the client: they pass no rule that changes a question, so no rule can chase its own result.
struct RewriteRules: Sendable, Equatable {
    /// What an OPT record advertises that a rule added.
    static let addedPayloadSize: UInt16 = 4096

    let rules: [RewriteRule]
    /// Whether a rule looks at EDNS options: where none does, `RewriteQuestion.options` may be left nil.
    let readsOptions: Bool

    init(_ rules: [RewriteRule]) {
        self.rules = rules
        readsOptions = rules.contains { if case .option = $0.change { true } else { false } }
    }

    init(_ settings: [RewriteSettings]) { self.init(settings.compactMap(\.rule)) }

    /// Passes a query by the rules.
    ///
    /// - Returns: what is to be done with the answer; nil, and `question` as it was, when no rule matched, which allocates nothing
    ///   unless an EDNS rule was asked. The answer's question is always the one received.
    func apply(to question: inout RewriteQuestion, of client: RewriteClient) throws(InvalidRewrite) -> AnswerRewrite? {
        var answer: AnswerRewrite?
        for index in rules.indices {
            let isApplied: Bool
            switch rules[index].change {
            case .type(let from, let to):
                isApplied = question.type == from
                if isApplied { question.type = to }
            case .recordClass(let from, let to):
                isApplied = question.recordClass == from
                if isApplied { question.recordClass = to }
            case .name(let rule):
                isApplied = try apply(rule, index: index, to: &question, answer: &answer)
            case .option(let rule):
                let result = rule.apply(to: &question, of: client)
                isApplied = result.isApplied
                if let step = result.step { answer.add(step) }
            case .timeToLive, .code, .canonicalName:
                isApplied = Self.addAnswerStep(of: rules[index].change, for: question.name, to: &answer)
            }
            guard isApplied else { continue }
            if answer == nil { answer = AnswerRewrite() }
            if !rules[index].continues { break }
        }
        return answer
    }

    /// What is to be done with the answer to a question that the server asks itself, about the target of a `cname` rule: TTLs and
    /// codes may change, names and questions do not.
    ///
    /// - Parameter name: in lower case.
    func answerRewrite(forLookupOf name: DNSName) -> AnswerRewrite? {
        var answer: AnswerRewrite?
        for rule in rules {
            if case .canonicalName = rule.change { continue }
            guard Self.addAnswerStep(of: rule.change, for: name, to: &answer) else { continue }
            if !rule.continues { break }
        }
        return answer
    }

    private func apply(
        _ rule: NameRewrite, index: Int, to question: inout RewriteQuestion, answer: inout AnswerRewrite?
    ) throws(InvalidRewrite) -> Bool {
        let old = question.name
        switch rule.replacement.apply(to: old) {
        case .unmatched: return false
        case .invalid: throw InvalidRewrite(rule: index)
        case .replaced(let new):
            question.name = new
            _ = question.name.lowercase()
            question.original = question.name
        }
        if rule.restoresNames {
            // A suffix is turned back in every name that has it; other kinds only know the name that they made.
            if case .suffix(let from, let to) = rule.replacement {
                answer.add(.restoreSuffix(from: to, to: from))
            } else {
                answer.add(.restoreName(from: question.name, to: old))
            }
        }
        for name in rule.answers { answer.add(.name(name)) }
        return true
    }

    /// The part of the rules that questions do not show. Returns whether the rule matches.
    private static func addAnswerStep(of change: RewriteRule.Change, for name: DNSName, to answer: inout AnswerRewrite?) -> Bool {
        switch change {
        case .timeToLive(let match, let range):
            guard match.matches(name) else { return false }
            answer.add(.timeToLive(range))
        case .code(let match, let from, let to):
            guard match.matches(name) else { return false }
            answer.add(.code(from: from, to: to))
        case .canonicalName(let rule): answer.add(.canonicalName(rule))
        case .type, .recordClass, .name, .option: return false
        }
        return true
    }
}

extension Optional<AnswerRewrite> {
    fileprivate mutating func add(_ step: AnswerStep) {
        if self == nil { self = AnswerRewrite() }
        self?.steps.append(step)
    }
}
