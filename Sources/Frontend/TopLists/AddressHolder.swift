import Names
import RecordTable

/// Whose an address is, by the record table, now: an address passes from a pod that is gone to another one.
struct AddressHolder: Equatable {
    /// Of the one pod that has the address for itself; empty where there is none, or more than one, as for a moment while it passes on.
    private(set) var namespace = ""
    private(set) var pod = ""
    /// Of the node whose address it is, by its pods on the host's network; which of those asks nobody can tell.
    private(set) var node = ""

    init() {}

    /// Allocates: not for each query.
    init(of address: IPAddress, _ table: TableReader) {
        var pods: [(namespace: String, name: String)] = []
        var nodes: Set<String> = []
        table.forEachPod(address: address) { owner in
            _ = table.withPod(namespace: owner.namespace, name: owner.name) { pod in
                // The address record may be older than the pod's: the pod decides.
                guard (0..<pod.addressCount).contains(where: { pod.address($0) == address }) else { return }
                if pod.isHostNetwork {
                    nodes.insert(Self.text(pod.nodeName))
                } else {
                    pods.append((Self.text(pod.namespace), Self.text(pod.name)))
                }
            }
        }
        if pods.count == 1 { (namespace, pod) = pods[0] }
        if pods.isEmpty, nodes.count == 1 { node = nodes.first ?? "" }
    }

    private static func text(_ octets: Span<UInt8>) -> String { String(decoding: octets.bytes, as: UTF8.self) }
}
