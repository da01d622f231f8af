import Names
import ProcessRuntime
import RecordTable

/// What is said of one question, and of the table that it was answered from.
struct ExplanationReport: Encodable {
    struct Table: Encodable {
        struct Resource: Encodable {
            var name: String
            var isSynced: Bool
            /// Seconds since the last change that the table has; nil before the first.
            var unchangedFor: Double?
        }

        var path: String
        /// Why it, or its current state, cannot be read.
        var fault: String?
        /// Seconds since its watcher's last sign of life: how old a record may be; nil where that cannot be told.
        var age: Double?
        var generation: UInt64?
        var resources: [Resource] = []
    }

    var pod: PodResolver?
    /// The names that the pod's resolver tries, all of them; `questions` ends with the first that exists.
    var names: [String]?
    var questions: [Explanation] = []
    var table: Table

    var text: String {
        var lines: [String] = []
        if let pod, let names {
            lines.append(pod.line)
            if names.count > 1 { lines.append("  for: " + names.joined(separator: ", ")) }
        }
        for question in questions { lines += (lines.isEmpty ? [] : [""]) + question.lines }
        if questions.contains(where: { !$0.tableNames.isEmpty }) { lines += ["", table.line] }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ExplanationReport.Table {
    init(_ explanation: QueryExplanation, path: String, at clock: TableClock) {
        self.path = path
        fault = explanation.tableFault?.description
        guard let status = explanation.reader?.status else { return }
        generation = status.generation
        age = status.age(at: clock).map { Double($0 / 1_000_000) / 1000 }
        resources = status.resources.sorted { $0.name < $1.name }.map { resource in
            let isTold = resource.wallTime != 0 && resource.wallTime <= clock.wall
            return Resource(
                name: resource.name, isSynced: resource.isSynced,
                unchangedFor: isTold ? Double((clock.wall - resource.wallTime) / 1_000_000) / 1000 : nil)
        }
    }

    var line: String {
        if let fault { return "record table: \(fault)" }
        let changes = resources.compactMap { resource in resource.unchangedFor.map { "\(resource.name) \($0) s ago" } }
        return "record table \(path): its watcher's last sign of life was \(age.map { "\($0) s ago" } ?? "never"); last changes: "
            + (changes.isEmpty ? "none" : changes.joined(separator: ", "))
    }
}

/// Explains questions one by one; none sees what another has left in a cache.
struct QuestionExplainer {
    let configuration: FrontendConfiguration
    let corefile: String
    let table: String
    let port: UInt16
    /// Answers an upstream's question; nil for none.
    let ask: ((UpstreamRequest) -> Reply)?

    /// - Throws: 64 for what is no domain name, 78 for what the Corefile names and the host lacks.
    func report(_ question: String, _ type: RecordType, from client: IPAddress) throws(ProcessError) -> ExplanationReport {
        let explanation = try explanation()
        return ExplanationReport(
            questions: [explanation.explain(try Self.name(question), type, from: client, port: port, asking: ask)],
            table: .init(explanation, path: table, at: .now()))
    }

    /// - Parameter pod: `NAMESPACE/NAME`.
    /// - Throws: as above; 69 where the table lacks the pod.
    func report(_ question: String, _ type: RecordType, fromPod pod: String) throws(ProcessError) -> ExplanationReport {
        let first = try explanation()
        let (namespace, name) = (Array(pod.prefix { $0 != "/" }.utf8), Array(pod.drop { $0 != "/" }.dropFirst().utf8))
        var found: PodRecord?
        if let reader = first.reader { found = reader.withPod(namespace: namespace.span, name: name.span) { $0.record() } }
        guard let record = found, let client = record.addresses.first else {
            throw ProcessError(
                code: ExitStatus.unavailable,
                message:
                    "the record table has no pod \(pod) with an address (one that has finished has none)\(first.tableFault.map { ": \($0)" } ?? "")",
                place: table)
        }
        let resolver = PodResolver(record, client, zone: first.clusterZone)
        let names = resolver.names(for: question)
        var report = ExplanationReport(pod: resolver, names: names, table: .init(first, path: table, at: .now()))
        for name in names {
            let explained = try explanation().explain(try Self.name(name), type, from: client, port: port, asking: ask)
            report.questions.append(explained)
            // What an upstream says is not known without asking it.
            if explained.isContent || explained.answer == nil { break }
        }
        return report
    }

    private func explanation() throws(ProcessError) -> QueryExplanation {
        try QueryExplanation(configuration, corefile: corefile, table: table)
    }

    private static func name(_ text: String) throws(ProcessError) -> DNSName {
        guard let name = try? DNSName(text.hasSuffix(".") ? text : text + ".") else {
            throw ProcessError(code: ExitStatus.usage, message: "'\(text)' is not a domain name")
        }
        return name
    }
}
