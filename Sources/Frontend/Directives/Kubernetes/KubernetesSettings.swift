import Names
import ProcessRuntime

/// `kubernetes`: answers from the record table. Every option of CoreDNS's directive is known; those about reaching the API
/// server are the watcher's business here.
struct KubernetesSettings: DirectiveSettings {
    /// What happens to names like `10-0-0-1.NAMESPACE.pod.ZONE`.
    enum PodMode: String, CaseIterable, Sendable {
        /// They do not exist.
        case disabled
        /// They have the address that they spell, whoever has it.
        case insecure
        /// They exist where a pod of that namespace has the address.
        case verified
    }

    var zones: [ZoneName] = []
    /// Empty: all of them.
    var namespaces: [String] = []
    var namespaceLabels = LabelQuery()
    var labels = LabelQuery()
    var pods = PodMode.disabled
    /// Whether an endpoint without a hostname is named after its pod rather than its address.
    var namesEndpointsAfterPods = false
    /// Seconds.
    var timeToLive: UInt32 = 5
    var servesEndpoints = true
    var ignoresEmptyServices = false
    /// Whether `ZONE.pin._zone.SERVICE…` and `ZONE.prefer._zone.SERVICE…` are names.
    var isZonal = false
    var fallsThrough = Fallthrough()

    /// What the answers are made of under these options: until the table has all of it, nothing is denied and the block is not ready.
    var needed: ClusterResources {
        var needed: ClusterResources = [.namespaces, .services]
        if servesEndpoints { needed.insert(.endpointSlices) }
        if pods == .verified { needed.insert(.pods) }
        return needed
    }

    static func makeSources(_ statements: [Self], _ setup: BlockSetup) throws(ProcessError) -> [any DirectiveSource] {
        var sources: [any DirectiveSource] = []
        for settings in statements {
            do throws(WireError) {
                sources.append(KubernetesSource(try KubernetesHandler(settings: settings, localAddresses: setup.localAddresses)))
            } catch {
                throw setup.fault("kubernetes: a zone is not a domain name")
            }
        }
        return sources
    }

    static let row = DirectiveRow<KubernetesSettings>(
        name: "kubernetes",
        summary: "Answers for the services and pods of the cluster, from the record table.",
        arguments: .custom("[ZONES...]", "The zones to answer for; by default those of the server block.") {
            settings, line throws(CorefileError) in
            let zones = try line.zones(line.words)
            settings.zones = zones.isEmpty ? line.zones : zones
        },
        options: [
            .words("namespaces", 1...Int.max, \.namespaces, usage: "NAMESPACE...", "Only these namespaces exist."),
            selector("namespace_labels", \.namespaceLabels, "Only namespaces with such labels exist."),
            selector("labels", \.labels, "Only services, slices and pods with such labels exist."),
            .choice("pods", \.pods, "Whether pods' addresses are names; default disabled."),
            .flag(
                "endpoint_pod_names", \.namesEndpointsAfterPods,
                "Names an endpoint without a hostname after its pod rather than its address."),
            .integer("ttl", 0...3600, \.timeToLive, usage: "SECONDS", "The TTL of the answers; default 5."),
            .flag(
                "noendpoints", \.servesEndpoints, sets: false, "Leaves endpoints out: headless services have no answers."),
            .custom("ignore", usage: "empty_service", "Services without ready endpoints do not exist.") {
                settings, line throws(CorefileError) in
                try line.expectWords(1...1)
                guard line.words[0].text == "empty_service" else {
                    throw line.error("expected 'empty_service', found '\(line.words[0].text)'", at: line.words[0])
                }
                settings.ignoresEmptyServices = true
            },
            .flag(
                "zonal", \.isZonal,
                "Answers for the endpoints of one topology zone: ZONE.pin._zone.SERVICE and ZONE.prefer._zone.SERVICE."),
            .fallsThrough(
                \.fallsThrough, "Passes queries for names that do not exist on to the next directive, in these zones or in all."),
            .notBuilt("multicluster", usage: "[ZONES...]"),
            .ignored("endpoint", usage: "URL", because: watcherReads),
            .ignored("tls", usage: "CERT KEY CACERT", because: watcherReads),
            .ignored("kubeconfig", usage: "FILE [CONTEXT]", because: watcherReads),
            .ignored("apiserver_qps", usage: "QPS", because: watcherReads),
            .ignored("apiserver_burst", usage: "BURST", because: watcherReads),
            .ignored("apiserver_max_inflight", usage: "MAX", because: watcherReads),
            .ignored(
                "startup_timeout", usage: "DURATION",
                because: "there is nothing to wait for, the record table is used as soon as it is there"),
        ],
        check: { settings, line throws(CorefileError) in
            guard settings.zones.contains(where: { !$0.isReverse }) else {
                throw line.error("expected at least one zone that is not a reverse zone, like cluster.local")
            }
            if !settings.namespaces.isEmpty, !settings.namespaceLabels.isEmpty {
                throw line.error("'namespaces' and 'namespace_labels' exclude each other; keep one of them")
            }
            if settings.isZonal, !settings.servesEndpoints {
                throw line.error("'zonal' needs the endpoints that 'noendpoints' leaves out; remove one of them")
            }
        })

    private static let watcherReads = "only mizzen-watcher connects to the API server"

    private static func selector(
        _ name: String, _ path: any WritableKeyPath<KubernetesSettings, LabelQuery> & Sendable, _ summary: String
    ) -> OptionRow<KubernetesSettings> {
        .custom(name, usage: "SELECTOR", summary) { settings, line throws(CorefileError) in
            try line.expectWords(1...Int.max)
            do throws(LabelQuery.SyntaxError) {
                settings[keyPath: path] = try LabelQuery(line.words.map(\.text).joined(separator: " "))
            } catch {
                throw line.error(error.message)
            }
        }
    }
}

extension ZoneName {
    /// Whether names in this zone spell addresses: below in-addr.arpa or ip6.arpa, or one of them.
    var isReverse: Bool {
        ["in-addr.arpa.", "ip6.arpa."].contains { text == $0 || text.hasSuffix("." + $0) }
    }
}
