import KubernetesObjects

extension CustomResourceLayout.Section {
    /// Renders objects of one resource by all rules of the section that are about it.
    func renderer(_ resource: Resource, journal: RuleJournal) -> ResourceRenderer {
        let rules = entries.filter { $0.selector.matches(resource) }.flatMap(\.rules).compactMap { rule in
            position(of: rule.name).map { ObjectRules.Row(rule: rule, family: $0) }
        }
        let all = ObjectRules(resource: resource, rows: rules, families: families, journal: journal)
        return ResourceRenderer(resource: resource, families: families) { encoded throws(ObjectDecodingError) in
            try all.record(of: encoded)
        }
    }
}

/// The rules for the objects of one resource.
private struct ObjectRules: Sendable {
    struct Row: Sendable {
        var rule: CustomResourceRule
        var family: Int
    }

    private struct Series {
        /// All labels, in the order of their names, with the closing brace.
        var text: [UInt8]
        var value: Double
        var rank: RuleSample.Rank
    }

    let resource: Resource
    let rows: [Row]
    let families: [FamilyDescription]
    let journal: RuleJournal

    func record(of encoded: EncodedObject) throws(ObjectDecodingError) -> ObjectRecord {
        let view = try JSONView(encoded.bytes)
        guard encoded.encoding == .json, view.kind == .object else {
            throw ObjectDecodingError(.unexpectedValue("a JSON object was expected"), at: 0, resource: resource.plural)
        }
        // Items of a list may have neither.
        let object = ObjectValue(view).adding("apiVersion", resource.apiVersion).adding("kind", resource.kind)
        let identity = CustomResourceIdentity.labels(of: resource)
        var series: [[Series]] = Array(repeating: [], count: families.count)
        for row in rows { add(row, of: object, identity, to: &series[row.family]) }
        var samples: [UInt8] = []
        var lengths: [Int] = []
        for family in series {
            let start = samples.count
            for one in family { samples.append(sample: one.text, value: one.value) }
            lengths.append(samples.count - start)
        }
        // Rules may override every label, and labels stand in order: none is certain to be in every sample.
        return ObjectRecord(identity: [UInt8(ascii: "{")], samples: samples, lengths: lengths)
    }

    private func add(_ row: Row, of object: ObjectValue, _ identity: [String: String], to series: inout [Series]) {
        let base = row.rule.baseLabels(of: object, identity: identity)
        var places = Dictionary(series.enumerated().map { ($1.text, $0) }, uniquingKeysWith: { first, _ in first })
        func report(_ reason: String) { journal.failed(row.rule, resource, object, reason) }
        for sample in row.rule.samples(of: object, report: report) {
            let text = Self.text(base.merging(sample.labels) { _, own in own })
            guard let place = places[text] else {
                places[text] = series.count
                series.append(Series(text: text, value: sample.value, rank: sample.rank))
                continue
            }
            // No series twice: of two values the one that says more counts, else the first.
            if sample.rank > series[place].rank {
                series[place] = Series(text: text, value: sample.value, rank: sample.rank)
            } else if sample.rank == series[place].rank, sample.value != series[place].value, sample.rank != .zero {
                report("it gives several values for one series, of which the first counts; give each a label of its own")
            }
        }
    }

    private static func text(_ labels: [String: String]) -> [UInt8] {
        var text = SampleBuffer(capacity: 256)
        for (name, value) in labels.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            if text.count > 0 { text.append(UInt8(ascii: ",")) }
            text.append(label: name, value: value)
        }
        text.append(UInt8(ascii: "}"))
        return text.bytes
    }
}

// What ``SampleWriter`` writes and ``TextPiece`` reads: each sample behind its length.
extension [UInt8] {
    /// - Parameter labels: with the closing brace.
    fileprivate mutating func append(sample labels: [UInt8], value: Double) {
        var rest = labels
        rest.append(UInt8(ascii: " "))
        rest.append(number: value)
        rest.append(UInt8(ascii: "\n"))
        append(length: rest.count)
        append(contentsOf: rest)
    }
}

extension ArraySlice<UInt8> {
    /// The samples of one family, each with its length.
    var separateSamples: [ArraySlice<UInt8>] {
        var samples: [ArraySlice<UInt8>] = []
        var position = startIndex
        while position < endIndex {
            let start = position
            let length = readLength(at: &position)
            position += length
            samples.append(self[start..<position])
        }
        return samples
    }
}
