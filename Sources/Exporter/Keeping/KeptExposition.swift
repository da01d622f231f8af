import DeltaStream

/// What an earlier exporter served, for the time until this one has everything itself.
final class KeptExposition: Sendable {
    /// Shown with what was kept, and nowhere else.
    static let age = FamilyDescription(
        name: "mizzen_exporter_kept_age_seconds", stability: .alpha, type: .gauge, isOptIn: false,
        help: "How old the samples of this resource are, which an earlier exporter kept; absent once what is served is current.")

    private let sections: [(section: ExpositionSection, asOf: Int64)]
    /// What is held of the oldest section is of this moment or newer: nanoseconds since 1970-01-01 UTC.
    let asOf: Int64

    init(_ sections: [KeptFile.Section]) {
        self.sections = sections.map { kept in
            let store = ObjectStore(kept: kept.groups, families: kept.families, lists: kept.lists)
            return (ExpositionSection(resource: kept.resource, families: kept.families, store: store), kept.asOf)
        }
        asOf = sections.map(\.asOf).min() ?? 0
    }

    /// Nanoseconds; 0 where the clock says that it is yet to come.
    func age(at now: Int64) -> Int64 { max(0, now - asOf) }

    /// What a scrape is answered with: the sections of the resources that it asks for, and their age.
    /// - Returns: also the age of the oldest in nanoseconds.
    func selection(at now: Int64, where isWanted: (String) -> Bool) -> (sections: [ExpositionSection], age: Int64) {
        let wanted = sections.filter { isWanted($0.section.resource) }
        let oldest = wanted.map(\.asOf).min() ?? now
        // Several sections may be of one resource: objects and their usage.
        let ages = Dictionary(wanted.map { ($0.section.resource, max(0, now - $0.asOf)) }, uniquingKeysWith: max)
        return (wanted.map(\.section) + [Self.section(ages)], max(0, now - oldest))
    }

    private static func section(_ ages: [String: Int64]) -> ExpositionSection {
        let store = ObjectStore(families: [age], isNamed: false)
        for (resource, age) in ages.sorted(by: { $0.key < $1.key }) {
            var writer = SampleWriter()
            // Whole milliseconds: more would say more than is known.
            writer.sample(Double(age / 1_000_000) / 1000)
            let record = ObjectRecord(
                identity: identityLabels([("resource", resource)]), samples: writer.bytes, lengths: [writer.count])
            let key = ObjectKey(uid: resource)
            store.upsert(ObjectStore.Entry(uid: key, name: key, record: record), bucket: 0)
        }
        return ExpositionSection(resource: "", families: [age], store: store)
    }
}
