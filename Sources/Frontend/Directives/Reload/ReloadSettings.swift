/// `reload`: follows changes of the Corefile, and of what it imports.
struct ReloadSettings: DirectiveSettings {
    /// How often the files are looked at.
    var interval = Duration.seconds(30)
    /// The interval is changed by chance, by at most half of this, so that many frontends do not reload at once.
    var jitter = Duration.seconds(15)

    static let row = DirectiveRow<ReloadSettings>(
        name: "reload",
        summary: "Follows changes of the Corefile and of the files that it imports; a broken one is logged and changes nothing.",
        repetition: .first,
        arguments: .custom(
            "[INTERVAL [JITTER]]", "How often the files are looked at, at least 2s, and how much that varies; default 30s and 15s."
        ) {
            settings, line throws(CorefileError) in
            try line.expectWords(0...2)
            let day = Duration.seconds(86_400)
            if let word = line.words.first { settings.interval = try line.duration(word, .seconds(2)...day) }
            if line.words.count > 1 {
                let jitter = try line.duration(line.words[1], .zero...day)
                guard jitter == .zero || jitter >= .seconds(1) else {
                    throw line.error("expected a jitter of 0s or at least 1s, found '\(line.words[1].text)'", at: line.words[1])
                }
                settings.jitter = jitter
            }
            settings.jitter = min(settings.jitter, settings.interval / 2)
        })

    /// The interval with its share of chance.
    var drawn: Duration {
        jitter == .zero ? interval : interval + jitter * Double.random(in: -0.5..<0.5)
    }
}
