/// What one server block asks for.
struct BlockConfiguration: Sendable, Equatable {
    /// The zones and ports, CIDR blocks expanded.
    var addresses: [ZoneAddress]
    /// Where the block stands, for messages.
    var file: String
    var line: Int

    /// What the block says, directive by directive, in the order of execution.
    var directives: [DirectiveUse] = []

    var bind: [BindSettings] { all(BindSettings.self) }

    /// The name of the block's view; empty for none.
    var view: String { all(ViewSettings.self).first?.name ?? "" }

    /// CoreDNS refuses classes other than IN on a port unless a directive that is named there might know them.
    var takesAllClasses: Bool { directives.contains { ["chaos", "forward", "proxy"].contains($0.name) } }

    /// What the block's directives need of the record table to answer and deny.
    var needed: ClusterResources { directives.flatMap(\.settings).reduce(into: []) { $0.formUnion($1.needed) } }

    /// The directives that wait for the record table.
    var waitsForTable: [String] { directives.filter { use in use.settings.contains { !$0.needed.isEmpty } }.map(\.name) }

    /// The directives that the block names, in execution order.
    var directiveNames: [String] { directives.map(\.name) }

    /// Every address that `bind` names; empty means all of the host's.
    var bindAddresses: [BindTarget] {
        bind.flatMap { settings in settings.targets.filter { !settings.exceptions.contains($0) } }
    }
}

/// A whole Corefile, read and checked. Nothing has been opened yet: no socket, no table, no hosts file.
struct FrontendConfiguration: Sendable, Equatable {
    var blocks: [BlockConfiguration]
    var warnings: [CorefileWarning]

    /// - Parameters:
    ///   - file: the path, as messages shall show it.
    ///   - defaultPort: for zones without a port (`--dns.port`).
    static func parse(
        _ bytes: [UInt8], file: String, defaultPort: UInt16 = 53, surroundings: CorefileSurroundings = .process
    ) throws(CorefileError) -> FrontendConfiguration {
        let (serverBlocks, parserWarnings) = try CorefileParser.parse(bytes, file: file, surroundings: surroundings)
        var configuration = FrontendConfiguration(blocks: [], warnings: parserWarnings)
        for serverBlock in serverBlocks {
            configuration.blocks.append(
                try read(serverBlock, defaultPort: defaultPort, warnings: &configuration.warnings))
        }
        try configuration.checkOverlaps(serverBlocks)
        return configuration
    }

    private static func read(
        _ serverBlock: ServerBlock, defaultPort: UInt16, warnings: inout [CorefileWarning]
    ) throws(CorefileError) -> BlockConfiguration {
        var addresses: [ZoneAddress] = []
        for key in serverBlock.keys { addresses += try ZoneAddress.parse(key, defaultPort: defaultPort) }
        var block = BlockConfiguration(
            addresses: addresses, file: serverBlock.keys[0].file, line: serverBlock.keys[0].line)
        for statement in serverBlock.statements { try checkName(statement.name) }
        for case .built(let directive) in DirectiveEntry.executionOrder {
            let statements = serverBlock.statements.filter { $0.name.text == directive.name }
            if !statements.isEmpty { try directive.read(statements, &block, &warnings) }
        }
        return block
    }

    private static func checkName(_ name: Token) throws(CorefileError) {
        if let message = RefusedWords.message(directive: name.text) { throw name.error(message) }
        guard let entry = DirectiveEntry.executionOrder.first(where: { $0.name == name.text }) else {
            let names = DirectiveEntry.executionOrder.map(\.name)
            let suggestion = nearestName(to: name.text, among: names).map { "; did you mean '\($0)'?" } ?? ""
            throw name.error("unknown directive '\(name.text)'\(suggestion)")
        }
        switch entry {
        case .built: return
        case .notBuilt(let directive):
            let built = DirectiveEntry.executionOrder.compactMap { entry in
                if case .built(let directive) = entry { directive.name } else { nil }
            }
            throw name.error(
                "directive '\(directive)' is not built yet; this version has \(built.joined(separator: ", "))")
        }
    }

    /// A zone and port may be served once on each bound address, and once at all when one of the blocks is not bound. Blocks with a view
    /// take only some of the queries, so they may share with all others.
    private func checkOverlaps(_ serverBlocks: [ServerBlock]) throws(CorefileError) {
        var served: [ZoneAddress: [(target: BindTarget?, block: BlockConfiguration)]] = [:]
        for (serverBlock, block) in zip(serverBlocks, blocks) where !serverBlock.statements.contains(where: { $0.name.text == "view" }) {
            let targets: [BindTarget?] = block.bind.isEmpty ? [nil] : block.bindAddresses
            for address in block.addresses {
                for target in targets {
                    let earlier = served[address, default: []].first {
                        $0.target == nil || target == nil || $0.target == target
                    }
                    if let earlier {
                        throw CorefileError(
                            file: block.file, line: block.line,
                            message:
                                "cannot serve \(address) twice: it is already served by the block at \(earlier.block.file):\(earlier.block.line)"
                        )
                    }
                    served[address, default: []].append((target, block))
                }
            }
        }
    }
}
