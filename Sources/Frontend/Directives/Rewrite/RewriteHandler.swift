import Names
import ProcessRuntime

extension RewriteSettings {
    /// All rules of a block are one step of the chain: each is asked about what those before it have made of the query.
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        let rules = RewriteRules(statements)
        return [setup.kept(RewriteSource.self, where: { $0.rules == rules }) ?? RewriteSource(rules)]
    }
}

/// The `rewrite` directives of a block.
final class RewriteSource: DirectiveSource {
    let rules: RewriteRules

    init(_ rules: RewriteRules) { self.rules = rules }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { RewriteHandler(rules) }
}

/// What `take` has changed of a query, and what is to be done with its answer.
private final class RewrittenQuery {
    private let question: Question
    private let hasEDNS: Bool
    private let advertisedSize: UInt16
    private let options: [UInt8]
    let answer: AnswerRewrite
    /// Whether records are owned by another name than the one asked, so that they cannot point into the question any more.
    var hasOtherName = false
    /// What CNAMEs point to instead, while that is looked up.
    var target: DNSName?

    init(_ exchange: Exchange, _ answer: AnswerRewrite) {
        question = exchange.query.question
        hasEDNS = exchange.query.hasEDNS
        advertisedSize = exchange.query.advertisedSize
        options = exchange.query.options
        self.answer = answer
    }

    /// Makes the query again what it was.
    func restore(_ exchange: Exchange) {
        exchange.query.question = question
        exchange.query.hasEDNS = hasEDNS
        exchange.query.advertisedSize = advertisedSize
        exchange.query.options = options
    }
}

/// `rewrite` in the chain. A query that no rule matches passes without an allocation, unless a rule is about EDNS options.
///
/// The new question goes on in the same server block. An answer is taken apart only where names change; codes, TTLs and the question's type
/// and class are changed where they stand.
final class RewriteHandler: DirectiveHandler {
    private let rules: RewriteRules
    private let givesNames: Bool
    private let changesTargets: Bool
    /// For rules that do not look at who asks.
    private let nobody = RewriteClient(
        address: .v4(0), port: 0, serverAddress: .v4(0), serverPort: 0, transport: "udp", metadata: { _ in nil })

    init(_ rules: RewriteRules) {
        self.rules = rules
        givesNames = rules.rules.contains { if case .name = $0.change { true } else { false } }
        changesTargets = rules.rules.contains { if case .canonicalName = $0.change { true } else { false } }
    }

    override var renames: Bool { givesNames }
    override var changesSizes: Bool { givesNames || changesTargets }

    // MARK: A query

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        if exchange.isRewritten {
            guard let answer = rules.answerRewrite(forLookupOf: exchange.query.name) else { return .next }
            exchange.keep(RewrittenQuery(exchange, answer))
            return .nextAndReview
        }
        var question = question(of: exchange)
        let answer: AnswerRewrite?
        do throws(InvalidRewrite) {
            answer = try rules.apply(to: &question, of: rules.readsOptions ? client(of: exchange) : nobody)
        } catch {
            return exchange.fail("rewrite: rule \(error.rule + 1) of the block makes no domain name of \(exchange.query.original)")
        }
        guard let answer else { return .next }
        let note = RewrittenQuery(exchange, answer)
        note.hasOtherName = question.name != exchange.query.name
        exchange.keep(note)
        if note.hasOtherName { exchange.isRewritten = true }
        change(exchange, to: question, bench)
        return .nextAndReview
    }

    private func question(of exchange: Exchange) -> RewriteQuestion {
        var question = RewriteQuestion(
            name: exchange.query.name, original: exchange.query.original, type: exchange.query.type,
            recordClass: exchange.query.recordClass,
            options: nil)
        if rules.readsOptions, exchange.query.hasEDNS {
            let options = exchange.query.options
            question.options = EDNSOptions(options.span)
        }
        return question
    }

    private func client(of exchange: Exchange) -> RewriteClient {
        let (client, server) = (exchange.client, exchange.local)
        return RewriteClient(
            address: client?.address ?? .v4(0), port: client?.port ?? 0, serverAddress: server?.address ?? .v4(0),
            serverPort: server?.port ?? 0, transport: exchange.isOverStream ? "tcp" : "udp", metadata: { exchange.metadata($0) })
    }

    private func change(_ exchange: Exchange, to question: RewriteQuestion, _ bench: Workbench) {
        if let options = question.options {
            if !exchange.query.hasEDNS {
                exchange.query.hasEDNS = true
                exchange.query.advertisedSize = RewriteRules.addedPayloadSize
            }
            exchange.query.options = options.octets
        }
        exchange.ask(Question(question.original, question.type, question.recordClass), bench)
    }

    override func treatsLookupsOtherwise(_ exchange: Exchange) -> Bool {
        if changesTargets { return true }
        let asked = question(of: exchange)
        var question = asked
        guard let answer = try? rules.apply(to: &question, of: nobody) else { return true }
        return question != asked || answer != rules.answerRewrite(forLookupOf: exchange.query.name)
    }

    override func abandon(_ exchange: Exchange) { exchange.note(RewrittenQuery.self)?.restore(exchange) }

    // MARK: Its answer

    override func review(_ exchange: Exchange, _ bench: Workbench) {
        guard let note = exchange.note(RewrittenQuery.self) else { return }
        let type = exchange.query.type
        note.restore(exchange)
        if changesTargets, let target = otherTarget(note.answer, bench) {
            note.target = target
            exchange.isRewritten = true
            return exchange.lookUpInReview(target, type, bench)
        }
        finish(exchange, bench, note, nil)
    }

    /// A look-up that came to nothing leaves CNAMEs as they are.
    override func resumeReview(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) {
        guard let note = exchange.note(RewrittenQuery.self) else { return }
        if case .message(let message) = reply { finish(exchange, bench, note, message) } else { finish(exchange, bench, note, nil) }
    }

    /// What the first CNAME that a rule is for points to instead.
    private func otherTarget(_ answer: AnswerRewrite, _ bench: Workbench) -> DNSName? {
        var target: DNSName?
        var name = DNSName()
        bench.forEachRecord { record, message in
            guard target == nil, record.section == .answer, record.type == .cname else { return }
            if (try? name.read(message, at: record.data.lowerBound)) != nil { target = answer.canonicalTarget(insteadOf: name) }
        }
        return target
    }

    private func finish(_ exchange: Exchange, _ bench: Workbench, _ note: RewrittenQuery, _ lookup: [UInt8]?) {
        let rewrite = note.answer
        var flags = bench.flags
        let code = rewrite.code(bench.code)
        if note.hasOtherName || rewrite.changesNames || lookup != nil {
            guard var records = bench.records else { return failUnreadable(exchange, bench) }
            records.forEach { Self.change(&$0, rewrite) }
            if let lookup, let target = note.target, let found = try? AnswerRecords(lookup.span) {
                Self.replaceTargets(&records, target, found.answer)
                flags = flags & ~0x0200 | lookup.span.word(at: 2) & 0x0200
            }
            bench.write(records, flags: flags, exchange)
        } else {
            bench.restoreQuestion(of: exchange.query)
            if rewrite.changesRecords {
                bench.forEachRecord { record, _ in
                    bench.set(doubleWord: rewrite.timeToLive(record.ttl), at: Workbench.ttlOffset(of: record))
                }
            }
        }
        bench.code = code
        if !exchange.options.isEmpty {
            let octets = exchange.options
            var options = EDNSOptions(octets.span)
            rewrite.rewriteOptions(&options)
            exchange.options = options.octets
        }
    }

    private func failUnreadable(_ exchange: Exchange, _ bench: Workbench) {
        exchange.failure = "rewrite: an answer that cannot be read cannot be changed"
        bench.write(AnswerRecords(), flags: bench.flags & ~0x060f | 2, exchange)
    }

    private static func change(_ record: inout ResourceRecord, _ rewrite: AnswerRewrite) {
        _ = rewrite.rewriteOwner(&record.owner)
        record.ttl = rewrite.timeToLive(record.ttl)
        guard rewrite.changesValues, RecordNames.hold(record.type) else { return }
        var data: [UInt8] = []
        let isChanged = try? RecordNames.edit(record.data.span, of: record.type, into: &data) { rewrite.rewriteValue(&$0) }
        // Data that has another form than its type's stays.
        if isChanged == true { record.data = data }
    }

    /// Only CNAMEs stay of the answer, and all of them get the new target (so CoreDNS 1.13.1); what that leads to follows.
    private static func replaceTargets(_ records: inout AnswerRecords, _ target: DNSName, _ found: [ResourceRecord]) {
        records.answer.removeAll { $0.type != .cname }
        for index in records.answer.indices { records.answer[index].data = target.wire() }
        records.answer += found
    }
}

extension AnswerRewrite {
    /// Whether names of records, in owners or in data, may become others.
    fileprivate var changesNames: Bool {
        steps.contains {
            switch $0 {
            case .restoreName, .restoreSuffix, .name: true
            case .timeToLive, .code, .canonicalName, .restoreOption, .removeOption: false
            }
        }
    }
}

extension Workbench {
    /// Makes the message's question again the one that came, which has the same name but for the case of its letters.
    fileprivate func restoreQuestion(of query: borrowing Query) {
        let (octets, length) = (query.original.storage.span, query.original.length)
        guard count >= Query.headerSize + length + 4 else { return }
        editMessage { message in
            for index in 0..<length { message[Query.headerSize + index] = octets[index] }
        }
        set(word: query.type.rawValue, at: Query.headerSize + length)
        set(word: query.recordClass, at: Query.headerSize + length + 2)
    }
}
