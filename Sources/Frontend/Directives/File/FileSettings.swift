import ProcessRuntime

/// `file`: answers from a zone file.
struct FileSettings: DirectiveSettings {
    var path = ""
    /// Each is read from the file, relative names below it.
    var zones: [ZoneName] = []
    /// How often the file is looked at for a change; zero for never.
    var reload = Duration.seconds(60)
    var fallsThrough = Fallthrough()

    /// Zones that a reload of the Corefile leaves as they are are not read again.
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        let earlier = setup.kept(FileSource.self) { _ in true }
        var known = earlier?.statements ?? []
        var sources: [ZoneSource] = []
        for settings in statements {
            if let index = known.firstIndex(where: { $0.settings == settings && $0.root == setup.root }) {
                sources.append(known.remove(at: index))
                continue
            }
            do throws(ZoneFileError) {
                sources.append(try ZoneSource(settings: settings, root: setup.root, logger: setup.logger))
            } catch {
                throw setup.fault("file: \(error)")
            }
        }
        if let earlier, earlier.statements.count == sources.count, zip(earlier.statements, sources).allSatisfy({ $0 === $1 }) {
            return [earlier]
        }
        return [FileSource(sources)]
    }

    static let row = DirectiveRow<FileSettings>(
        name: "file",
        summary: "Answers from a zone file (RFC 1035), with $INCLUDE and $GENERATE.",
        repetition: .many,
        arguments: .custom("FILE [ZONES...]", "ZONES defaults to those of the server block.") {
            settings, line throws(CorefileError) in
            guard let file = line.words.first else { throw line.error("expected a zone file; usage: \(line.usage)") }
            settings.path = file.text
            let zones = try line.zones(Array(line.words.dropFirst()))
            settings.zones = zones.isEmpty ? line.zones : zones
        },
        options: [
            .duration(
                "reload", .zero ... .seconds(31_536_000), \.reload,
                "How often the file and what it includes are looked at for a change, 0s for never; default 1m. A changed file counts when its SOA serial differs."
            ),
            .fallsThrough(\.fallsThrough, "Passes queries for names that the zone does not have on instead of denying them."),
            .ignored(
                "upstream", usage: "[ADDRESS...]", because: "names outside of the zone are looked up through this server itself"),
        ])
}
