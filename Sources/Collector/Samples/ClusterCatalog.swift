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
    fileprivate struct State: Sendable {
        var nodes = FollowedObjects<CatalogNode>(isNamed: true)
        var pods = FollowedObjects<CatalogPod>(isNamed: true)
        /// The names of each namespace's pods.
        var namespaces: [String: Set<ObjectKey>] = [:]
        var synced: Set<Resource> = []
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

    func node(named name: String) -> CatalogNode? {
        state.withLock { $0.nodes.entry(named: ObjectKey(namespace: "", name: name))?.entry.kept }
    }

    /// Sorted by name.
    func nodes(where isWanted: (CatalogNode) -> Bool = { _ in true }) -> [CatalogNode] {
        var all: [CatalogNode] = []
        state.withLock { $0.nodes.forEachNamed { all.append($0) } }
        return all.filter(isWanted).sorted { $0.name < $1.name }
    }

    func pod(namespace: String, name: String) -> CatalogPod? {
        state.withLock { $0.pods.entry(named: ObjectKey(namespace: namespace, name: name))?.entry.kept }
    }

    /// Sorted by namespace, then name. A nil namespace means all.
    func pods(namespace: String?, where isWanted: (CatalogPod) -> Bool = { _ in true }) -> [CatalogPod] {
        var all: [CatalogPod] = []
        state.withLock { state in
            if let namespace {
                all = (state.namespaces[namespace] ?? []).compactMap { state.pods.entry(named: $0)?.entry.kept }
            } else {
                state.pods.forEachNamed { all.append($0) }
            }
        }
        return all.filter(isWanted).sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    }

    var counts: (nodes: Int, pods: Int) { state.withLock { ($0.nodes.count, $0.pods.count) } }

    // MARK: Changes

    private func node(_ delta: Delta) -> FollowedObjects<CatalogNode>.Entry? {
        guard let node = decoded(delta, { try $0.read(as: Node.self) { CatalogNode($0) } }) else { return nil }
        return .init(uid: ObjectKey(uid: delta.uid), name: ObjectKey(namespace: "", name: delta.name), kept: node)
    }

    /// - Returns: nil for a pod that does not run, too: nothing is held of it.
    private func pod(_ delta: Delta) -> FollowedObjects<CatalogPod>.Entry? {
        let running = decoded(delta) { object in
            try object.read(as: Pod.self) { pod -> CatalogPod? in
                guard pod.status.phase == "Running" else { return nil }
                return CatalogPod(
                    uid: delta.uid, namespace: delta.namespace, name: delta.name, labels: pod.metadata.labels.dictionary())
            }
        }
        guard let running = running ?? nil else { return nil }
        return .init(uid: ObjectKey(uid: delta.uid), name: ObjectKey(namespace: delta.namespace, name: delta.name), kept: running)
    }

    private func decoded<Object>(_ delta: Delta, _ decode: (EncodedObject) throws -> Object) -> Object? {
        do {
            return try decode(delta.object)
        } catch {
            undecodable(delta.resource, "\(delta.namespace)/\(delta.name)", "\(error)")
            return nil
        }
    }
}

extension ClusterCatalog.State {
    fileprivate mutating func put(_ pod: FollowedObjects<CatalogPod>.Entry, bucket: UInt8) {
        let old = pods.upsert(pod, bucket: bucket)
        namespaces[pod.kept.namespace, default: []].insert(pod.name)
        if let old, old.name != pod.name { forgetName(of: old) }
    }

    fileprivate mutating func drop(pod uid: ObjectKey, bucket: UInt8) {
        if let old = pods.remove(uid: uid, bucket: bucket) { forgetName(of: old) }
    }

    fileprivate mutating func replace(bucket: UInt8, with entries: FollowedObjects<CatalogPod>.Bucket) {
        let old = pods.buckets[Int(bucket)]
        pods.replace(bucket: bucket, with: entries)
        for entry in old { forgetName(of: entry) }
        for entry in entries { namespaces[entry.kept.namespace, default: []].insert(entry.name) }
    }

    /// Unless another pod bears it.
    private mutating func forgetName(of pod: FollowedObjects<CatalogPod>.Entry) {
        guard pods.entry(named: pod.name) == nil else { return }
        namespaces[pod.kept.namespace]?.remove(pod.name)
        if namespaces[pod.kept.namespace]?.isEmpty == true { namespaces[pod.kept.namespace] = nil }
    }
}

extension ClusterCatalog: DeltaConsumer {
    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        if resource == .nodes {
            let entries = objects.compactMap(node)
            state.withLock { _ = $0.nodes.replace(bucket: bucket, with: entries) }
            changes.yield()
        } else if resource == .pods {
            let entries = objects.compactMap(pod)
            state.withLock { $0.replace(bucket: bucket, with: entries) }
        }
    }

    func apply(_ delta: Delta) {
        let isDeleted = delta.change == .deleted
        let uid = ObjectKey(uid: delta.uid)
        if delta.resource == .nodes {
            let entry = isDeleted ? nil : node(delta)
            state.withLock { state in
                if let entry {
                    _ = state.nodes.upsert(entry, bucket: delta.bucket)
                } else {
                    _ = state.nodes.remove(uid: uid, bucket: delta.bucket)
                }
            }
            changes.yield()
        } else if delta.resource == .pods {
            let entry = isDeleted ? nil : pod(delta)
            state.withLock { state in
                if let entry { state.put(entry, bucket: delta.bucket) } else { state.drop(pod: uid, bucket: delta.bucket) }
            }
        }
    }

    func joined(_ resource: Resource, synced: Bool) {
        _ = state.withLock { synced ? $0.synced.insert(resource).inserted : $0.synced.remove(resource) != nil }
    }

    func stale(_ resource: Resource, since: Int64) {}
}
