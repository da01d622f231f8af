import DeltaStream

/// The usage of pods, by name and by node.
///
/// Samples of a node name the same containers in the same order, so a container's pod is found where the last sample had it, by comparing
/// names; only what is new is looked up by hash. (Kubelets sort by the containers' names first, so those of a pod are not side by side.)
struct PodShelf: Sendable {
    /// Of a pod that is held, for as long as it is.
    struct Place: Hashable, Sendable {
        fileprivate var index: Int
    }

    /// Over the containers of a sample.
    struct Walk: Sendable {
        /// Of the last sample's containers.
        fileprivate let order: [Place]
        fileprivate var next = 0
        fileprivate let mark: UInt64
    }

    private struct Slot: Sendable {
        var key: UsageStore.PodKey
        /// Nil where nothing is held: the slot is free.
        var usage: PodUsage?
        /// The last walk, or change of a node's pods, that has come by.
        var mark: UInt64 = 0
        /// What that walk has numbered it.
        var number = 0
    }

    private struct NodePods: Sendable {
        /// Exactly the pods whose usage is of the node.
        var places: [Place]
        var order: [Place]
    }

    /// How many containers may have gone at one place before the next is looked up by hash.
    private static let lookahead = 8

    private var slots: [Slot] = []
    private var free: [Int] = []
    private var indices: [UsageStore.PodKey: Int] = [:]
    private var podsOfNode: [String: NodePods] = [:]
    private var marks: UInt64 = 0

    var isEmpty: Bool { indices.isEmpty }
    /// Those that have pods.
    var nodes: some Sequence<String> { podsOfNode.keys }

    func usage(of key: UsageStore.PodKey) -> PodUsage? { indices[key].flatMap { slots[$0].usage } }
    func usage(at place: Place) -> PodUsage? { slots[place.index].usage }
    func key(at place: Place) -> UsageStore.PodKey { slots[place.index].key }

    func forEach(of node: String, _ body: (UsageStore.PodKey, PodUsage) -> Void) {
        for place in podsOfNode[node]?.places ?? [] {
            if let usage = slots[place.index].usage { body(slots[place.index].key, usage) }
        }
    }

    // MARK: Walks

    mutating func walk(over node: String) -> Walk {
        marks += 1
        return Walk(order: podsOfNode[node]?.order ?? [], mark: marks)
    }

    /// Where the container's pod is held; nil if it is not.
    func find(_ container: ContainerReading, in walk: inout Walk) -> Place? {
        for position in walk.next..<min(walk.next + Self.lookahead, walk.order.count) {
            let place = walk.order[position]
            // Whatever had this place may have moved to another node, or be gone.
            guard slots[place.index].usage != nil, slots[place.index].key.names(container) else { continue }
            walk.next = position + 1
            return place
        }
        return indices[UsageStore.PodKey(namespace: container.namespace, name: container.pod)].map { Place(index: $0) }
    }

    /// The number that this walk has given the pod before, or else gets now.
    mutating func number(_ place: Place, in walk: Walk, or number: Int) -> Int {
        if slots[place.index].mark == walk.mark { return slots[place.index].number }
        (slots[place.index].mark, slots[place.index].number) = (walk.mark, number)
        return number
    }

    // MARK: Changes

    /// Holds a pod's usage. It becomes one of its node's with ``setPlaces(_:of:order:)``, and is none of another node's any more at once.
    /// - Parameter place: where it is held already.
    mutating func put(_ usage: PodUsage, _ key: UsageStore.PodKey, at place: Place?) -> Place {
        if let place {
            let former = slots[place.index].usage?.node
            slots[place.index].usage = usage
            if let former, former != usage.node {
                podsOfNode[former]?.places.removeAll { $0 == place }
                if podsOfNode[former]?.places.isEmpty == true { podsOfNode[former] = nil }
            }
            return place
        }
        let index = free.popLast() ?? slots.count
        if index == slots.count { slots.append(Slot(key: key)) }
        slots[index] = Slot(key: key, usage: usage)
        indices[key] = index
        return Place(index: index)
    }

    /// From now on these are the node's pods; what else it had is forgotten.
    /// - Parameter order: of the sample's containers, the pod of each.
    mutating func setPlaces(_ new: [Place], of node: String, order: [Place]) {
        let old = podsOfNode[node]
        if let old, old.places == new {
            if old.order != order { podsOfNode[node]?.order = order }
            return
        }
        marks += 1
        for place in new { slots[place.index].mark = marks }
        for place in old?.places ?? [] where slots[place.index].mark != marks { forget(place) }
        podsOfNode[node] = new.isEmpty ? nil : NodePods(places: new, order: order)
    }

    mutating func removeAll(of node: String) { setPlaces([], of: node, order: []) }

    /// Takes over what an earlier process held of a node. Where another node has a pod of one name, this one has it from now on.
    mutating func adopt(_ pods: [KeptUsage.Pod], of node: String) {
        var taken: Set<UsageStore.PodKey> = []
        let places = pods.filter { taken.insert($0.key).inserted }.map { pod in
            put(PodUsage(node: node, containers: pod.containers), pod.key, at: indices[pod.key].map { Place(index: $0) })
        }
        setPlaces(places, of: node, order: places)
    }

    private mutating func forget(_ place: Place) {
        indices[slots[place.index].key] = nil
        slots[place.index].usage = nil
        free.append(place.index)
    }
}

extension UsageStore.PodKey {
    /// Whether the container is one of this pod's.
    func names(_ container: ContainerReading) -> Bool { name == container.pod && namespace == container.namespace }
}
