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
        var ledger = SampleLedger(lifetime: UsageBook.lifetime)
        /// The pods of each node that have usage.
        var pods: [String: Set<ObjectKey>] = [:]
        /// The newest sample of each node, until the objects they are about are there.
        var waiting: [String: NodeSample] = [:]
        var awaited: Set<Resource>
        /// nil where no labels stand on series.
        var labels: LabelBook?
        /// The measurements of each node's pods, where they are kept.
        var histories: [String: [ObjectKey: PodHistory]] = [:]
    }

    private struct PodHistory: Sendable {
        /// Another pod of the name has used nothing yet.
        var uid: ObjectKey
        var containers: [String: UsageHistory] = [:]
    }

    private let state: Mutex<State>
    private let nodeFamilies: FamilySet<NodeUsage>
    private let podFamilies: FamilySet<PodUsage>
    /// Whether a family is served that needs them.
    private let keepsHistories: Bool
    /// The objects; nil where they are not served.
    private let nodes: ObjectStore?
    private let pods: ObjectStore?
    private let nodeUsage: ObjectStore
    private let podUsage: ObjectStore
    private let telemetry: ExporterTelemetry
    private let now: @Sendable () -> SampleMoment

    let sections: [ExpositionSection]

    init(
        _ configuration: ExporterConfiguration, nodes: ObjectStore?, pods: ObjectStore?, telemetry: ExporterTelemetry,
        now: @escaping @Sendable () -> SampleMoment
    ) {
        (self.nodes, self.pods, self.telemetry, self.now) = (nodes, pods, telemetry, now)
        (nodeFamilies, podFamilies) = (configuration.nodeUsage, configuration.podUsage)
        let spreads = Set(containerSpreadFamilies.map(\.name))
        keepsHistories = podFamilies.descriptions.contains { spreads.contains($0.name) }
        let labels = configuration.labels?.shown ?? [:]
        nodeUsage = ObjectStore(families: nodeFamilies.descriptions, isNamed: true, lists: labels[.nodes]?.usageLists ?? [])
        podUsage = ObjectStore(families: podFamilies.descriptions, isNamed: true, lists: labels[.pods]?.usageLists ?? [])
        state = Mutex(State(awaited: Set((nodes == nil ? [] : [.nodes]) + (pods == nil ? [] : [.pods]))))
        sections = [
            ExpositionSection(
                resource: "nodes", families: configuration.nodeUsage.descriptions, store: nodeUsage,
                following: labels[.nodes]?.following ?? []),
            ExpositionSection(
                resource: "pods", families: configuration.podUsage.descriptions, store: podUsage, following: labels[.pods]?.following ?? []),
        ]
    }

    /// Where the usage of objects is, which ``LabelBook`` keeps current beside the objects themselves.
    var stores: [Resource: ObjectStore] { [.nodes: nodeUsage, .pods: podUsage] }

    /// Usage has the labels from now on that its objects have there.
    func use(_ labels: LabelBook) { state.withLock { $0.labels = labels } }

    func take(_ sample: NodeSample) {
        telemetry.took(sample)
        guard nodes != nil || pods != nil else { return }
        state.withLock { state in
            // Collectors that share a node, or repeat themselves for late subscribers, may send older samples later.
            guard state.ledger.admits(sample, at: now()), state.ledger.isCurrent(sample.node) else { return }
            if state.awaited.isEmpty {
                apply(sample, &state)
            } else {
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
    func forget(_ names: [ObjectKey], of resource: Resource) {
        guard !names.isEmpty else { return }
        // The lock orders this after a sample that is being applied and has still found the object.
        state.withLock { _ in
            let store = resource == .pods ? podUsage : resource == .nodes ? nodeUsage : nil
            for name in names { store?.remove(named: name) }
        }
    }

    /// Drops the usage of nodes whose samples have stopped coming.
    func expire() {
        state.withLock { state in
            for name in state.ledger.sweep(at: now()).gone {
                nodeUsage.remove(named: ObjectKey(namespace: "", name: name))
                for pod in state.pods.removeValue(forKey: name) ?? [] { podUsage.remove(named: pod) }
                state.waiting[name] = nil
                state.histories[name] = nil
            }
        }
    }

    private func apply(_ sample: NodeSample, _ state: inout State) {
        let name = ObjectKey(namespace: "", name: sample.node)
        if let (bucket, uid, labels) = nodes?.identity(named: name) {
            let usage = NodeUsage(reading: sample.usage, hasFailed: sample.failure != nil, summary: sample.summary)
            let record = nodeFamilies.record(of: usage, identity: labels)
            put(ObjectStore.Entry(uid: uid, name: name, record: record), bucket: bucket, of: .nodes, state.labels)
        } else {
            nodeUsage.remove(named: name)
        }
        let pods = pods == nil ? [] : apply(pods: sample, &state)
        for gone in (state.pods[sample.node] ?? []).subtracting(pods) { podUsage.remove(named: gone) }
        state.pods[sample.node] = pods
    }

    /// - Returns: the pods that have usage now.
    private func apply(pods sample: NodeSample, _ state: inout State) -> Set<ObjectKey> {
        var usages: [ObjectKey: PodUsage] = [:]
        for pod in sample.pods { usages[ObjectKey(namespace: pod.namespace, name: pod.pod), default: PodUsage()].reading = pod.reading }
        for container in sample.containers {
            usages[ObjectKey(namespace: container.namespace, name: container.pod), default: PodUsage()].containers.append(container)
        }
        for pod in sample.summary?.pods ?? [] {
            usages[ObjectKey(namespace: pod.namespace, name: pod.pod), default: PodUsage()].summary = pod
        }
        let former = state.histories[sample.node] ?? [:]
        var histories: [ObjectKey: PodHistory] = [:]
        var shown: Set<ObjectKey> = []
        for (name, usage) in usages {
            guard let (bucket, uid, labels) = pods?.identity(named: name) else { continue }
            var usage = usage
            if keepsHistories {
                let history = Self.history(
                    after: usage.containers, former[name].flatMap { $0.uid == uid ? $0 : nil } ?? PodHistory(uid: uid))
                usage.spreads = Self.spreads(of: history)
                histories[name] = history
            }
            let record = podFamilies.record(of: usage, identity: labels)
            put(ObjectStore.Entry(uid: uid, name: name, record: record), bucket: bucket, of: .pods, state.labels)
            shown.insert(name)
        }
        // A scrape that failed says nothing about what was measured before it.
        if keepsHistories, sample.failure == nil { state.histories[sample.node] = histories }
        return shown
    }

    /// Containers that are gone are forgotten.
    private static func history(after containers: [ContainerReading], _ former: PodHistory) -> PodHistory {
        var history = PodHistory(uid: former.uid)
        for container in containers {
            var points = former.containers[container.container] ?? UsageHistory()
            points.note(container.reading)
            history.containers[container.container] = points
        }
        return history
    }

    private static func spreads(of history: PodHistory) -> [ContainerSpread] {
        history.containers.sorted { $0.key < $1.key }.flatMap { name, points in
            UsageWindow.allCases.map { window in
                let (cpu, memory) = points.spread(over: window)
                return ContainerSpread(container: name, window: window, cpu: cpu, memory: memory)
            }
        }
    }

    private func put(_ entry: ObjectStore.Entry, bucket: UInt8, of resource: Resource, _ labels: LabelBook?) {
        if let labels {
            labels.put(entry, bucket: bucket, usageOf: resource)
        } else {
            (resource == .nodes ? nodeUsage : podUsage).upsert(entry, bucket: bucket)
        }
    }
}
