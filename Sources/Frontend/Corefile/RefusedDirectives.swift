/// Words that Corefiles in use hold and that this version refuses, each with what to do instead: the one place for such advice.
///
/// A word that is known here is refused by this text; `DirectiveEntry` alone says which ones are built.
enum RefusedWords {
    /// Why a directive is refused.
    enum Origin: String, Sendable {
        /// CoreDNS 1.13 has it.
        case coreDNS = "is not supported"
        /// Older releases of CoreDNS had it.
        case olderCoreDNS = "belongs to older releases of CoreDNS, which themselves refuse it today"
        /// Later releases of CoreDNS have it.
        case laterCoreDNS = "belongs to later releases of CoreDNS than 1.13"
        /// Somebody compiled it into a CoreDNS of their own.
        case otherBuild = "is a plugin of special builds of CoreDNS"
    }

    /// The message for a directive; nil for one that is not refused by name.
    static func message(directive name: String) -> String? {
        for (origin, words) in directives {
            if let advice = words[name] { return "directive '\(name)' \(origin.rawValue): \(advice)" }
        }
        return nil
    }

    /// The message for an option of a directive, without the place; nil for one that is not refused by name.
    static func message(option: String, of directive: String) -> String? {
        options[directive]?[option].map { "option '\(option)' \($0)" }
    }

    private static let cloud =
        "no cloud's zones are read here; 'forward' the zone to the provider's resolver, or serve it with 'file' or 'auto'"
    private static let store =
        "no database is read here; export the zone to a file for 'file' or 'auto', or 'forward' it to the build that has the plugin"
    private static let oneCluster =
        "a frontend answers for the one cluster of its record table; 'forward' other clusters' zones to their own DNS servers"
    private static let outside =
        "addresses of gateways and load balancers: use 'k8s_external' for services, or 'forward' the zone to the build that has the plugin"
    private static let laterVersion = "a later version brings it; until then"
    private static let blocking = "keep the names in a hosts file for 'hosts', or use 'template' with 'rcode NXDOMAIN'"
    private static let secondUpstream = "use 'failover' or 'next' of 'forward'"
    private static let manyUpstreams = "use 'forward' with several upstreams; it asks them one after another"

    static let directives: [(origin: Origin, words: [String: String])] = [
        (.coreDNS, ofCoreDNS), (.olderCoreDNS, ofOlderReleases), (.laterCoreDNS, ofLaterReleases), (.otherBuild, ofOtherBuilds),
    ]

    private static let ofCoreDNS = [
        "route53": cloud, "azure": cloud, "clouddns": cloud,
        "etcd": "no etcd is read here; 'forward' the zone to a CoreDNS that does, or serve it with 'file' or 'auto'",
        "nomad": "no Nomad server is asked here; 'forward' the zone to a CoreDNS that does",
        "grpc": "use 'forward' with plain or tls:// upstreams",
        "quic": "remove it; this version serves plain UDP and TCP",
        "erratic": "it misbehaves on purpose, for tests; use 'template' or 'whoami' to answer something known",
        "transfer": "\(laterVersion) let secondaries transfer the zone from the server that holds its file",
        "secondary": "\(laterVersion) copy the zone to a file for 'file', or 'forward' it to its primary",
        "sign": "\(laterVersion) serve a zone that has been signed elsewhere with 'file'",
        "dnssec": "\(laterVersion) serve a zone that has been signed elsewhere with 'file'",
        "tsig": "\(laterVersion) admit clients by address with 'acl'",
        "on": "no commands are run here; let the process supervisor run what belongs to start and stop",
    ]

    private static let ofOlderReleases = [
        "proxy": "use 'forward', whose first word is a zone too; 'protocol force_tcp' is 'force_tcp' there, and TLS is a tls:// upstream",
        "federation": "Kubernetes has ended federation; 'rewrite' its names to the cluster's, or 'forward' them to the other cluster",
        "reverse": "use 'template' with a regular expression",
        "startup": "let the process supervisor run commands at start",
        "shutdown": "let the process supervisor run commands at the end",
        "upstream": "remove it; names outside the cluster are looked up by the directives that follow",
        "multicluster": "\(laterVersion) 'forward' clusterset.local to the DNS server that knows it",
    ]

    private static let ofLaterReleases = [
        "proxyproto": "clients' addresses are those of their packets here; let the load balancer keep them",
        "shed": "remove it; load is limited by the frontend itself",
        "grpc_server": "remove it; this version serves plain UDP and TCP",
        "https": "remove it; this version serves plain UDP and TCP",
        "https3": "remove it; this version serves plain UDP and TCP",
    ]

    private static let ofOtherBuilds = [
        // Kubernetes.
        "k8s_gateway": outside, "k8s_crd": outside,
        "ocp_dnsnameresolver": "remove it; it feeds OpenShift's egress firewall with answers and changes none of them",
        "kubernetai": oneCluster, "lighthouse": "'forward' clusterset.local to Submariner's own DNS service", "gathersrv": oneCluster,
        "vcluster": oneCluster, "kubeforward": "'forward' to the service's cluster address",
        "kubeapi": "remove it; only the watcher connects",
        "k8s_event": "remove it; events are not written here, metrics and logs say the same",
        "kubenodes": "list the nodes in a file for 'hosts'", "k8s_dns_chaos": "remove it",
        "k8s_cache": "use 'cache'; names of the cluster need none here",
        "dynamicforward": "'forward' to the service's cluster address, which does not change with its pods",
        // Upstreams.
        "alternate": secondUpstream, "fallback": secondUpstream, "failover": secondUpstream,
        "fanout": manyUpstreams, "pforward": manyUpstreams, "dnsredir": "use a server block with 'forward' for each set of names",
        "unbound": "'forward' to a recursive resolver such as Unbound", "recursor": "'forward' to a recursive resolver",
        "doh": "use 'forward' with plain or tls:// upstreams", "redisc": "use 'cache'", "redis_cache": "use 'cache'",
        // Data from elsewhere.
        "redis": store, "mysql": store, "pdsql": store, "netbox": store, "json": store, "dynapi": store, "idetcd": store, "git": store,
        "amazondns": cloud, "docker": store, "wgsd": store,
        "gslb": "no health of sites is checked here; 'forward' the zone to the build that has the plugin",
        "mdns": "'forward' local. to a resolver of that network that knows mDNS", "tailscale": "'forward' ts.net to 100.100.100.100",
        "consul": "'forward' the zone to Consul's DNS port", "meshname": store, "meship": store, "ens": store,
        "records": "put the records into a zone file for 'file'",
        "alias": "use 'rewrite cname', or the addresses themselves in the zone file",
        "finalize": "remove it; clients follow CNAMEs",
        // Blocking, limiting, observing.
        "ads": blocking, "block": blocking, "blocklist": blocking, "filter": blocking, "filterlist": blocking,
        "warnlist": "use 'log' and look for the names there",
        "rrl": "limit clients with 'acl' or in the network", "firewall": "use 'acl' or 'view'", "policy": "use 'acl' or 'view'",
        "geodns": "use 'view' with the client's address", "ipin": "use 'template'", "demo": "use 'template'", "example": "remove it",
        "dump": "use 'log'", "jsonlog": "use 'log'", "slog": "use 'log'", "gravwell": "use 'log' or 'dnstap'",
        "skipverify": "remove it; certificates of upstreams are checked", "ebpf": "remove it",
    ]

    /// Directive, then option.
    private static let options: [String: [String: String]] = [
        "kubernetes": [
            "upstream":
                "belongs to older releases of CoreDNS: remove it; names outside the cluster are looked up by the directives that follow",
            "resyncperiod": "belongs to older releases of CoreDNS: remove it; changes arrive as they happen",
            "transfer": "belongs to older releases of CoreDNS: remove it; zones of the cluster are not transferred",
            "federation": "belongs to older releases of CoreDNS: remove it; Kubernetes has ended federation",
        ],
        "forward": [
            "protocol": "belongs to 'proxy' of older releases: write 'force_tcp' or 'prefer_udp', or a tls:// upstream",
            "fail_timeout":
                "belongs to 'proxy' of older releases: remove it; 'health_check' says how often an upstream that failed is asked",
            "spray": "belongs to 'proxy' of older releases: remove it", "upstream": "belongs to older releases of CoreDNS: remove it",
            "health_check_interval": "is no option: write 'health_check DURATION'",
        ],
        "file": [
            "no_reload": "belongs to older releases of CoreDNS: write 'reload 0s'",
            "transfer": "belongs to older releases of CoreDNS: remove it; \(laterVersion) let secondaries transfer from elsewhere",
        ],
        "auto": [
            "no_reload": "belongs to older releases of CoreDNS: write 'reload 0s'",
            "transfer": "belongs to older releases of CoreDNS: remove it; \(laterVersion) let secondaries transfer from elsewhere",
        ],
        "errors": ["log": "belongs to older releases of CoreDNS: remove it; errors are written to standard error"],
    ]
}
