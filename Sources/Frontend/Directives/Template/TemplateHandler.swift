/// An answer in the making, while what its CNAMEs point to is looked up.
private final class TemplateAnswer {
    let settings: TemplateSettings
    /// What the template's own texts have made of the answer section; the first `done` are in `records`.
    let made: [ResourceRecord]
    var done = 0
    var records: AnswerRecords
    var lookups = 0
    var isTruncated = false

    init(_ settings: TemplateSettings, _ records: AnswerRecords) {
        self.settings = settings
        made = records.answer
        self.records = records
        self.records.answer = []
    }
}

/// `template` in the chain: asks the block's templates in order; the first that matches answers.
final class TemplateHandler: DirectiveHandler {
    private struct Mistake: Error {
        var message: String
    }

    private let templates: [CompiledTemplate]
    private let counters: TemplateCounters

    init(_ templates: [CompiledTemplate], _ setup: HandlerSetup) {
        self.templates = templates
        counters = TemplateCounters(setup)
    }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        for template in templates {
            switch template.match(exchange) {
            case .no: continue
            case .refused: return .fail(.serverFailure)
            case .yes(let data): return answer(template.settings, data, exchange, bench)
            }
        }
        return .next
    }

    private func answer(_ settings: TemplateSettings, _ data: TemplateData, _ exchange: Exchange, _ bench: Workbench) -> Step {
        counters.countMatch(data)
        if settings.responseCode == 2 { return .fail(.serverFailure) }
        var records = AnswerRecords()
        do throws(Mistake) {
            for text in settings.answers { records.answer.append(try record(text, "answer", data)) }
            for text in settings.additionals { records.additional.append(try record(text, "additional", data)) }
            for text in settings.authorities { records.authority.append(try record(text, "authority", data)) }
        } catch {
            return exchange.fail("template: \(error.message)")
        }
        return goOn(TemplateAnswer(settings, records), exchange, bench)
    }

    private func record(_ text: TextTemplate, _ section: String, _ data: TemplateData) throws(Mistake) -> ResourceRecord {
        var output: [UInt8] = []
        do throws(TextTemplateError) {
            try text.render(data, to: &output)
        } catch {
            counters.countFailure("template_failures", "Texts that could not be made for a query.", text, section, data)
            throw Mistake(message: "\(section) '\(text.text)' cannot be made: \(error)")
        }
        let made = String(decoding: output, as: UTF8.self)
        do throws(RecordTextError) {
            return try ResourceRecord(made)
        } catch {
            counters.countFailure("rr_failures", "Texts that were made for a query and are no records.", text, section, data)
            throw Mistake(message: "\(section) '\(text.text)' makes '\(made.prefix(300))', which is no record: \(error)")
        }
    }

    /// Takes over records up to the next CNAME that has to be followed, and answers behind the last.
    private func goOn(_ answer: TemplateAnswer, _ exchange: Exchange, _ bench: Workbench) -> Step {
        let isForAddresses = exchange.query.type == .a || exchange.query.type == .aaaa
        while answer.done < answer.made.count {
            let record = answer.made[answer.done]
            answer.done += 1
            answer.records.answer.append(record)
            guard isForAddresses, record.type == .cname, answer.lookups < ChainRunner.mostLookups else { continue }
            var target = DNSName()
            guard (try? target.read(record.data.span, at: 0)) != nil else { continue }
            answer.lookups += 1
            exchange.keep(answer)
            return exchange.look(up: target, exchange.query.type)
        }
        bench.write(answer.records, exchange)
        if answer.isTruncated { bench.flags |= 0x0200 }
        bench.code = answer.settings.responseCode
        if let error = answer.settings.extendedError { exchange.options += error.option }
        return .message
    }

    override func resume(_ exchange: Exchange, _ bench: Workbench, _ reply: Reply) -> Step {
        guard let answer = exchange.note(TemplateAnswer.self) else { return .fail(.serverFailure) }
        // A target that cannot be resolved leaves the CNAME, as CoreDNS does.
        if case .message(let message) = reply, let found = try? AnswerRecords(message.span) {
            answer.records.answer += found.answer
            if message.span.word(at: 2) & 0x0200 != 0 { answer.isTruncated = true }
        }
        return goOn(answer, exchange, bench)
    }
}

extension TemplateSettings.ExtendedError {
    /// As an option of an OPT record (RFC 8914 2).
    var option: [UInt8] {
        let text = Array(self.text.utf8)
        let size = text.count + 2
        return [
            0, 15, UInt8(truncatingIfNeeded: size >> 8), UInt8(truncatingIfNeeded: size), UInt8(code >> 8), UInt8(truncatingIfNeeded: code),
        ]
            + text
    }
}

/// What a thread counts of `template`.
private final class TemplateCounters {
    private struct Key: Hashable {
        var name: String
        var labels: [String]
    }

    private let setup: HandlerSetup
    private var known: [Key: ThreadCounter] = [:]

    init(_ setup: HandlerSetup) { self.setup = setup }

    func countMatch(_ data: TemplateData) { count("matches", "Queries that a template matched.", Self.labels(data)) }

    func countFailure(_ name: String, _ help: String, _ text: TextTemplate, _ section: String, _ data: TemplateData) {
        count(name, help, Self.labels(data) + [("section", section), ("template", text.label)])
    }

    private static func labels(_ data: TemplateData) -> [(String, String)] {
        [
            ("server", data.exchange.server.label), ("zone", data.zone), ("view", data.exchange.zone?.view ?? ""),
            ("class", data.recordClass), ("type", data.type),
        ]
    }

    private func count(_ name: String, _ help: String, _ labels: [(String, String)]) {
        let key = Key(name: name, labels: labels.map(\.1))
        if let counter = known[key] { return counter.add() }
        let counter = setup.metrics.counter("coredns_template_\(name)_total", help: help, labels: labels, thread: setup.thread)
        known[key] = counter
        counter.add()
    }
}
