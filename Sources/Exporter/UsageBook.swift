import DeltaStream
import KubernetesObjects
import Synchronization

/// What the collectors' newest samples say about nodes and pods that the exporter holds.
///
/// Readings appear only for objects of the stream, under the labels that their object metrics have, so a shard shows the
/// usage of its own objects. They go when the object goes, when a newer sample of the node lacks them, when the node's
/// scrape fails, and when samples stop coming.
final class UsageBook: Sendable {
    /// A node without a new sample for so long has no usage any more, in nanoseconds. Collectors scrape at least every
    /// minute; Prometheus forgets a series after five.
    static let lifetime: Int64 = 180_000_000_000

    private struct State: Sendable {
        struct Node: Sendable {
            var scrapedAt: Int64
            var pods: Set<ObjectStore.Key>
        }
        var nodes: [String: Node] = [:]
        /// The newest sample of each node, until the objects they are about are there.
        var waiting: [String: NodeSample] = [:]
        var awaited: Set<Resource>
    }

    private let state: Mutex<State>
    private let nodeFamilies: FamilySet<NodeUsage>
    private let podFamilies: FamilySet<PodUsage>
    /// The objects; nil where they are not served.
    private let nodes: ObjectStore?
    private let pods: ObjectStore?
    private let nodeObjects: Int
    private let podObjects: Int
    private let nodeUsage = ObjectStore(isIndexed: true)
    private let podUsage = ObjectStore(isIndexed: true)
    private let telemetry: ExporterTelemetry

    let sections: [ExpositionSection]

    init(_ configuration: ExporterConfiguration, nodes: ObjectStore?, pods: ObjectStore?, telemetry: ExporterTelemetry) {
        func families(of resource: Resource) -> Int {
            configuration.renderers.first { $0.resource == resource }?.families.count ?? 0
        }
        (self.nodes, self.pods, self.telemetry) = (nodes, pods, telemetry)
        (nodeObjects, podObjects) = (families(of: .nodes), families(of: .pods))
        (nodeFamilies, podFamilies) = (configuration.nodeUsage, configuration.podUsage)
        state = Mutex(State(awaited: Set((nodes == nil ? [] : [.nodes]) + (pods == nil ? [] : [.pods]))))
        sections = [
            ExpositionSection(resource: "nodes", families: configuration.nodeUsage.descriptions, store: nodeUsage),
            ExpositionSection(resource: "pods", families: configuration.podUsage.descriptions, store: podUsage),
        ]
    }

    func take(_ sample: NodeSample) {
        telemetry.took(sample)
        guard nodes != nil || pods != nil else { return }
        state.withLock { state in
            if state.awaited.isEmpty {
                apply(sample, &state)
            } else if state.waiting[sample.node].map({ $0.scrapedAt < sample.scrapedAt }) ?? true {
                state.waiting[sample.node] = sample
            }
        }
    }

    /// All objects of the resource are there.
    func joined(_ resource: Resource) {
        state.withLock { state in
            state.awaited.remove(resource)
            guard state.awaited.isEmpty else { return }
            for sample in state.waiting.values { apply(sample, &state) }
            state.waiting = [:]
        }
    }

    /// Objects of these names are gone.
    func forget(_ names: [ObjectStore.Key], of resource: Resource) {
        guard !names.isEmpty else { return }
        // The lock orders this after a sample that is being applied and has still found the object.
        state.withLock { _ in
            let store = resource == .pods ? podUsage : resource == .nodes ? nodeUsage : nil
            for name in names { store?.remove(named: name) }
        }
    }

    /// - Parameter now: nanoseconds since 1970-01-01 UTC.
    func expire(now: Int64) {
        state.withLock { state in
            for (name, node) in state.nodes where node.scrapedAt < now - Self.lifetime {
                nodeUsage.remove(named: ObjectStore.Key("", name))
                for pod in node.pods { podUsage.remove(named: pod) }
                state.nodes[name] = nil
            }
        }
    }

    private func apply(_ sample: NodeSample, _ state: inout State) {
        let old = state.nodes[sample.node]
        // Collectors that share a node, or repeat themselves for late subscribers, may send older samples later.
        guard old.map({ $0.scrapedAt < sample.scrapedAt }) ?? true else { return }
        let name = ObjectStore.Key("", sample.node)
        if let (bucket, node) = nodes?.entry(named: name) {
            let usage = NodeUsage(reading: sample.usage, hasFailed: sample.failure != nil)
            let identity = Array(node.record.identity(families: nodeObjects))
            let record = nodeFamilies.record(of: usage, identity: identity)
            nodeUsage.upsert(ObjectStore.Entry(uid: node.uid, name: name, record: record), bucket: bucket)
        } else {
            nodeUsage.remove(named: name)
        }
        let pods = pods == nil ? [] : apply(pods: sample)
        for gone in (old?.pods ?? []).subtracting(pods) { podUsage.remove(named: gone) }
        state.nodes[sample.node] = State.Node(scrapedAt: sample.scrapedAt, pods: pods)
    }

    /// - Returns: the pods that have usage now.
    private func apply(pods sample: NodeSample) -> Set<ObjectStore.Key> {
        var usages: [ObjectStore.Key: PodUsage] = [:]
        for pod in sample.pods { usages[ObjectStore.Key(pod.namespace, pod.pod), default: PodUsage()].reading = pod.reading }
        for container in sample.containers {
            usages[ObjectStore.Key(container.namespace, container.pod), default: PodUsage()].containers.append(container)
        }
        var shown: Set<ObjectStore.Key> = []
        for (name, usage) in usages {
            guard let (bucket, pod) = pods?.entry(named: name) else { continue }
            let identity = Array(pod.record.identity(families: podObjects))
            let record = podFamilies.record(of: usage, identity: identity)
            podUsage.upsert(ObjectStore.Entry(uid: pod.uid, name: name, record: record), bucket: bucket)
            shown.insert(name)
        }
        return shown
    }
}
