import ProcessRuntime
import RegularExpressions

/// `auto`: answers from every zone file of a directory.
struct AutoSettings: DirectiveSettings {

    var directory = ""
    /// For names of files, with at least one group.
    var pattern = try? RegularExpression(#"db\.(.*)"#)
    /// The zone's name, `{1}` being the first group.
    var originTemplate = "{1}"
    /// Only names in these zones are answered.
    var zones: [ZoneName] = []
    /// How often the directory and its zone files are looked at for a change; zero for never.
    var reload = Duration.seconds(60)

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        statements.map { settings in
            setup.kept(AutoSource.self) { $0.settings == settings && $0.root == setup.root }
                ?? AutoSource(settings: settings, root: setup.root, logger: setup.logger)
        }
    }

    static let row = DirectiveRow<AutoSettings>(
        name: "auto",
        summary: "Answers from the zone files of a directory.",
        repetition: .many,
        arguments: .custom("[ZONES...]", "ZONES defaults to those of the server block.") { settings, line throws(CorefileError) in
            let zones = try line.zones(line.words)
            settings.zones = zones.isEmpty ? line.zones : zones
        },
        options: [
            .custom(
                "directory", usage: "DIR [REGEXP ORIGIN_TEMPLATE]",
                #"Where the zone files are, which names they have and which zone each is of; default 'db\.(.*)' and '{1}': db.example.org has example.org."#
            ) { settings, line throws(CorefileError) in
                guard line.words.count == 1 || line.words.count == 3 else {
                    throw line.error("expected 1 or 3 words after it, found \(line.words.count); usage: \(line.usage)")
                }
                settings.directory = line.words[0].text
                guard line.words.count == 3 else { return }
                let pattern = try line.pattern(line.words[1])
                guard pattern.groupCount > 0 else {
                    throw line.error("expected a regular expression with a group '(…)', found '\(line.words[1].text)'", at: line.words[1])
                }
                settings.pattern = pattern
                settings.originTemplate = line.words[2].text
            },
            .duration(
                "reload", .zero ... .seconds(31_536_000), \.reload,
                "How often the directory and its files are looked at for a change, 0s for never; default 1m."),
            .ignored(
                "upstream", usage: "[ADDRESS...]", because: "names outside of the zones are looked up through this server itself"),
        ],
        check: { settings, line throws(CorefileError) in
            guard !settings.directory.isEmpty else { throw line.error("expected a line 'directory DIR' in its block") }
        })
}
