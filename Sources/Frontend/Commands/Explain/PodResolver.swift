import Names
import RecordTable

/// How a pod asks: its address, and the names that its resolver tries for one that its program wants.
struct PodResolver: Encodable {
    var namespace: String
    var name: String
    var address: String
    var isHostNetwork: Bool
    /// As the kubelet writes it for `dnsPolicy: ClusterFirst`, without the node's own domains; empty for a pod of the host's network, which
    /// has its node's resolv.conf unless it asks otherwise. The record table does not know a pod's policy.
    /// (https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/)
    var search: [String]

    /// Dots from which on a name is tried as it is before the search list (resolv.conf(5)).
    static let ndots = 5

    init(_ pod: PodRecord, _ address: IPAddress, zone: DNSName?) {
        (namespace, name, self.address, isHostNetwork) = (pod.namespace, pod.name, "\(address)", pod.isHostNetwork)
        let zone = zone.map { String("\($0)".dropLast()) } ?? ""
        search = pod.isHostNetwork || zone.isEmpty ? [] : ["\(pod.namespace).svc.\(zone)", "svc.\(zone)", zone]
    }

    /// The names in the order in which glibc asks for them; a client ends with the first that exists.
    func names(for wanted: String) -> [String] {
        if wanted.hasSuffix(".") { return [wanted] }
        let tried = search.map { "\(wanted).\($0)." }
        return wanted.count(where: { $0 == "." }) >= Self.ndots ? ["\(wanted)."] + tried : tried + ["\(wanted)."]
    }

    var line: String {
        let place = "\(name) of \(namespace) (\(address))"
        if search.isEmpty { return "\(place) \(isHostNetwork ? "is on its node's network, and asks by its node's resolv.conf" : "asks")" }
        return "\(place) asks by \"search \(search.joined(separator: " "))\" and \"ndots:\(Self.ndots)\" (dnsPolicy ClusterFirst)"
    }
}
