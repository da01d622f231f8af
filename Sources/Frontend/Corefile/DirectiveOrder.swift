/// A directive that a Corefile can name.
enum DirectiveEntry: Sendable {
    case built(Directive)
    /// CoreDNS has it; this version refuses it by name.
    case notBuilt(String)

    var name: String {
        switch self {
        case .built(let directive): directive.name
        case .notBuilt(let name): name
        }
    }

    /// Every directive of CoreDNS 1.13 in the order in which a query passes them, whatever their order in the Corefile.
    static let executionOrder: [DirectiveEntry] = [
        .notBuilt("root"), .notBuilt("metadata"), .notBuilt("geoip"), .notBuilt("cancel"), .notBuilt("tls"),
        .notBuilt("quic"),
        .notBuilt("timeouts"), .notBuilt("multisocket"), .notBuilt("reload"), .notBuilt("nsid"), .notBuilt("bufsize"),
        .built(Directive(BindSettings.row, into: \.bind)),
        .notBuilt("debug"), .notBuilt("trace"),
        .built(Directive(ReadySettings.row, into: \.ready)),
        .built(Directive(HealthSettings.row, into: \.health)),
        .notBuilt("pprof"),
        .built(Directive(PrometheusSettings.row, into: \.prometheus)),
        .built(Directive(ErrorsSettings.row, into: \.errors)),
        .notBuilt("log"), .notBuilt("dnstap"), .notBuilt("local"), .notBuilt("dns64"), .notBuilt("acl"),
        .notBuilt("any"),
        .notBuilt("chaos"), .notBuilt("loadbalance"), .notBuilt("tsig"), .notBuilt("cache"), .notBuilt("rewrite"),
        .notBuilt("header"), .notBuilt("dnssec"), .notBuilt("autopath"), .notBuilt("minimal"), .notBuilt("template"),
        .notBuilt("transfer"),
        .built(Directive(HostsSettings.row, into: \.hosts)),
        .notBuilt("route53"), .notBuilt("azure"), .notBuilt("clouddns"), .notBuilt("k8s_external"),
        .built(Directive(KubernetesSettings.row, into: \.kubernetes)),
        .notBuilt("file"), .notBuilt("auto"), .notBuilt("secondary"), .notBuilt("etcd"), .notBuilt("loop"),
        .built(Directive(ForwardSettings.row, into: \.forward)),
        .notBuilt("grpc"), .notBuilt("erratic"), .notBuilt("whoami"), .notBuilt("on"), .notBuilt("sign"),
        .notBuilt("view"),
        .notBuilt("nomad"),
    ]
}

/// A directive with its settings' type forgotten: reads its statements into a block's configuration.
struct Directive: Sendable {
    let name: String
    let manual: String
    let read: @Sendable ([Statement], inout BlockConfiguration, inout [CorefileWarning]) throws(CorefileError) -> Void

    /// - Parameter path: where the settings of each statement are kept, in the Corefile's order.
    init<Settings: DirectiveSettings>(
        _ row: DirectiveRow<Settings>, into path: any WritableKeyPath<BlockConfiguration, [Settings]> & Sendable
    ) {
        name = row.name
        manual = row.manual
        read = { statements, block, warnings throws(CorefileError) in
            let zones = block.addresses.map(\.zone)
            if row.repetition == .once, statements.count > 1 {
                let first = statements[0].name
                throw statements[1].name.error(
                    "\(row.name): expected once in a server block, already given at \(first.file):\(first.line)")
            }
            for statement in statements {
                var settings = Settings()
                try row.read(statement, into: &settings, zones: zones, warnings: &warnings)
                block[keyPath: path].append(settings)
            }
        }
    }
}

/// What a directive was told; the initial value is CoreDNS's default.
protocol DirectiveSettings: Sendable, Equatable {
    init()
}
