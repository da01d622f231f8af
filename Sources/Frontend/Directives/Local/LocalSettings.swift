/// `local`: answers for this host, so that such questions go nowhere.
struct LocalSettings: DirectiveSettings {
    /// Whether `localhost.ANYTHING` is this host too: searched for by clients that have search domains.
    var answersPrefix = true

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { settings, setup in LocalHandler(settings, setup) }
    }

    static let row = DirectiveRow<LocalSettings>(
        name: "local",
        summary: "Answers for localhost, and for 0.in-addr.arpa, 127.in-addr.arpa and 255.in-addr.arpa.",
        repetition: .merged,
        options: [
            .custom("localhost_prefix", usage: "on|off", "Whether localhost.ANYTHING is this host too; default on.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                switch line.words[0].text {
                case "on": settings.answersPrefix = true
                case "off": settings.answersPrefix = false
                default: throw line.error("expected 'on' or 'off', found '\(line.words[0].text)'", at: line.words[0])
                }
            }
        ])
}
