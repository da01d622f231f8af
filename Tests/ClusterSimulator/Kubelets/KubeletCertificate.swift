import KubernetesObjects

/// What a simulated kubelet shows to those who connect.
public enum KubeletCertificate: Sendable, Hashable {
    /// Of the cluster's authority, for 127.0.0.1.
    case usual
    /// Of the cluster's authority, for these names and addresses.
    case named([String])
    case expired
    case notYetValid
    /// Good, and to end in so many days.
    case expiring(days: Int)
    /// Of an authority of its own, as a kubelet makes one for itself, for these names and addresses.
    case foreign([String])
    /// A certificate and its key, in PEM.
    case given(certificate: String, key: String)
    /// The usual one; but clients must have a certificate of an authority that nobody has one of.
    case strangersOnly
}

extension ClusterSimulator {
    /// From now on the node's kubelet serves new connections so; those that stand go on.
    public func setKubeletCertificate(_ certificate: KubeletCertificate, ofNode node: String) throws {
        try farm?.serve(node, with: certificate)
    }

    /// The node's kubelet does not listen any more.
    public func stopKubelet(ofNode node: String) async { await farm?.stop(node) }

    /// Where the node's kubelet listens; nil where it does not yet.
    public func kubeletPort(ofNode node: String) throws -> Int? {
        try get(.nodes, name: node)?.at("status", "daemonEndpoints", "kubeletEndpoint", "Port")?.integer.map(Int.init)
    }

    /// The node is said to be there, whether it is or not.
    public func setAddresses(_ addresses: [(type: String, address: String)], ofNode node: String) throws {
        let list = addresses.map { JSONValue.present(["type": .string($0.type), "address": .string($0.address)]) }
        try change(.nodes, name: node) { $0.set(.array(list), at: "status", "addresses") }
    }

    /// What the containers of a pod use of the processor, always, in thousandths of a core, by their names.
    public func millicores(namespace: String, pod: String) throws -> [String: UInt64] {
        guard let object = try get(.pods, namespace: namespace, name: pod), let uid = object.at("metadata", "uid")?.string else {
            return [:]
        }
        let names = (object.at("spec", "containers")?.array ?? []).compactMap { $0["name"]?.string }
        return Dictionary(names.map { ($0, NodeLoad.millicores(of: $0, podUID: uid)) }) { first, _ in first }
    }
}
