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
        var nodes = FollowedObjects<Listed<CatalogNode>>(isNamed: true)
        var pods = FollowedObjects<Listed<CatalogPod>>(isNamed: true)
        /// The names of each namespace's pods.
        var namespaces: [String: Set<ObjectKey>] = [:]
        var synced: Set<Resource> = []
        /// What lists begin with, made when one asks and forgotten when it changes: whoever asks pays for the namespaces that changed.
        var nodesByName: [Listed<CatalogNode>]?
        var podsByName: [String: [Listed<CatalogPod>]] = [:]
        var namespacesByName: [String]?
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
            for node in nodes { state.put(Self.entry(node), bucket: Topic.bucket(ofUID: node.uid)) }
            for pod in pods { state.put(Self.entry(pod), bucket: Topic.bucket(ofUID: pod.uid)) }
            state.isAdopted = true
        }
        changes.yield()
    }

    private static func entry(_ node: CatalogNode) -> FollowedObjects<Listed<CatalogNode>>.Entry {
        .init(uid: ObjectKey(uid: node.uid), name: ObjectKey(namespace: "", name: node.name), kept: Listed(node))
    }

    private static func entry(_ pod: CatalogPod) -> FollowedObjects<Listed<CatalogPod>>.Entry {
        .init(uid: ObjectKey(uid: pod.uid), name: ObjectKey(namespace: pod.namespace, name: pod.name), kept: Listed(pod))
    }

    /// Both nodes and pods are known completely.
    var isSynced: Bool { state.withLock { $0.synced == [.nodes, .pods] } }
    /// Whether all objects are known, as the stream says them or as an earlier process has left them.
    func isKnown(_ resource: Resource) -> Bool { state.withLock { $0.isAdopted || $0.synced.contains(resource) } }

    func node(named name: String) -> CatalogNode? {
        state.withLock { $0.nodes.entry(named: ObjectKey(namespace: "", name: name))?.entry.kept.object }
    }

    /// Sorted by name.
    func nodes(where isWanted: (CatalogNode) -> Bool = { _ in true }) -> [CatalogNode] {
        listedNodes().map(\.object).filter(isWanted)
    }

    /// Sorted by name.
    func listedNodes() -> [Listed<CatalogNode>] { state.withLock { $0.sortedNodes() } }

    func pod(namespace: String, name: String) -> CatalogPod? {
        state.withLock { $0.pods.entry(named: ObjectKey(namespace: namespace, name: name))?.entry.kept.object }
    }

    /// By namespaces that are sorted, and in each sorted by name. A nil namespace means all.
    func listedPods(namespace: String?) -> [[Listed<CatalogPod>]] {
        state.withLock { state in
            if let namespace { return [state.sortedPods(of: namespace)] }
            return state.sortedNamespaces().map { state.sortedPods(of: $0) }
        }
    }

    /// What was rendered of objects for answers.
    func forEachRendered(_ body: (RenderedPieces) -> Void) {
        for node in listedNodes() { body(node.pieces) }
        for pods in listedPods(namespace: nil) {
            for pod in pods { body(pod.pieces) }
        }
    }

    var counts: (nodes: Int, pods: Int) { state.withLock { ($0.nodes.count, $0.pods.count) } }

    // MARK: Changes

    private func node(_ delta: Delta) -> FollowedObjects<Listed<CatalogNode>>.Entry? {
        guard let node = decoded(delta, { try $0.read(as: Node.self) { CatalogNode($0) } }) else { return nil }
        return Self.entry(node)
    }

    /// - Returns: nil for a pod that does not run, too: nothing is held of it.
    private func pod(_ delta: Delta) -> FollowedObjects<Listed<CatalogPod>>.Entry? {
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
    /// - Returns: what was held of this node before.
    @discardableResult
    fileprivate mutating func put(_ node: FollowedObjects<Listed<CatalogNode>>.Entry, bucket: UInt8) -> CatalogNode? {
        let held = nodes.kept(uid: node.uid, bucket: bucket)?.object
        guard held != node.kept.object else { return held }
        nodes.upsert(node, bucket: bucket)
        nodesByName = nil
        return held
    }

    /// - Returns: what was held of the node.
    fileprivate mutating func drop(node uid: ObjectKey, bucket: UInt8) -> CatalogNode? {
        guard let old = nodes.remove(uid: uid, bucket: bucket) else { return nil }
        nodesByName = nil
        return old.kept.object
    }

    fileprivate mutating func replace(bucket: UInt8, with entries: FollowedObjects<Listed<CatalogNode>>.Bucket) {
        nodes.replace(bucket: bucket, with: Self.unchanged(nodes.buckets[Int(bucket)], in: entries))
        nodesByName = nil
    }

    /// - Returns: what was held of this pod before.
    @discardableResult
    fileprivate mutating func put(_ pod: FollowedObjects<Listed<CatalogPod>>.Entry, bucket: UInt8) -> CatalogPod? {
        // Most changes of pods are none of what lists show.
        let held = pods.kept(uid: pod.uid, bucket: bucket)?.object
        guard held != pod.kept.object else { return held }
        let old = pods.upsert(pod, bucket: bucket)
        note(pod)
        if let old, old.name != pod.name { forgetName(of: old) }
        return held
    }

    /// - Returns: what was held of the pod.
    fileprivate mutating func drop(pod uid: ObjectKey, bucket: UInt8) -> CatalogPod? {
        guard let old = pods.remove(uid: uid, bucket: bucket) else { return nil }
        forgetName(of: old)
        return old.kept.object
    }

    fileprivate mutating func replace(bucket: UInt8, with entries: FollowedObjects<Listed<CatalogPod>>.Bucket) {
        let old = pods.buckets[Int(bucket)]
        let new = Self.unchanged(old, in: entries)
        pods.replace(bucket: bucket, with: new)
        for entry in old { forgetName(of: entry) }
        for entry in new { note(entry) }
    }

    /// The entries, with what is listed already in the place of those that equal it, so that what was rendered of it goes on.
    private static func unchanged<Object: Equatable>(
        _ old: FollowedObjects<Listed<Object>>.Bucket, in entries: FollowedObjects<Listed<Object>>.Bucket
    ) -> FollowedObjects<Listed<Object>>.Bucket {
        let held = Dictionary(old.map { ($0.uid, $0.kept) }, uniquingKeysWith: { $1 })
        return entries.map { entry in
            guard let listed = held[entry.uid], listed.object == entry.kept.object else { return entry }
            return .init(uid: entry.uid, name: entry.name, kept: listed)
        }
    }

    private mutating func note(_ pod: FollowedObjects<Listed<CatalogPod>>.Entry) {
        let namespace = pod.kept.object.namespace
        if namespaces[namespace] == nil { namespacesByName = nil }
        namespaces[namespace, default: []].insert(pod.name)
        podsByName[namespace] = nil
    }

    /// Unless another pod bears it.
    private mutating func forgetName(of pod: FollowedObjects<Listed<CatalogPod>>.Entry) {
        let namespace = pod.kept.object.namespace
        podsByName[namespace] = nil
        guard pods.entry(named: pod.name) == nil else { return }
        namespaces[namespace]?.remove(pod.name)
        if namespaces[namespace]?.isEmpty == true {
            namespaces[namespace] = nil
            namespacesByName = nil
        }
    }

    fileprivate mutating func sortedNodes() -> [Listed<CatalogNode>] {
        if let nodesByName { return nodesByName }
        var all: [Listed<CatalogNode>] = []
        nodes.forEachNamed { all.append($0) }
        all.sort { $0.object.name < $1.object.name }
        nodesByName = all
        return all
    }

    fileprivate mutating func sortedNamespaces() -> [String] {
        if let namespacesByName { return namespacesByName }
        let all = namespaces.keys.sorted()
        namespacesByName = all
        return all
    }

    fileprivate mutating func sortedPods(of namespace: String) -> [Listed<CatalogPod>] {
        if let sorted = podsByName[namespace] { return sorted }
        guard let names = namespaces[namespace] else { return [] }
        let all = names.compactMap { pods.entry(named: $0)?.entry.kept }.sorted { $0.object.name < $1.object.name }
        podsByName[namespace] = all
        return all
    }
}

extension ClusterCatalog: DeltaConsumer {
    // What is kept for the next process is written behind the lock: all of this is called from one thread, in the stream's order.

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        if resource == .nodes {
            let entries = objects.compactMap(node)
            let old = state.withLock { state in
                let old = state.nodes.buckets[Int(bucket)]
                state.replace(bucket: bucket, with: entries)
                return old
            }
            kept?.replace(old.map(\.kept.object), with: entries.map(\.kept.object))
            changes.yield()
        } else if resource == .pods {
            let entries = objects.compactMap(pod)
            let old = state.withLock { state in
                let old = state.pods.buckets[Int(bucket)]
                state.replace(bucket: bucket, with: entries)
                return old
            }
            kept?.replace(old.map(\.kept.object), with: entries.map(\.kept.object))
            for entry in entries { tell(entry.kept.object, after: old.first { $0.uid == entry.uid }?.kept.object) }
        }
    }

    func apply(_ delta: Delta) {
        let isDeleted = delta.change == .deleted
        let uid = ObjectKey(uid: delta.uid)
        if delta.resource == .nodes {
            let entry = isDeleted ? nil : node(delta)
            let old = state.withLock { state in
                guard let entry else { return state.drop(node: uid, bucket: delta.bucket) }
                return state.put(entry, bucket: delta.bucket)
            }
            kept?.replace(old, with: entry?.kept.object)
            changes.yield()
        } else if delta.resource == .pods {
            let entry = isDeleted ? nil : pod(delta)
            let old = state.withLock { state in
                guard let entry else { return state.drop(pod: uid, bucket: delta.bucket) }
                return state.put(entry, bucket: delta.bucket)
            }
            kept?.replace(old, with: entry?.kept.object)
            if let entry { tell(entry.kept.object, after: old) }
        }
    }

    func joined(_ resource: Resource, synced: Bool) {
        _ = state.withLock { synced ? $0.synced.insert(resource).inserted : $0.synced.remove(resource) != nil }
    }

    func stale(_ resource: Resource, since: Int64) {}
}
