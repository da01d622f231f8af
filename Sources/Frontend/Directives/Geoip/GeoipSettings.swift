/// `geoip`: where clients are, by their addresses.
struct GeoipSettings: DirectiveSettings {
    static let row = DirectiveRow<GeoipSettings>(
        name: "geoip",
        summary: "Looks clients' addresses up in a database and adds metadata.",
        arguments: .custom("DATABASE", "A file in MaxMind's form.") { _, line throws(CorefileError) in try line.expectWords(1...1) },
        options: [.accepted("edns-subnet", usage: "")],
        ignoredBecause: "there is no look-up, and metadata under geoip/ is empty")
}
