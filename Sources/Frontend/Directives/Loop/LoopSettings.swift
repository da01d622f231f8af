import Names

/// `loop`: finds upstreams that lead back to this server.
struct LoopSettings: DirectiveSettings {
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        let zone = setup.block.addresses.first?.zone ?? .root
        return [setup.kept(LoopSource.self) { $0.zone == zone } ?? LoopSource(zone: zone, logger: setup.logger)]
    }

    static let row = DirectiveRow<LoopSettings>(
        name: "loop",
        summary:
            "Asks each upstream for a name that nobody else knows; one from which that question comes back is not asked any more until it does not."
    )
}
