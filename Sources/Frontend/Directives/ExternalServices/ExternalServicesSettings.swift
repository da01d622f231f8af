import Names
import ProcessRuntime

/// `k8s_external`: zones in which services have the addresses that the world reaches them by.
struct ExternalServicesSettings: DirectiveSettings {
    var zones: [ZoneName] = []
    /// Seconds, of addresses; aliases and SRV records have those of `kubernetes`.
    var timeToLive: UInt32 = 5
    /// The label below a zone that its name servers are named under.
    var apex = "dns"
    /// Whether headless services without such addresses have those of their endpoints.
    var servesHeadless = false
    var fallsThrough = Fallthrough()

    var needed: ClusterResources { servesHeadless ? [.namespaces, .services, .endpointSlices] : [.namespaces, .services] }

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        guard let cluster = setup.block.all(KubernetesSettings.self).first else {
            throw setup.fault("k8s_external: expected 'kubernetes' in the same block, whose options say which services there are")
        }
        var sources: [any DirectiveSource] = []
        for settings in statements {
            do throws(WireError) {
                let kubernetes = try KubernetesHandler(settings: cluster, localAddresses: setup.localAddresses)
                sources.append(ExternalServicesSource(settings, kubernetes))
            } catch {
                throw setup.fault("k8s_external: a zone is not a domain name")
            }
        }
        return sources
    }

    static let row = DirectiveRow<ExternalServicesSettings>(
        name: "k8s_external",
        summary: "Answers SERVICE.NAMESPACE.ZONE with the service's external addresses: those of its load balancer and its externalIPs.",
        repetition: .merged,
        arguments: .custom("[ZONES...]", "The zones to answer for; by default those of the server block.") {
            settings, line throws(CorefileError) in
            let zones = try line.zones(line.words)
            settings.zones = zones.isEmpty ? line.zones : zones
        },
        options: [
            .integer("ttl", 0...3600, \.timeToLive, usage: "SECONDS", "The TTL of addresses and of the zone's own records; default 5."),
            .custom("apex", usage: "LABEL", "The zone's name servers are named ns1.LABEL.ZONE; default dns.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                guard let name = try? DNSName(line.words[0].text), name.labelCount == 1 else {
                    throw line.error("expected one label, like dns, found '\(line.words[0].text)'", at: line.words[0])
                }
                settings.apex = line.words[0].text
            },
            .flag("headless", \.servesHeadless, "Headless services have the addresses of their endpoints, which have names below them."),
            .fallsThrough(
                \.fallsThrough, "Passes queries for names that do not exist on to the next directive, in these zones or in all."),
        ])
}

/// A `k8s_external` directive as all threads share it.
final class ExternalServicesSource: DirectiveSource {
    let settings: ExternalServicesSettings
    /// Of the block's `kubernetes`: which namespaces, services and endpoints there are, and what those are called.
    let kubernetes: KubernetesHandler

    init(_ settings: ExternalServicesSettings, _ kubernetes: KubernetesHandler) {
        self.settings = settings
        self.kubernetes = kubernetes
    }

    func makeHandler(_ setup: HandlerSetup) -> DirectiveHandler? { ExternalServicesHandler(self) }
}
