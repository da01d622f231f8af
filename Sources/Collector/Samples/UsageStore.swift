import DeltaStream
import Synchronization

/// One measurement of a node or container that is complete enough to make a rate with another one.
struct MetricsPoint: Hashable, Sendable {
    /// When the CPU counter was 0: nanoseconds since 1970, 0 if the kubelet does not say.
    var start: Int64
    /// Nanoseconds since 1970.
    var time: Int64
    /// Billionths of core seconds since `start`.
    var cpuNanos: UInt64
    var memoryBytes: UInt64

    /// Nil if the reading lacks CPU, memory or time, or says 0 for one of them: kubelets do while a container starts. Nil too for a
    /// time before 1970 or beyond 2262: all times that are held can be subtracted from each other.
    init?(_ reading: Reading) {
        guard let cpu = reading.cpuSecondsTotal, let memory = reading.memoryWorkingSetBytes,
            // CPU and memory are measured together; where they are not, it is the CPU's counter that a rate is made of. One that is repeated
            // beside a new memory would have stood still otherwise.
            let milliseconds = reading.cpuTime ?? reading.memoryTime,
            let cpuNanos = UInt64(truncating: cpu * 1e9), let memoryBytes = UInt64(truncating: memory),
            cpuNanos > 0, memoryBytes > 0, milliseconds >= 0, milliseconds <= .max / 1_000_000
        else { return nil }
        self.start = max(0, reading.startTime.flatMap { Int64(exactly: ($0 * 1e9).rounded(.towardZero)) } ?? 0)
        self.time = milliseconds * 1_000_000
        self.cpuNanos = cpuNanos
        self.memoryBytes = memoryBytes
    }
}

extension UInt64 {
    fileprivate init?(truncating value: Double) {
        guard value >= 0, value < 18_446_744_073_709_551_616 else { return nil }
        self = UInt64(value)
    }
}

/// The newest measurement of something and the one before, whose difference is its usage.
struct PointPair: Hashable, Sendable {
    var last: MetricsPoint
    var previous: MetricsPoint?

    /// Nil if there is no earlier point, if the counter went backwards, or if it grew by more than can be said.
    var usage: (usage: ResourceUsage, window: MeasuredWindow)? {
        guard let previous, last.start >= previous.start, last.cpuNanos >= previous.cpuNanos else { return nil }
        let length = last.time - previous.time
        guard length > 0 else { return nil }
        let seconds = Double(length / 1_000_000_000) + Double(length % 1_000_000_000) / 1e9
        guard let cores = UInt64(truncating: Double(last.cpuNanos - previous.cpuNanos) / seconds) else { return nil }
        return (
            ResourceUsage(cpuNanos: cores, memoryBytes: last.memoryBytes),
            MeasuredWindow(end: last.time, length: length)
        )
    }

    /// What is held after `point` arrived: a rate with whatever was held before is made over the time between two measurements that came,
    /// whichever of them came first.
    ///
    /// The same measurement again keeps the pair. One from between the two takes the place of the last: that one was of the future, or this
    /// one comes late. One that is older than both begins anew, since somebody may have set the clock back for good. So a measurement
    /// out of order has at most no usage itself, and the next one has. A counter that begins anew twice between two measurements, and is
    /// beyond where it was, looks as if it had gone on: nothing tells the two apart.
    func advanced(to point: MetricsPoint) -> PointPair {
        let earlier = point.time > last.time ? last : previous.flatMap { $0.time < point.time ? $0 : nil }
        // Measured before the container's start: of another process.
        if let earlier, point.start > 0, point.start >= earlier.time { return PointPair(last: point, previous: nil) }
        return PointPair(last: point, previous: earlier)
    }
}

/// The two latest measurements of every node and container, and the usage that they make.
///
/// Holds the rules by which metrics-server answers: usage needs two measurements in a row (a failed scrape starts
/// anew), a pod is answered only while each of its containers has two, a restarted container starts anew, and a
/// container younger than the resolution is measured from its start.
///
/// metrics-server drops a node with the first cycle that does not bring it again. Here samples come one by one, some of them
/// from other collectors: a node is answered while its sample is younger than a lifetime, whoever sent it, and forgotten after
/// another, in which a new sample still makes a rate with the old one.
final class UsageStore: Sendable {
    struct PodKey: Hashable, Sendable {
        var namespace: String
        var name: String
    }

    private struct State: Sendable {
        var nodes: [String: NodeUsage] = [:]
        var pods = PodShelf()
        var counts = Counts()
        var countsOfNode: [String: Counts] = [:]
        var ledger: SampleLedger
        /// Numbers what is kept, so that it is taken over in the order in which it came.
        var keptCount: UInt64 = 0
    }

    /// How many nodes and containers have usage to answer with.
    struct Counts: Hashable, Sendable {
        var nodes = 0
        var containers = 0
    }

    private let state: Mutex<State>
    /// Nanoseconds.
    private let resolution: Int64
    let isPartial: Bool
    private let now: @Sendable () -> SampleMoment
    /// Where the next process finds what this one holds.
    private let kept: SampleTable?
    /// Rates over less than this say little: such a young container waits for its second measurement.
    private static let youngestContainer: Int64 = 10_000_000_000

    /// - Parameters:
    ///   - resolution: nanoseconds between two scrapes of a node.
    ///   - lifetime: for how many nanoseconds a sample is answered.
    ///   - isPartial: a container without data leaves itself out, not its pod.
    ///   - kept: what an earlier process held is gone on with, and what this one holds is kept.
    init(
        resolution: Int64, lifetime: Int64, isPartial: Bool = false, kept: SampleTable? = nil,
        now: @escaping @Sendable () -> SampleMoment = { .now }
    ) {
        self.resolution = resolution
        self.isPartial = isPartial
        self.now = now
        self.kept = kept
        var state = State(ledger: SampleLedger(lifetime: lifetime, memory: lifetime))
        if let kept { Self.adopt(kept, into: &state, at: now()) }
        self.state = Mutex(state)
    }

    private static func adopt(_ kept: SampleTable, into state: inout State, at moment: SampleMoment) {
        for usage in kept.usages().sorted(by: { $0.number < $1.number }) {
            guard state.ledger.adopt(usage.sample, of: usage.node, at: moment) else {
                kept.removeUsage(of: usage.node)
                continue
            }
            state.keptCount = max(state.keptCount, usage.number)
            state.nodes[usage.node] = usage.points.map { NodeUsage(points: $0) }
            // Where two nodes have a pod of one name, the one that was written last has it.
            state.pods.adopt(usage.pods, of: usage.node)
        }
        for node in Set(state.nodes.keys).union(state.pods.nodes) { recount(node, in: &state) }
    }

    /// What the next process is to know of a node.
    private func keep(_ node: String, from state: inout State) {
        guard let kept, let sample = state.ledger.held(node) else { return }
        state.keptCount += 1
        var pods: [KeptUsage.Pod] = []
        state.pods.forEach(of: node) { pods.append(KeptUsage.Pod(key: $0, containers: $1.containers)) }
        kept.put(KeptUsage(node: node, number: state.keptCount, sample: sample, points: state.nodes[node]?.points, pods: pods))
    }

    var counts: Counts { current { $0.counts } }

    /// The state without what has ended by now.
    private func current<R>(_ body: (inout State) -> R) -> R {
        state.withLock { state in
            let (ended, gone) = state.ledger.sweep(at: now())
            for node in ended { Self.recount(node, in: &state) }
            for node in gone { drop(node, from: &state) }
            return body(&state)
        }
    }

    /// Takes one scrape of one node, from this collector or another; ``SampleLedger`` says which are ignored.
    func apply(_ sample: NodeSample) {
        current { state in
            guard state.ledger.admits(sample, at: now()) else { return }
            applyNode(sample, to: &state)
            // A pod that is said to be on another node now is kept with that one first: killed in between, both have it, and the later counts.
            for node in [sample.node] + applyPods(sample, to: &state) {
                Self.recount(node, in: &state)
                keep(node, from: &state)
            }
        }
    }

    /// When the sample that is held of a node was made, by the boot clock in nanoseconds.
    func sampleTime(of node: String) -> Int64? { current { $0.ledger.held(node)?.madeAt } }

    /// Whether each of the pod's containers that have been measured on this node has a usage: a pod of the same name may have been on another.
    func isMeasured(_ pod: PodKey, on node: String) -> Bool {
        current { state in
            guard let held = state.pods.usage(of: pod), held.node == node else { return false }
            return held.containers.allSatisfy { $0.points.previous != nil }
        }
    }

    /// Whether anything is held, if only to make a rate with what comes.
    var isEmpty: Bool { current { $0.nodes.isEmpty && $0.pods.isEmpty } }

    /// Forgets nodes that left the cluster, and their pods.
    func forget(node: String) {
        state.withLock { state in
            state.ledger.forget(node: node)
            drop(node, from: &state)
        }
    }

    private func drop(_ node: String, from state: inout State) {
        state.nodes[node] = nil
        state.pods.removeAll(of: node)
        kept?.removeUsage(of: node)
        Self.recount(node, in: &state)
    }

    /// Keeps the totals by what one node changed, not by counting the whole cluster at every scrape.
    private static func recount(_ node: String, in state: inout State) {
        let old = state.countsOfNode[node] ?? Counts()
        var new = Counts()
        if state.ledger.isCurrent(node) {
            new.nodes = state.nodes[node]?.points.previous == nil ? 0 : 1
            state.pods.forEach(of: node) { new.containers += $1.containers.count { $0.points.previous != nil } }
        }
        state.countsOfNode[node] = new == Counts() ? nil : new
        state.counts.nodes += new.nodes - old.nodes
        state.counts.containers += new.containers - old.containers
    }

    private func applyNode(_ sample: NodeSample, to state: inout State) {
        guard sample.failure == nil, let point = sample.usage.flatMap(MetricsPoint.init) else {
            state.nodes[sample.node] = nil
            return
        }
        let held = state.nodes[sample.node]
        let points = held?.points.advanced(to: point) ?? PointPair(last: point)
        if points != held?.points { state.nodes[sample.node] = NodeUsage(points: points) }
    }

    /// What a sample says of one pod.
    private struct MeasuredPod {
        var key: PodKey
        /// Where it is held, by this node or another.
        var place: PodShelf.Place?
        var held: PodUsage?
        var containers: [PodUsage.Container] = []
        /// Whether each of its containers is measured.
        var isWhole = true

        init(_ key: PodKey, at place: PodShelf.Place? = nil, held: PodUsage? = nil) {
            (self.key, self.place, self.held) = (key, place, held)
            containers.reserveCapacity(held?.containers.count ?? 1)
        }
    }

    /// - Returns: the nodes that have lost a pod to this one.
    private func applyPods(_ sample: NodeSample, to state: inout State) -> [String] {
        var losers: Set<String> = []
        let (pods, order) = measured(sample, &state.pods)
        // Where each of them is held from now on; nil for those that are left out.
        let places = pods.map { pod -> PodShelf.Place? in
            guard pod.isWhole || isPartial, !pod.containers.isEmpty else { return nil }
            let containers = Self.sorted(pod.containers)
            // What kubelets have not measured anew need not be rendered anew.
            if let place = pod.place, let held = pod.held, held.node == sample.node, held.containers == containers { return place }
            if let other = pod.held?.node, other != sample.node { losers.insert(other) }
            return state.pods.put(PodUsage(node: sample.node, containers: containers), pod.key, at: pod.place)
        }
        // What is left out is no pod of this node any more.
        state.pods.setPlaces(places.compactMap { $0 }, of: sample.node, order: order.compactMap { places[$0] })
        return Array(losers)
    }

    private static func sorted(_ containers: [PodUsage.Container]) -> [PodUsage.Container] {
        let isSorted = containers.indices.dropFirst().allSatisfy { containers[$0 - 1].name <= containers[$0].name }
        return isSorted ? containers : containers.sorted { $0.name < $1.name }
    }

    /// - Returns: the pods that a sample names, and for each of its containers, which of them it belongs to.
    private func measured(_ sample: NodeSample, _ shelf: inout PodShelf) -> (pods: [MeasuredPod], order: [Int]) {
        var (pods, order): ([MeasuredPod], [Int]) = ([], [])
        guard sample.failure == nil else { return (pods, order) }
        pods.reserveCapacity(sample.pods.count)
        order.reserveCapacity(sample.containers.count)
        var walk = shelf.walk(over: sample.node)
        // Those that are not held.
        var strangers: [PodKey: Int] = [:]
        for container in sample.containers {
            var current = pods.count - 1
            if current >= 0, pods[current].key.names(container) {
                // One behind the other.
            } else if let place = shelf.find(container, in: &walk) {
                current = shelf.number(place, in: walk, or: pods.count)
                if current == pods.count { pods.append(MeasuredPod(shelf.key(at: place), at: place, held: shelf.usage(at: place))) }
            } else {
                let key = PodKey(namespace: container.namespace, name: container.pod)
                current = strangers[key] ?? pods.count
                if current == pods.count {
                    strangers[key] = current
                    pods.append(MeasuredPod(key))
                }
            }
            order.append(current)
            guard let point = MetricsPoint(container.reading) else {
                pods[current].isWhole = false
                continue
            }
            let held = pods[current].held?.containers.first { $0.name == container.container }?.points
            pods[current].containers.append(.init(name: container.container, points: pair(point, held: held)))
        }
        return (pods, order)
    }

    private func pair(_ point: MetricsPoint, held: PointPair?) -> PointPair {
        let age = point.time - point.start
        if point.start > 0, age >= Self.youngestContainer, age < resolution {
            var birth = point
            birth.time = point.start
            birth.cpuNanos = 0
            return PointPair(last: point, previous: birth)
        }
        return held?.advanced(to: point) ?? PointPair(last: point)
    }

    /// What is measured of these nodes now; nil for one of which nothing is.
    func usage(ofNodes names: [String]) -> [NodeUsage?] {
        current { state in names.map { state.ledger.isCurrent($0) ? state.nodes[$0] : nil } }
    }

    /// As for nodes. The store is locked for some pods at a time: samples that arrive need not wait for a long list.
    func usage(ofPods keys: [PodKey]) -> [PodUsage?] {
        var all: [PodUsage?] = []
        all.reserveCapacity(keys.count)
        for start in stride(from: 0, to: keys.count, by: Self.batch) {
            current { state in
                for key in keys[start..<min(start + Self.batch, keys.count)] {
                    let held = state.pods.usage(of: key)
                    all.append(held.flatMap { state.ledger.isCurrent($0.node) ? $0 : nil })
                }
            }
        }
        return all
    }

    private static let batch = 1024

    func items(of nodes: [CatalogNode]) -> [MetricsItem] {
        zip(nodes, usage(ofNodes: nodes.map(\.name))).compactMap { node, usage in usage?.item(node) }
    }

    func items(of pods: [CatalogPod]) -> [MetricsItem] {
        let keys = pods.map { PodKey(namespace: $0.namespace, name: $0.name) }
        return zip(pods, usage(ofPods: keys)).compactMap { pod, usage in usage?.item(pod, isPartial: isPartial) }
    }
}
