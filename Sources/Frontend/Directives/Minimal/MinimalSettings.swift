import MizzenSystem

/// `minimal`: answers without what nobody asked for.
struct MinimalSettings: DirectiveSettings {
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { _, _ in MinimalHandler() }
    }

    static let row = DirectiveRow<MinimalSettings>(
        name: "minimal", summary: "Leaves out the authority and additional sections of answers that do without them.", repetition: .merged)
}

/// `minimal` in the chain. Denials, delegations and errors stay whole: they live from their authority section.
final class MinimalHandler: DirectiveHandler {
    override var changesSizes: Bool { true }
    override var leavesOutAdditional: Bool { true }

    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step { .nextAndReview }

    override func review(_ exchange: Exchange, _ bench: Workbench) {
        let now = UInt32(truncatingIfNeeded: WallClock.nanoseconds() / 1_000_000_000)
        guard bench.traits(exchange.query, now: now).kind == .noError else { return }
        bench.removeBehindAnswers()
        // The OPT record of those behind this one goes too, with its options.
        exchange.options = []
        exchange.hasUpstreamOPT = false
    }
}
