import ProcessRuntime

/// `geoip`: where clients are, by their addresses.
struct GeoipSettings: DirectiveSettings {
    /// A view that chooses by place would take queries that are not its own, or none.
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        let needs = setup.block.all(ViewSettings.self).flatMap(\.conditions).first { $0.text.contains("geoip/") }
        if let needs {
            throw setup.fault(
                "geoip: metadata under geoip/ is not there, but a view asks for it: \(needs.text); choose by 'incidr' instead")
        }
        return []
    }

    static let row = DirectiveRow<GeoipSettings>(
        name: "geoip",
        summary: "Looks clients' addresses up in a database and adds metadata.",
        repetition: .merged,
        arguments: .custom("DATABASE", "A file in MaxMind's form.") { _, line throws(CorefileError) in try line.expectWords(1...1) },
        options: [.accepted("edns-subnet", usage: "")],
        ignoredBecause: "there is no look-up, and metadata under geoip/ is empty")
}
