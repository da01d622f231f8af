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

    private static func built<Settings: DirectiveSettings>(_ type: Settings.Type) -> DirectiveEntry { .built(Directive(type)) }

    /// Every directive of CoreDNS 1.13 in the order in which a query passes them, whatever their order in the Corefile. The only list of
    /// directives that there is.
    static let executionOrder: [DirectiveEntry] = [
        built(RootSettings.self), built(MetadataSettings.self), built(GeoipSettings.self), built(CancelSettings.self), .notBuilt("tls"),
        .notBuilt("quic"),
        built(TimeoutsSettings.self), built(MultisocketSettings.self), built(ReloadSettings.self), built(NsidSettings.self),
        built(BufsizeSettings.self),
        built(BindSettings.self),
        built(DebugSettings.self), built(TraceSettings.self),
        built(ReadySettings.self),
        built(HealthSettings.self),
        built(PprofSettings.self),
        built(PrometheusSettings.self),
        built(ErrorsSettings.self),
        built(LogSettings.self), built(DnstapSettings.self), built(LocalSettings.self), built(DNS64Settings.self), built(ACLSettings.self),
        built(AnySettings.self),
        built(ChaosSettings.self), built(LoadbalanceSettings.self), .notBuilt("tsig"), built(CacheSettings.self),
        built(RewriteSettings.self),
        built(HeaderSettings.self), .notBuilt("dnssec"), built(AutopathSettings.self), built(MinimalSettings.self),
        built(TemplateSettings.self),
        .notBuilt("transfer"),
        built(HostsSettings.self),
        .notBuilt("route53"), .notBuilt("azure"), .notBuilt("clouddns"),
        built(ExternalServicesSettings.self), built(KubernetesSettings.self),
        built(FileSettings.self), built(AutoSettings.self), .notBuilt("secondary"), .notBuilt("etcd"),
        built(LoopSettings.self),
        built(ForwardSettings.self),
        .notBuilt("grpc"), .notBuilt("erratic"), built(WhoamiSettings.self), .notBuilt("on"), .notBuilt("sign"), built(ViewSettings.self),
        .notBuilt("nomad"),
    ]
}

extension Directive {
    /// Names by rank; the first is no directive.
    private static let names = [""] + DirectiveEntry.executionOrder.map(\.name)

    /// A directive's place in the order of execution, from 1 on.
    static func rank(of name: String) -> Int? { names.firstIndex(of: name) }

    /// The name of a rank; empty for 0, which is no directive's.
    static func name(ofRank rank: Int) -> String { names.indices.contains(rank) ? names[rank] : "" }

    /// How many ranks there are, 0 included.
    static var ranks: Int { names.count }
}
