import DeltaStream
import KubernetesObjects
import MizzenSystem
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
    /// Where it runs, and since when its newest container does (nanoseconds since 1970, 0 if the kubelet has not said): not kept over a
    /// restart, as the stream tells it again.
    var node = ""
    var started: Int64 = 0
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
        /// Whether what an earlier process knew is held, or has been until the stream said better.
        var isAdopted = false
    }

    private let state = Mutex(State())
    private let undecodable: @Sendable (_ resource: Resource, _ name: String, _ reason: String) -> Void
    private let changes: AsyncStream<Void>.Continuation
    /// Yields whenever the set of nodes, or one of them, may have changed; several changes may come as one.
    let nodeChanges: AsyncStream<Void>
    private let starts: AsyncStream<PodStart>.Continuation
    /// Pods that have begun to run, or to run anew, in the last minutes. Of very many at once the oldest may be missing.
    let podStarts: AsyncStream<PodStart>
    /// Where the next process finds what this one knows.
    private let kept: SampleTable?

    /// - Parameter kept: what an earlier process knew holds until the stream says something else, bucket by bucket.
    init(kept: SampleTable? = nil, undecodable: @escaping @Sendable (Resource, String, String) -> Void = { _, _, _ in }) {
        self.undecodable = undecodable
        self.kept = kept
        (nodeChanges, changes) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (podStarts, starts) = AsyncStream.makeStream(of: PodStart.self, bufferingPolicy: .bufferingNewest(10_000))
        if let kept { adopt(kept) }
    }

    private func adopt(_ kept: SampleTable) {
        let (nodes, pods) = (kept.nodes(), kept.pods())
        guard !nodes.isEmpty else { return }
        state.withLock { state in
            for node in nodes { state.nodes.upsert(Self.entry(node), bucket: Topic.bucket(ofUID: node.uid)) }
            for pod in pods { state.put(Self.entry(pod), bucket: Topic.bucket(ofUID: pod.uid)) }
            state.isAdopted = true
        }
        changes.yield()
    }

    private static func entry(_ node: CatalogNode) -> FollowedObjects<CatalogNode>.Entry {
        .init(uid: ObjectKey(uid: node.uid), name: ObjectKey(namespace: "", name: node.name), kept: node)
    }

    private static func entry(_ pod: CatalogPod) -> FollowedObjects<CatalogPod>.Entry {
        .init(uid: ObjectKey(uid: pod.uid), name: ObjectKey(namespace: pod.namespace, name: pod.name), kept: pod)
    }

    /// Both nodes and pods are known completely.
    var isSynced: Bool { state.withLock { $0.synced == [.nodes, .pods] } }
    /// Whether all objects are known, as the stream says them or as an earlier process has left them.
    func isKnown(_ resource: Resource) -> Bool { state.withLock { $0.isAdopted || $0.synced.contains(resource) } }

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
        return Self.entry(node)
    }

    /// - Returns: nil for a pod that does not run, too: nothing is held of it.
    private func pod(_ delta: Delta) -> FollowedObjects<CatalogPod>.Entry? {
        let running = decoded(delta) { object in
            try object.read(as: Pod.self) { pod -> CatalogPod? in
                guard pod.status.phase == "Running" else { return nil }
                return CatalogPod(
                    uid: delta.uid, namespace: delta.namespace, name: delta.name, labels: pod.metadata.labels.dictionary(),
                    node: pod.spec.nodeName.string, started: Self.newestStart(of: pod))
            }
        }
        return (running ?? nil).map(Self.entry)
    }

    private static func newestStart(of pod: Pod) -> Int64 {
        let seconds = pod.status.containerStatuses.compactMap { $0.state.running?.startedAt?.seconds }.max() ?? 0
        // What is beyond 2262 is nobody's start.
        let (start, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? 0 : start
    }

    /// Whatever started longer ago than any pod is waited for need not be told.
    private static let toldFor: Int64 = 600_000_000_000

    private func tell(_ pod: CatalogPod, after old: CatalogPod?) {
        guard pod.started > old?.started ?? 0, !pod.node.isEmpty, pod.started > WallClock.nanoseconds() - Self.toldFor else { return }
        starts.yield(PodStart(pod: .init(namespace: pod.namespace, name: pod.name), node: pod.node, at: pod.started))
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
    /// - Returns: what was held of this pod before.
    @discardableResult
    fileprivate mutating func put(_ pod: FollowedObjects<CatalogPod>.Entry, bucket: UInt8) -> CatalogPod? {
        let old = pods.upsert(pod, bucket: bucket)
        namespaces[pod.kept.namespace, default: []].insert(pod.name)
        if let old, old.name != pod.name { forgetName(of: old) }
        return old?.kept
    }

    /// - Returns: what was held of the pod.
    fileprivate mutating func drop(pod uid: ObjectKey, bucket: UInt8) -> CatalogPod? {
        guard let old = pods.remove(uid: uid, bucket: bucket) else { return nil }
        forgetName(of: old)
        return old.kept
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
    // What is kept for the next process is written behind the lock: all of this is called from one thread, in the stream's order.

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        if resource == .nodes {
            let entries = objects.compactMap(node)
            let old = state.withLock { state in
                let old = state.nodes.buckets[Int(bucket)]
                state.nodes.replace(bucket: bucket, with: entries)
                return old
            }
            kept?.replace(old.map(\.kept), with: entries.map(\.kept))
            changes.yield()
        } else if resource == .pods {
            let entries = objects.compactMap(pod)
            let old = state.withLock { state in
                let old = state.pods.buckets[Int(bucket)]
                state.replace(bucket: bucket, with: entries)
                return old
            }
            kept?.replace(old.map(\.kept), with: entries.map(\.kept))
            for entry in entries { tell(entry.kept, after: old.first { $0.uid == entry.uid }?.kept) }
        }
    }

    func apply(_ delta: Delta) {
        let isDeleted = delta.change == .deleted
        let uid = ObjectKey(uid: delta.uid)
        if delta.resource == .nodes {
            let entry = isDeleted ? nil : node(delta)
            let old = state.withLock { state in
                guard let entry else { return state.nodes.remove(uid: uid, bucket: delta.bucket)?.kept }
                return state.nodes.upsert(entry, bucket: delta.bucket)?.kept
            }
            kept?.replace(old, with: entry?.kept)
            changes.yield()
        } else if delta.resource == .pods {
            let entry = isDeleted ? nil : pod(delta)
            let old = state.withLock { state in
                guard let entry else { return state.drop(pod: uid, bucket: delta.bucket) }
                return state.put(entry, bucket: delta.bucket)
            }
            kept?.replace(old, with: entry?.kept)
            if let entry { tell(entry.kept, after: old) }
        }
    }

    func joined(_ resource: Resource, synced: Bool) {
        _ = state.withLock { synced ? $0.synced.insert(resource).inserted : $0.synced.remove(resource) != nil }
    }

    func stale(_ resource: Resource, since: Int64) {}
}
