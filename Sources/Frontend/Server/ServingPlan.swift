import Logging
import Names
import ProcessRuntime

/// Everything behind one listening address: CoreDNS calls it a server.
struct ServerPlan: Sendable {
    /// `dns://:53`, `dns://127.0.0.1:53`: the `server` label of metrics.
    var label: String
    /// Two (IPv4 and IPv6) when the block is not bound to addresses.
    var listen: [SocketAddress]
    var zones: [(name: DNSName, text: String, block: Int)]
    /// `FILE:LINE` of the first block, for messages.
    var place: String
}

/// One directive of a block with its place in the chain.
struct PlannedSource: Sendable {
    let rank: Int
    let source: any DirectiveSource
}

/// One server block with what its directives need open.
struct BlockPlan: Sendable {
    var configuration: BlockConfiguration
    /// In the order of execution.
    var sources: [PlannedSource]
    /// The name of the block's view; empty for none.
    var view = ""
    var filter: (any QueryFilter)?
}

/// A configuration made ready to serve: interfaces looked up, hosts files read, upstreams known. Immutable and shared
/// by all threads.
struct ServingPlan: Sendable {
    var servers: [ServerPlan]
    var blocks: [BlockPlan]

    /// - Parameter earlier: the plan that is in use; what does the same in both goes on.
    /// - Throws: `ProcessError` 78 naming file and line for what the Corefile names and the host lacks.
    init(
        _ configuration: FrontendConfiguration, metrics: FrontendMetrics, logger: Logger, corefile: String = "", earlier: ServingPlan? = nil
    ) throws(ProcessError) {
        let logger = logger.asked(by: configuration.blocks)
        blocks = []
        servers = []
        for block in configuration.blocks {
            let (hosts, isBound) = try Self.listenHosts(block)
            let before = earlier?.blocks.first {
                $0.configuration.addresses == block.addresses && $0.configuration.bind == block.bind && $0.view == block.view
            }
            let setup = BlockSetup(
                block: block, localAddresses: try Self.localAddresses(hosts, isBound), metrics: metrics, logger: logger,
                corefile: corefile, earlier: before?.sources.map(\.source) ?? [])
            blocks.append(try Self.plan(block, setup))
            for zone in block.addresses {
                guard let name = try? DNSName(zone.zone.text) else {
                    throw Self.fault(block, "the zone \(zone.zone) is not a domain name")
                }
                for host in hosts {
                    let label = Self.label(host, isBound: isBound, port: zone.port)
                    let index = servers.firstIndex { $0.label == label } ?? servers.endIndex
                    if index == servers.endIndex {
                        var listen = [host] + (isBound ? [] : [SocketAddress(address: SocketAddress.anyV6, port: 0)])
                        for i in listen.indices { listen[i].port = zone.port }
                        servers.append(
                            ServerPlan(label: label, listen: listen, zones: [], place: "\(block.file):\(block.line)"))
                    }
                    servers[index].zones.append((name, zone.zone.text, blocks.count - 1))
                }
            }
        }
        for index in servers.indices { sortZones(of: &servers[index]) }
    }

    /// The longest zone first, since the first that takes a query is the one; of equal ones those with a view first, else nothing came to them.
    private func sortZones(of server: inout ServerPlan) {
        let ordered = server.zones.enumerated().sorted { left, right in
            let (a, b) = (left.element, right.element)
            if a.name.labelCount != b.name.labelCount { return a.name.labelCount > b.name.labelCount }
            let (hasFilter, otherHasFilter) = (blocks[a.block].filter != nil, blocks[b.block].filter != nil)
            return hasFilter == otherHasFilter ? left.offset < right.offset : hasFilter
        }
        server.zones = ordered.map(\.element)
    }

    private static func label(_ host: SocketAddress, isBound: Bool, port: UInt16) -> String {
        guard isBound else { return "dns://:\(port)" }
        var address = host
        address.port = port
        return "dns://\(address)"
    }

    static func fault(_ block: BlockConfiguration, _ message: String) -> ProcessError {
        ProcessError(code: ExitStatus.configuration, message: message, place: "\(block.file):\(block.line)")
    }

    /// The addresses of `bind`, ports still 0; the IPv4 wildcard, which stands for both, without `bind`.
    private static func listenHosts(_ block: BlockConfiguration) throws(ProcessError) -> (
        hosts: [SocketAddress], isBound: Bool
    ) {
        if block.bind.isEmpty { return ([SocketAddress(address: SocketAddress.anyV4, port: 0)], false) }
        var hosts: [SocketAddress] = []
        for settings in block.bind {
            var excepted: [SocketAddress] = []
            for target in settings.exceptions { excepted += try resolve(target, block) }
            for target in settings.targets {
                for host in try resolve(target, block) where !excepted.contains(host) && !hosts.contains(host) {
                    hosts.append(host)
                }
            }
        }
        guard !hosts.isEmpty else { throw fault(block, "bind: no address is left to listen on") }
        return (hosts, true)
    }

    private static func resolve(_ target: BindTarget, _ block: BlockConfiguration) throws(ProcessError)
        -> [SocketAddress]
    {
        switch target {
        case .address(let address): return [SocketAddress(address: address, port: 0)]
        case .interface(let name):
            guard let found = try? Socket.addresses(ofInterface: name), !found.isEmpty else {
                throw fault(block, "bind: expected an IP address or an interface of this host, found '\(name)'")
            }
            return found
        }
    }

    /// The addresses that this server is reached by, for records about itself; loopback left out.
    private static func localAddresses(_ hosts: [SocketAddress], _ isBound: Bool) throws(ProcessError) -> [IPAddress] {
        let all = isBound ? hosts : (try? Socket.addresses(ofInterface: nil)) ?? []
        return all.map(\.address).filter { address in
            switch address {
            case .v4(let bits): bits >> 24 != 127
            case .v6(let high, let low): !(high == 0 && low == 1)
            }
        }
    }

    private static func plan(_ block: BlockConfiguration, _ setup: BlockSetup) throws(ProcessError) -> BlockPlan {
        var sources: [PlannedSource] = []
        for case .built(let directive) in DirectiveEntry.executionOrder {
            let rank = Directive.rank(of: directive.name) ?? 0
            for source in try directive.makeSources(block, setup) { sources.append(PlannedSource(rank: rank, source: source)) }
        }
        for planned in sources { planned.source.settle(among: sources.map(\.source)) }
        let filter = sources.lazy.compactMap { $0.source as? any QueryFilter }.first
        return BlockPlan(configuration: block, sources: sources, view: filter?.viewName ?? "", filter: filter)
    }

    /// The sources that `next` does not go on with.
    func sources(goneIn next: ServingPlan) -> [any DirectiveSource] {
        let kept = next.blocks.flatMap(\.sources)
        return blocks.flatMap(\.sources).map(\.source).filter { source in !kept.contains { $0.source === source } }
    }

    /// Every source, of all blocks.
    var sources: [any DirectiveSource] { blocks.flatMap { $0.sources.map(\.source) } }
}
