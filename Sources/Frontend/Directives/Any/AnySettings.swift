/// `any`: little for those who ask for everything.
struct AnySettings: DirectiveSettings {
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        SettingsSource.sources(statements, setup) { _, _ in AnyHandler() }
    }

    static let row = DirectiveRow<AnySettings>(
        name: "any", summary: "Answers questions of type ANY with one short HINFO record (RFC 8482).", repetition: .merged)
}

/// `any` in the chain.
final class AnyHandler: DirectiveHandler {
    override func take(_ exchange: Exchange, _ bench: Workbench) -> Step {
        guard exchange.query.type == .any else { return .next }
        if bench.response.open(.answer, .question, .hinfo, ttl: 8482, of: exchange.query) {
            bench.response.append(label: "ANY obsoleted")
            bench.response.append(label: "See RFC 8482")
            bench.response.close()
        }
        return bench.doneWithoutAuthority(exchange, .answered)
    }
}
