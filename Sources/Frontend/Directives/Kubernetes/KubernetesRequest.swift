/// What a name inside a cluster zone asks for, as positions of its labels. Nothing is looked up and nothing copied.
///
/// Names are `[[PORT.PROTOCOL. | ENDPOINT.]SERVICE.]NAMESPACE.svc|pod.ZONE`, or with `zonal`
/// `TOPOLOGYZONE.pin|prefer._zone.SERVICE.NAMESPACE.svc.ZONE` (Kubernetes DNS specification 1.1.0; CoreDNS's README for the last).
struct KubernetesRequest {
    enum Kind: Equatable {
        /// The zone, or `svc` or `pod` in it: there, without records.
        case apex
        /// `svc` or `pod` with a namespace.
        case service, pod
        /// No name of this grammar.
        case invalid
    }

    /// One topology zone's endpoints only.
    enum Topology {
        case any
        /// Those of the zone that the first labels spell, `labels` of them.
        case pinned(labels: Int)
        /// The same, or all where there are none.
        case preferred(labels: Int)
    }

    private(set) var kind = Kind.invalid
    /// Index of the label; meaningful where `kind` is `service` or `pod`.
    private(set) var namespace = 0
    private(set) var service: Int?
    private(set) var endpoint: Int?
    /// A leading underscore is not part of what is compared; `_` alone stands for any.
    private(set) var port: Int?
    private(set) var transport: Int?
    private(set) var topology = Topology.any

    /// - Parameters:
    ///   - name: in lower case and inside the zone.
    ///   - zoneLabels: how many labels the zone has.
    init(_ name: DNSName, zoneLabels: Int, isZonal: Bool) {
        let last = name.labelCount - zoneLabels - 1
        guard last >= 0 else {
            kind = .apex
            return
        }
        if name.label(last, equals: "svc") {
            kind = .service
        } else if name.label(last, equals: "pod") {
            kind = .pod
        } else {
            return
        }
        guard last >= 1 else {
            kind = .apex
            return
        }
        namespace = last - 1
        guard last >= 2 else { return }
        service = last - 2
        readBelowService(name, left: last - 2, isZonal: isZonal)
    }

    private mutating func readBelowService(_ name: DNSName, left: Int, isZonal: Bool) {
        switch left {
        case 0: break
        case 1: endpoint = 0
        case 2:
            transport = 1
            port = 0
        default:
            guard isZonal, kind == .service, name.label(left - 1, equals: "_zone") else {
                kind = .invalid
                return
            }
            if name.label(left - 2, equals: "pin") {
                topology = .pinned(labels: left - 2)
            } else if name.label(left - 2, equals: "prefer") {
                topology = .preferred(labels: left - 2)
            } else {
                kind = .invalid
            }
        }
    }

    /// Whether the name is about something below a service.
    var isBelowService: Bool { endpoint != nil || port != nil }

    /// Whether the name is about one topology zone.
    var isZoned: Bool {
        switch topology {
        case .any: false
        case .pinned, .preferred: true
        }
    }
}
