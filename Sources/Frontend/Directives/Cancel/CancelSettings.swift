import MizzenSystem

/// `cancel`: how long upstreams may be asked for one query.
struct CancelSettings: DirectiveSettings {
    /// CoreDNS's, a little longer than most clients wait.
    var timeout = Duration.milliseconds(5001)

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { settings, _ in CancelHandler(settings) }
    }

    static let row = DirectiveRow<CancelSettings>(
        name: "cancel",
        summary: "Gives up on upstreams when a query is this old; without it that is after 5s with each of them.",
        repetition: .last,
        arguments: .custom("[TIMEOUT]", "Default 5.001s.") { settings, line throws(CorefileError) in
            try line.expectWords(0...1)
            if let word = line.words.first { settings.timeout = try line.duration(word, .nanoseconds(1) ... .seconds(86_400)) }
        })
}

/// `cancel` in the chain.
final class CancelHandler: DirectiveHandler {
    private let timeout: UInt64

    init(_ settings: CancelSettings) { timeout = settings.timeout.span }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        exchange.deadline = min(exchange.deadline, exchange.began + timeout)
        return .next
    }
}
