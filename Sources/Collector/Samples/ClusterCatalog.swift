import DeltaStream
import KubernetesObjects
import Synchronization

/// What the collector knows of a node: how to reach its kubelet, and what its metrics carry.
struct CatalogNode: Hashable, Sendable {
    var uid: String
    var name: String
    var labels: [String: String]
    struct Address: Hashable, Sendable {
        /// `Hostname`, `InternalIP`, `ExternalIP`, `InternalDNS` or `ExternalDNS`.
        var type: String
        var address: String
    }

    var addresses: [Address]
    /// 0 if the node does not say.
    var kubeletPort: Int
    /// Where this node's kubelet serves its metrics, if not at the usual path.
    var metricsPath: String?
    var isReady: Bool

    /// The annotation by which a node asks to be scraped at another path, as in metrics-server.
    static let metricsPathAnnotation = "metrics.k8s.io/resource-metrics-path"

}

extension CatalogNode {
    init(_ node: Node) {
        uid = node.metadata.uid.string
        name = node.metadata.name.string
        labels = node.metadata.labels.dictionary()
        addresses = node.status.addresses.map { Address(type: $0.type.string, address: $0.address.string) }
        kubeletPort = Int(node.status.daemonEndpoints.kubeletEndpoint.port)
        let path = node.metadata.annotations[Self.metricsPathAnnotation].orEmpty.string
        metricsPath = path.isEmpty ? nil : path
        isReady = node.status.conditions.contains { $0.type == "Ready" && $0.status == "True" }
    }
}

/// A pod as its metrics show it.
struct CatalogPod: Hashable, Sendable {
    var uid: String
    var namespace: String
    var name: String
    var labels: [String: String]
}

/// The nodes and running pods of the cluster, kept current by the delta stream.
///
/// Only running pods have metrics, so only they are held.
final class ClusterCatalog: Sendable {
    private struct State: Sendable {
        /// Objects by bucket and UID, since snapshots replace buckets.
        var nodes = Index<CatalogNode>()
        var pods = Index<CatalogPod>()
        var nodeNames: [String: CatalogNode] = [:]
        var podNames: [String: [String: CatalogPod]] = [:]
        var synced: Set<Resource> = []
    }

    private struct Index<Object: Sendable>: Sendable {
        var buckets: [[String: Object]] = Array(repeating: [:], count: 256)
    }

    private let state = Mutex(State())
    private let undecodable: @Sendable (_ resource: Resource, _ name: String, _ reason: String) -> Void
    private let changes: AsyncStream<Void>.Continuation
    /// Yields whenever the set of nodes, or one of them, may have changed; several changes may come as one.
    let nodeChanges: AsyncStream<Void>

    init(undecodable: @escaping @Sendable (Resource, String, String) -> Void = { _, _, _ in }) {
        self.undecodable = undecodable
        (nodeChanges, changes) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Both nodes and pods are known completely.
    var isSynced: Bool { state.withLock { $0.synced == [.nodes, .pods] } }
    func isSynced(_ resource: Resource) -> Bool { state.withLock { $0.synced.contains(resource) } }

    func node(named name: String) -> CatalogNode? { state.withLock { $0.nodeNames[name] } }

    /// Sorted by name.
    func nodes(where isWanted: (CatalogNode) -> Bool = { _ in true }) -> [CatalogNode] {
        state.withLock { Array($0.nodeNames.values) }.filter(isWanted).sorted { $0.name < $1.name }
    }

    func pod(namespace: String, name: String) -> CatalogPod? { state.withLock { $0.podNames[namespace]?[name] } }

    /// Sorted by namespace, then name. A nil namespace means all.
    func pods(namespace: String?, where isWanted: (CatalogPod) -> Bool = { _ in true }) -> [CatalogPod] {
        let all = state.withLock { state in
            if let namespace { return state.podNames[namespace].map { Array($0.values) } ?? [] }
            return state.podNames.values.flatMap(\.values)
        }
        return all.filter(isWanted).sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    }

    var counts: (nodes: Int, pods: Int) {
        state.withLock { state in (state.nodeNames.count, state.podNames.values.reduce(0) { $0 + $1.count }) }
    }

    // MARK: Changes

    private static func insert(_ node: CatalogNode, bucket: UInt8, to state: inout State) {
        remove(node: node.uid, bucket: bucket, from: &state)
        state.nodes.buckets[Int(bucket)][node.uid] = node
        state.nodeNames[node.name] = node
    }

    private static func remove(node uid: String, bucket: UInt8, from state: inout State) {
        guard let old = state.nodes.buckets[Int(bucket)].removeValue(forKey: uid) else { return }
        // A node made anew under the same name may have arrived first.
        if state.nodeNames[old.name]?.uid == uid { state.nodeNames[old.name] = nil }
    }

    private static func insert(_ pod: CatalogPod, bucket: UInt8, to state: inout State) {
        remove(pod: pod.uid, bucket: bucket, from: &state)
        state.pods.buckets[Int(bucket)][pod.uid] = pod
        state.podNames[pod.namespace, default: [:]][pod.name] = pod
    }

    private static func remove(pod uid: String, bucket: UInt8, from state: inout State) {
        guard let old = state.pods.buckets[Int(bucket)].removeValue(forKey: uid) else { return }
        guard state.podNames[old.namespace]?[old.name]?.uid == uid else { return }
        state.podNames[old.namespace]?[old.name] = nil
        if state.podNames[old.namespace]?.isEmpty == true { state.podNames[old.namespace] = nil }
    }

    private enum Known {
        case node(CatalogNode)
        case pod(CatalogPod)
        /// Not running, or not decodable: nothing is held of it.
        case nothing
    }

    private func decode(_ delta: Delta) -> Known {
        do {
            switch delta.resource {
            case .nodes: return .node(try delta.object.read(as: Node.self) { CatalogNode($0) })
            case .pods:
                return try delta.object.read(as: Pod.self) { pod in
                    guard pod.status.phase == "Running" else { return .nothing }
                    return .pod(
                        CatalogPod(
                            uid: delta.uid, namespace: delta.namespace, name: delta.name,
                            labels: pod.metadata.labels.dictionary()))
                }
            default: return .nothing
            }
        } catch {
            undecodable(delta.resource, "\(delta.namespace)/\(delta.name)", "\(error)")
            return .nothing
        }
    }

    private static func update(_ known: Known, _ delta: Delta, in state: inout State) {
        switch known {
        case .node(let node): insert(node, bucket: delta.bucket, to: &state)
        case .pod(let pod): insert(pod, bucket: delta.bucket, to: &state)
        case .nothing:
            remove(node: delta.uid, bucket: delta.bucket, from: &state)
            remove(pod: delta.uid, bucket: delta.bucket, from: &state)
        }
    }
}

extension ClusterCatalog: DeltaConsumer {
    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        let known = objects.map(decode)
        state.withLock { state in
            let kept = Set(objects.map(\.uid))
            switch resource {
            case .nodes:
                for uid in state.nodes.buckets[Int(bucket)].keys where !kept.contains(uid) {
                    Self.remove(node: uid, bucket: bucket, from: &state)
                }
            case .pods:
                for uid in state.pods.buckets[Int(bucket)].keys where !kept.contains(uid) {
                    Self.remove(pod: uid, bucket: bucket, from: &state)
                }
            default: return
            }
            for (delta, known) in zip(objects, known) { Self.update(known, delta, in: &state) }
        }
        if resource == .nodes { changes.yield() }
    }

    func apply(_ delta: Delta) {
        let known = delta.change == .deleted ? .nothing : decode(delta)
        state.withLock { Self.update(known, delta, in: &$0) }
        if delta.resource == .nodes { changes.yield() }
    }

    func joined(_ resource: Resource, synced: Bool) {
        _ = state.withLock { synced ? $0.synced.insert(resource).inserted : $0.synced.remove(resource) != nil }
    }

    func stale(_ resource: Resource, since: Int64) {}
}
