import Names
import ProcessRuntime

/// `loadbalance`: in which order an answer's addresses stand.
struct LoadbalanceSettings: DirectiveSettings {
    enum Policy: Sendable, Equatable {
        case roundRobin
        case weighted(file: String)
    }

    var policy = Policy.roundRobin
    /// How often the file of weights is looked at for a change; zero for never.
    var reload = Duration.seconds(30)
    /// Addresses of these networks come first.
    var preferred: [IPNetwork] = []

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        var sources: [any DirectiveSource] = []
        for settings in statements {
            if let kept = setup.kept(LoadbalanceSource.self, where: { $0.settings == settings }) {
                sources.append(kept)
                continue
            }
            do throws(AddressWeights.Fault) {
                sources.append(try LoadbalanceSource(settings: settings, root: setup.root, logger: setup.logger))
            } catch {
                throw setup.fault("loadbalance: \(error.message)")
            }
        }
        return sources
    }

    static let row = DirectiveRow<LoadbalanceSettings>(
        name: "loadbalance",
        summary: "Changes the order of addresses in every answer, so that clients which take the first spread over all.",
        repetition: .merged,
        arguments: .custom(
            "[round_robin | weighted FILE]", "round_robin, the default, shuffles; weighted puts one first, by the weights in FILE."
        ) {
            settings, line throws(CorefileError) in
            try line.expectWords(0...2)
            settings.policy = .roundRobin
            guard let policy = line.words.first else { return }
            switch policy.text {
            case "round_robin": try line.expectWords(1...1)
            case "weighted":
                try line.expectWords(2...2)
                settings.policy = .weighted(file: line.words[1].text)
            default: throw line.error("expected 'round_robin' or 'weighted FILE', found '\(policy.text)'", at: policy)
            }
        },
        options: [
            .duration(
                "reload", .zero ... .seconds(86_400), \.reload,
                "How often the file of weights is looked at for a change, 0s for never; default 30s."),
            .custom("prefer", usage: "NETWORKS...", "Addresses of these networks, like 10.0.0.0/8, come before all others.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...Int.max)
                for word in line.words { settings.preferred.append(try line.network(word)) }
            },
        ],
        check: { settings, line throws(CorefileError) in
            if settings.policy == .roundRobin, line.statement.block?.contains(where: { $0.name.text == "reload" }) == true {
                throw line.error("'reload' is for 'weighted FILE'; remove the line")
            }
        })
}
