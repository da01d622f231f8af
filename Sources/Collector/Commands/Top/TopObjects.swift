import DeltaStream
import KubernetesObjects
import Synchronization

/// The nodes and pods of the cluster with what they ask for and have.
final class TopObjects: DeltaConsumer {
    struct Node: Sendable {
        var catalog: CatalogNode
        var allocatable: ResourceAmounts
        /// How many pods fit on it.
        var pods: Int64?
    }

    struct Pod: Sendable {
        var catalog: CatalogPod
        /// Empty while it is not assigned to one.
        var node: String
        /// It will not run again: what it asked for is free.
        var isOver: Bool
        var isRunning: Bool
        var resources: PodResources
    }

    private struct State {
        var nodes = FollowedObjects<Node>(isNamed: false)
        var pods = FollowedObjects<Pod>(isNamed: false)
        var undecodable = 0
    }

    private let state = Mutex(State())

    /// Sorted by name.
    var nodes: [Node] {
        state.withLock { $0.nodes.buckets.joined().map(\.kept) }.sorted { $0.catalog.name < $1.catalog.name }
    }

    /// Sorted by namespace, then name.
    var pods: [Pod] {
        state.withLock { $0.pods.buckets.joined().map(\.kept) }
            .sorted { ($0.catalog.namespace, $0.catalog.name) < ($1.catalog.namespace, $1.catalog.name) }
    }

    /// Objects that could not be read and are missing.
    var undecodable: Int { state.withLock { $0.undecodable } }

    private func node(_ delta: Delta) -> FollowedObjects<Node>.Entry? {
        let node = read(delta) { object in
            try object.read(as: KubernetesObjects.Node.self) { node in
                Node(
                    catalog: CatalogNode(node), allocatable: ResourceAmounts(node.status.allocatable),
                    pods: node.status.allocatable["pods"].map(\.value))
            }
        }
        return node.map { .init(uid: ObjectKey(uid: delta.uid), name: ObjectKey(namespace: "", name: delta.name), kept: $0) }
    }

    private func pod(_ delta: Delta) -> FollowedObjects<Pod>.Entry? {
        let pod = read(delta) { object in
            try object.read(as: KubernetesObjects.Pod.self) { pod in
                Pod(
                    catalog: CatalogPod(
                        uid: delta.uid, namespace: delta.namespace, name: delta.name, labels: pod.metadata.labels.dictionary()),
                    node: pod.spec.nodeName.string, isOver: pod.status.phase == "Succeeded" || pod.status.phase == "Failed",
                    isRunning: pod.status.phase == "Running", resources: PodResources(pod.spec))
            }
        }
        return pod.map { .init(uid: ObjectKey(uid: delta.uid), name: ObjectKey(namespace: delta.namespace, name: delta.name), kept: $0) }
    }

    private func read<Kept>(_ delta: Delta, _ read: (EncodedObject) throws -> Kept) -> Kept? {
        if let kept = try? read(delta.object) { return kept }
        state.withLock { $0.undecodable += 1 }
        return nil
    }

    func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        if resource == .nodes {
            let entries = objects.compactMap(node)
            state.withLock { _ = $0.nodes.replace(bucket: bucket, with: entries) }
        } else if resource == .pods {
            let entries = objects.compactMap(pod)
            state.withLock { _ = $0.pods.replace(bucket: bucket, with: entries) }
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
        } else if delta.resource == .pods {
            let entry = isDeleted ? nil : pod(delta)
            state.withLock { state in
                if let entry {
                    _ = state.pods.upsert(entry, bucket: delta.bucket)
                } else {
                    _ = state.pods.remove(uid: uid, bucket: delta.bucket)
                }
            }
        }
    }

    func joined(_ resource: Resource, synced: Bool) {}
    func stale(_ resource: Resource, since: Int64) {}
}
