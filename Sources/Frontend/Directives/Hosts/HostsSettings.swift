import Names

/// `hosts`: answers from lines like those of /etc/hosts, in a file and in the Corefile itself.
struct HostsSettings: DirectiveSettings {
    struct Entry: Sendable, Equatable {
        var address: IPAddress
        var names: [ZoneName]
    }

    var path = "/etc/hosts"
    /// Only names in these zones are kept.
    var zones: [ZoneName] = []
    var entries: [Entry] = []
    /// Seconds.
    var timeToLive: UInt32 = 3600
    var answersReverse = true
    /// How often the file is looked at for a change; zero for never.
    var reload = Duration.seconds(5)
    var fallsThrough = Fallthrough()

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        statements.map { settings in
            var settings = settings
            settings.path = settings.path.below(root: setup.root)
            return setup.kept(HostsSource.self) { $0.settings == settings } ?? HostsSource(settings: settings, logger: setup.logger)
        }
    }

    static let row = DirectiveRow<HostsSettings>(
        name: "hosts",
        summary: "Answers A, AAAA and PTR from a hosts file and from lines in the Corefile.",
        arguments: .custom("[FILE [ZONES...]]", "FILE defaults to /etc/hosts, ZONES to those of the server block.") {
            settings, line throws(CorefileError) in
            if let file = line.words.first { settings.path = file.text }
            let zones = try line.zones(Array(line.words.dropFirst()))
            settings.zones = zones.isEmpty ? line.zones : zones
        },
        options: [
            .integer("ttl", 1...65535, \.timeToLive, usage: "SECONDS", "The TTL of the answers; default 3600."),
            .flag("no_reverse", \.answersReverse, sets: false, "Makes no PTR records of the entries."),
            .duration(
                "reload", .zero ... .seconds(86_400), \.reload,
                "How often the file is looked at for a change, 0s for never; default 5s."),
            .fallsThrough(
                \.fallsThrough, "Passes queries for names without an entry on instead of answering SERVFAIL."),
        ],
        otherLines: entries)

    /// Lines that are no entries are ignored, as in CoreDNS, unless they look like an option with a typing error.
    private static var entries: OptionRow<HostsSettings> {
        var row = OptionRow<HostsSettings>.custom(
            "ADDRESS", usage: "NAMES...", "An entry in the Corefile itself; entries come before fallthrough."
        ) { settings, line throws(CorefileError) in
            try read(line, into: &settings)
        }
        row.ignoredWhere = { settings, line in
            let name = line.statement.name.text
            guard settings.fallsThrough.zones.isEmpty, Entry(address: name, names: line.words.map(\.text)) == nil,
                nearestName(to: name, among: optionNames) == nil
            else { return nil }
            return "'\(([name] + line.words.map(\.text)).joined(separator: " "))' is neither an option nor an address with names"
        }
        return row
    }

    private static var optionNames: [String] { row.options.map(\.name) }

    private static func read(_ line: OptionLine, into settings: inout HostsSettings) throws(CorefileError) {
        guard settings.fallsThrough.zones.isEmpty else {
            throw line.error("expected entries before 'fallthrough', found '\(line.statement.name.text)' after it")
        }
        guard let entry = Entry(address: line.statement.name.text, names: line.words.map(\.text)) else {
            let options = optionNames
            let suggestion =
                nearestName(to: line.statement.name.text, among: options).map { "; did you mean '\($0)'?" } ?? ""
            throw line.error(
                "expected an option (\(options.joined(separator: ", "))) or an entry 'ADDRESS NAMES...', found '\(line.statement.name.text)'\(suggestion)"
            )
        }
        settings.entries.append(entry)
    }
}

extension HostsSettings.Entry {
    /// One line of a hosts file; an interface after `%` in the address is left out. Nil unless it has an address and
    /// names.
    init?(address text: some StringProtocol, names: [String]) {
        let plain = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)[0]
        guard let address = IPAddress(plain), !names.isEmpty else { return nil }
        let zones = names.compactMap { ZoneName($0) }
        guard zones.count == names.count else { return nil }
        self.init(address: address, names: zones)
    }
}
