import KubernetesObjects

/// All objects of one type in the order of their keys, and the recent changes. A plain value: copying `objects` keeps a
/// consistent page of a list alive while the collection moves on.
struct ObjectCollection: Sendable {
    let type: ResourceType
    private(set) var objects: [StoredObject] = []
    private(set) var history: [StoreEvent] = []
    /// Events at the start of `history` that do not count any more; removed in bulk.
    private var dropped = 0
    /// Watches can resume from this version and later ones.
    private(set) var oldestResumable: UInt64
    /// Keys of pods by node, so that a kubelet's scrape does not look through all pods.
    private(set) var keysByNode: [String: Set<String>] = [:]

    init(type: ResourceType, oldestResumable: UInt64) {
        self.type = type
        self.oldestResumable = oldestResumable
    }

    /// - Returns: where the key is, or where it belongs.
    private func position(of key: String) -> (index: Int, found: Bool) {
        let index = Self.lowerBound(of: key, in: objects)
        return (index, index < objects.count && objects[index].key == key)
    }

    subscript(key: String) -> StoredObject? {
        let (index, found) = position(of: key)
        return found ? objects[index] : nil
    }

    /// Objects of one namespace, or all.
    func objects(namespace: String?) -> ArraySlice<StoredObject> {
        Self.range(of: objects, namespace: type.resource.isNamespaced ? namespace : nil)
    }

    /// The part of a sorted array that lies in a namespace: "0" follows "/".
    static func range(of objects: [StoredObject], namespace: String?) -> ArraySlice<StoredObject> {
        guard let namespace else { return objects[...] }
        return objects[lowerBound(of: namespace + "/", in: objects)..<lowerBound(of: namespace + "0", in: objects)]
    }

    private static func lowerBound(of key: String, in objects: [StoredObject]) -> Int {
        if let last = objects.last, last.key < key { return objects.count }
        var low = 0
        var high = objects.count
        while low < high {
            let middle = (low + high) / 2
            if objects[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func objects(onNode node: String) -> [StoredObject] {
        (keysByNode[node] ?? []).sorted().compactMap { self[$0] }
    }

    mutating func store(_ object: StoredObject) {
        let (index, found) = position(of: object.key)
        if found {
            forgetNode(of: objects[index])
            objects[index] = object
        } else {
            objects.insert(object, at: index)
        }
        if let node = object.nodeName { keysByNode[node, default: []].insert(object.key) }
    }

    mutating func remove(_ key: String) {
        let (index, found) = position(of: key)
        guard found else { return }
        forgetNode(of: objects[index])
        objects.remove(at: index)
    }

    private mutating func forgetNode(of object: StoredObject) {
        if let node = object.nodeName { keysByNode[node]?.remove(object.key) }
    }

    mutating func record(_ event: StoreEvent, limit: Int) {
        history.append(event)
        let excess = history.count - dropped - limit
        if excess > 0 {
            dropped += excess
            oldestResumable = history[dropped - 1].resourceVersion
        }
        if dropped > max(limit, 64) {
            history.removeFirst(dropped)
            dropped = 0
        }
    }

    /// As when etcd compacts: no watch can resume from before `version`.
    mutating func forgetHistory(upTo version: UInt64) {
        history.removeAll { $0.resourceVersion <= version }
        dropped = 0
        oldestResumable = max(oldestResumable, version)
    }

    /// Changes after a version, in order.
    /// - Throws: `expired` when some of them are forgotten.
    func events(after version: UInt64) throws(StatusError) -> ArraySlice<StoreEvent> {
        guard version >= oldestResumable else {
            throw .expired(requested: version, oldest: oldestResumable)
        }
        var low = dropped
        var high = history.count
        while low < high {
            let middle = (low + high) / 2
            if history[middle].resourceVersion <= version { low = middle + 1 } else { high = middle }
        }
        return history[low...]
    }
}
