import Names

/// `cache`: keeps answers for as long as they may be kept.
struct CacheSettings: DirectiveSettings {
    /// One kind of answers: those with records, or denials.
    struct Part: Sendable, Equatable {
        var capacity: Int
        /// Seconds that an answer is kept at most.
        var longest: UInt32
        /// Seconds that it is kept at least.
        var shortest: UInt32 = 5
        /// Names in these zones are not kept.
        var disabled: [ZoneName] = []
    }

    /// Asking again before an answer ends.
    struct Prefetch: Sendable, Equatable {
        /// Queries until an answer counts as popular; 0 for never.
        var amount: UInt32 = 0
        /// A longer time without a query starts the count anew.
        var gap = Duration.seconds(60)
        /// Of the answer's whole time, what is left when it is asked for again.
        var percentage: UInt32 = 10
    }

    /// Answers beyond their end.
    struct Stale: Sendable, Equatable {
        enum Mode: String, CaseIterable, Sendable {
            /// The old answer first, then upstreams are asked.
            case immediate
            /// Upstreams first, the old answer if they have none.
            case verify
        }

        var longest = Duration.seconds(3600)
        var mode = Mode.immediate
        /// How long `verify` waits for upstreams; zero for as long as they may take.
        var patience = Duration.zero
        /// The TTL of such an answer, in seconds.
        var timeToLive: UInt32 = 0
        /// How long after a refresh that failed none is tried again.
        var recheck = Duration.zero
    }

    static let defaultCapacity = 9_984
    /// A smaller capacity is taken for this one, as by CoreDNS: a store of a few entries would keep nothing. `disable` switches one off.
    static let leastCapacity = 1_024

    /// Empty: those of the server block.
    var zones: [ZoneName] = []
    var success = Part(capacity: defaultCapacity, longest: 3600)
    var denial = Part(capacity: defaultCapacity, longest: 1800)
    var prefetch = Prefetch()
    /// Nil for none.
    var stale: Stale?
    /// An answer with records is preferred to a denial as long as it can be served stale.
    var prefersPositive = false
    /// How long a failure is kept.
    var failure = Duration.seconds(5)
    /// Answers are served with the TTL that they came with.
    var keepsTTL = false

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        statements.map { settings in
            setup.kept(CacheSource.self) { $0.settings == settings }
                ?? CacheSource(settings: settings, zones: settings.zones.isEmpty ? setup.block.addresses.map(\.zone) : settings.zones)
        }
    }

    static let row = DirectiveRow<CacheSettings>(
        name: "cache",
        summary: "Keeps answers of upstreams, hosts files and templates; what the record table answers is always current and never kept.",
        arguments: .custom(
            "[TTL] [ZONES...]",
            "TTL is the longest time in seconds, default 3600 and for denials 1800; ZONES default to those of the block."
        ) {
            settings, line throws(CorefileError) in
            var words = line.words
            if let first = words.first, Int(first.text) != nil {
                let ttl = try line.integer(first, UInt32(1)...UInt32(Int32.max))
                settings.success.longest = ttl
                settings.denial.longest = ttl
                words.removeFirst()
            }
            settings.zones = try line.zones(words)
        },
        options: [
            part("success", \.success, "How many answers with records are kept, and for how long."),
            part("denial", \.denial, "How many answers without records are kept, and for how long."),
            .custom(
                "prefetch", usage: "AMOUNT [DURATION [PERCENTAGE%]]",
                "Asks again for an answer that was wanted AMOUNT times without a gap of DURATION (1m) when PERCENTAGE (10%) of its time is left."
            ) { settings, line throws(CorefileError) in try readPrefetch(&settings, line) },
            .custom(
                "serve_stale", usage: "[DURATION] [immediate [TTL [RECHECK]] | verify [PATIENCE [TTL [RECHECK]]]]",
                "Serves answers for DURATION (1h) beyond their end, while upstreams are asked again or after they were asked in vain."
            ) { settings, line throws(CorefileError) in try readStale(&settings, line) },
            .custom("serve_stale_policy", usage: "prefer_positive", "Prefers an answer with records, stale or not, to a denial.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                guard line.words[0].text.lowercased() == "prefer_positive" else {
                    throw line.error("expected 'prefer_positive', found '\(line.words[0].text)'", at: line.words[0])
                }
                settings.prefersPositive = true
            },
            .duration("servfail", .zero ... .seconds(300), \.failure, "How long a failure is kept, 0s for not at all; default 5s."),
            .custom("disable", usage: "success|denial [ZONES...]", "Keeps no such answers, of names in these zones or of any.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...Int.max)
                let zones = try line.zones(Array(line.words.dropFirst()))
                switch line.words[0].text {
                case "success": settings.success.disabled = zones.isEmpty ? [.root] : zones
                case "denial": settings.denial.disabled = zones.isEmpty ? [.root] : zones
                default: throw line.error("expected 'success' or 'denial', found '\(line.words[0].text)'", at: line.words[0])
                }
            },
            .flag("keepttl", \.keepsTTL, "Serves answers with the TTL that they came with, instead of what is left of it."),
        ],
        check: { settings, line throws(CorefileError) in
            if settings.prefersPositive, settings.stale == nil {
                throw line.error("'serve_stale_policy' needs 'serve_stale'; add it, or remove the line")
            }
        })

    private static func part(
        _ name: String, _ path: any WritableKeyPath<CacheSettings, Part> & Sendable, _ summary: String
    ) -> OptionRow<CacheSettings> {
        .custom(name, usage: "CAPACITY [TTL [MINTTL]]", "\(summary) CAPACITY is at least \(leastCapacity).") {
            settings, line throws(CorefileError) in
            try line.expectWords(1...3)
            let longest = UInt32(Int32.max)
            settings[keyPath: path].capacity = max(try line.integer(line.words[0], 0...10_000_000), leastCapacity)
            if line.words.count > 1 { settings[keyPath: path].longest = try line.integer(line.words[1], 1...longest) }
            if line.words.count > 2 { settings[keyPath: path].shortest = try line.integer(line.words[2], 0...longest) }
        }
    }

    private static func readPrefetch(_ settings: inout CacheSettings, _ line: OptionLine) throws(CorefileError) {
        try line.expectWords(1...3)
        settings.prefetch.amount = try line.integer(line.words[0], 0...UInt32(Int32.max))
        if line.words.count > 1 { settings.prefetch.gap = try line.duration(line.words[1], .zero ... .seconds(31_536_000)) }
        guard line.words.count > 2 else { return }
        let word = line.words[2]
        guard word.text.hasSuffix("%"), let number = UInt32(word.text.dropLast()), (10...90).contains(number) else {
            throw line.error("expected a percentage from 10% to 90%, found '\(word.text)'", at: word)
        }
        settings.prefetch.percentage = number
    }

    private static func readStale(_ settings: inout CacheSettings, _ line: OptionLine) throws(CorefileError) {
        try line.expectWords(0...5)
        let day = Duration.seconds(86_400)
        var stale = Stale()
        var words = line.words[...]
        if let word = words.popFirst() { stale.longest = try line.duration(word, .zero ... .seconds(31_536_000)) }
        if let word = words.popFirst() {
            guard let mode = Stale.Mode(rawValue: word.text.lowercased()) else {
                throw line.error("expected 'immediate' or 'verify', found '\(word.text)'", at: word)
            }
            stale.mode = mode
        }
        if stale.mode == .verify, let word = words.popFirst() { stale.patience = try line.duration(word, .zero...day) }
        if let word = words.popFirst() {
            let ttl = try line.duration(word, .zero ... .seconds(Int64(Int32.max)))
            guard ttl.components.attoseconds == 0 else { throw line.error("expected whole seconds, found '\(word.text)'", at: word) }
            stale.timeToLive = UInt32(ttl.components.seconds)
        }
        if let word = words.popFirst() { stale.recheck = try line.duration(word, .zero...day) }
        if let word = words.first { throw line.error("expected nothing more, found '\(word.text)'", at: word) }
        settings.stale = stale
    }
}
