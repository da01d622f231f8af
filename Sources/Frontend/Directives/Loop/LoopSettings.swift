import Names

/// `loop`: finds upstreams that lead back to this server.
struct LoopSettings: DirectiveSettings {
    static func makeSources(_ statements: [Self], _ setup: BlockSetup) -> [any DirectiveSource] {
        let zone = setup.block.addresses.first?.zone ?? .root
        let itself = setup.listenAddress
        return [
            setup.kept(LoopSource.self) { $0.zone == zone && $0.itself == itself }
                ?? LoopSource(zone: zone, itself: itself, logger: setup.logger)
        ]
    }

    static let row = DirectiveRow<LoopSettings>(
        name: "loop",
        summary:
            "Asks each upstream for a name that nobody else knows; one from which that question comes back is not asked any more until it does not."
    )
}
