import KubernetesObjects
import MizzenSystem

/// What the cluster holds: objects, one counter of versions, bounded history. A value without locks and clocks' side effects;
/// `ObjectStore` guards it.
struct ObjectDatabase: Sendable {
    /// A change that controllers have not looked at yet.
    struct Change: Sendable {
        var type: ResourceType
        var before: StoredObject?
        var after: StoredObject?
    }

    private(set) var lastVersion: UInt64 = 0
    /// Rises when versions start over. No watch outlives its epoch, as no connection outlives its server.
    private(set) var epoch = 0
    private(set) var collections: [Resource: ObjectCollection] = [:]
    var random: SeededRandom
    var addresses = AddressPool()
    let clock: @Sendable () -> Instant
    let historyLimit: Int
    /// Changes since controllers ran.
    var pendingChanges: [Change] = []
    /// Types whose watchers have news.
    var changedTypes: Set<Resource> = []
    private var nextNode = 0

    init(seed: UInt64, historyLimit: Int, clock: @escaping @Sendable () -> Instant) {
        random = SeededRandom(seed: seed)
        self.historyLimit = historyLimit
        self.clock = clock
    }

    var now: String { clock().text }

    func collection(_ type: ResourceType) -> ObjectCollection {
        collections[type.resource] ?? ObjectCollection(type: type, oldestResumable: 0)
    }

    func object(_ resource: Resource, namespace: String = "", name: String) -> StoredObject? {
        collections[resource]?[StoredObject.key(namespace: namespace, name: name)]
    }

    func objects(_ resource: Resource, namespace: String? = nil) -> ArraySlice<StoredObject> {
        collections[resource]?.objects(namespace: namespace) ?? []
    }

    /// Objects that an owner controls, by `metadata.ownerReferences`.
    func objects(_ resource: Resource, ownedBy owner: StoredObject) -> [StoredObject] {
        objects(resource, namespace: owner.namespace.isEmpty ? nil : owner.namespace)
            .filter { $0.owners.contains(owner.uid) }
    }

    /// The next node in turn that pods may be put on.
    mutating func chooseNode() -> StoredObject? {
        let nodes = objects(.nodes)
        guard !nodes.isEmpty else { return nil }
        for _ in nodes.indices {
            let node = nodes[nodes.startIndex + nextNode % nodes.count]
            nextNode += 1
            if node.tree.at("spec", "unschedulable")?.bool != true { return node }
        }
        return nil
    }

    /// Takes an object as it is, its version included. For captures and generated objects: no history, no controllers.
    mutating func load(_ type: ResourceType, _ tree: JSONValue, keepingVersion: Bool) {
        let captured = tree.at("metadata", "resourceVersion")?.string.flatMap { UInt64($0) }
        let version: UInt64
        if keepingVersion, let captured {
            version = captured
            lastVersion = max(lastVersion, captured)
        } else {
            lastVersion += 1
            version = lastVersion
        }
        let object = StoredObject(type: type, tree: tree, resourceVersion: version)
        collections[type.resource, default: ObjectCollection(type: type, oldestResumable: 0)].store(object)
        addresses.note(object)
    }

    /// The version of a captured list, which counts the changes of all other types too.
    mutating func raiseVersion(to version: UInt64) { lastVersion = max(lastVersion, version) }

    /// What was loaded is no history: watches resume from here on.
    mutating func finishLoading() { forgetHistory() }

    /// Adds or replaces an object under a new version.
    @discardableResult
    mutating func put(_ type: ResourceType, _ tree: JSONValue) -> StoredObject {
        lastVersion += 1
        let object = StoredObject(type: type, tree: tree, resourceVersion: lastVersion)
        var collection = takeCollection(type)
        let previous = collection[object.key]
        if previous == nil { addresses.note(object) }
        collection.store(object)
        collection.record(
            StoreEvent(kind: previous == nil ? .added : .modified, object: object, previous: previous),
            limit: historyLimit)
        collections[type.resource] = collection
        noteChange(Change(type: type, before: previous, after: object))
        return object
    }

    /// Removes an object; its last version carries the version of the removal.
    @discardableResult
    mutating func remove(_ object: StoredObject) -> StoredObject {
        lastVersion += 1
        let last = StoredObject(type: object.type, tree: object.tree, resourceVersion: lastVersion)
        var collection = takeCollection(object.type)
        collection.remove(object.key)
        collection.record(StoreEvent(kind: .deleted, object: last, previous: object), limit: historyLimit)
        collections[object.type.resource] = collection
        noteChange(Change(type: object.type, before: object, after: nil))
        return last
    }

    mutating func forgetHistory() {
        for resource in collections.keys { collections[resource]?.forgetHistory(upTo: lastVersion) }
        oldestForNewTypes = lastVersion
    }

    /// As when a server comes back from a backup into a new history: versions start over, and no watch can resume.
    mutating func restartVersions() {
        lastVersion = 0
        epoch += 1
        for (resource, collection) in collections.sorted(by: { $0.key.plural < $1.key.plural }) {
            var renewed = ObjectCollection(type: collection.type, oldestResumable: 0)
            for object in collection.objects {
                lastVersion += 1
                renewed.store(StoredObject(type: object.type, tree: object.tree, resourceVersion: lastVersion))
            }
            collections[resource] = renewed
        }
        oldestForNewTypes = 0
        forgetHistory()
        changedTypes.formUnion(collections.keys)
    }

    private var oldestForNewTypes: UInt64 = 0

    /// Out of the dictionary, so that changing it does not copy it.
    private mutating func takeCollection(_ type: ResourceType) -> ObjectCollection {
        collections.removeValue(forKey: type.resource)
            ?? ObjectCollection(type: type, oldestResumable: oldestForNewTypes)
    }

    private mutating func noteChange(_ change: Change) {
        pendingChanges.append(change)
        changedTypes.insert(change.type.resource)
    }

    func events(of type: ResourceType, after version: UInt64) throws(StatusError) -> ArraySlice<StoreEvent> {
        // Only after a restart of versions: real servers take the watch, and send nothing until they get there.
        guard version <= lastVersion else { return [] }
        guard let collection = collections[type.resource] else {
            guard version >= oldestForNewTypes else {
                throw .expired(requested: version, oldest: oldestForNewTypes)
            }
            return []
        }
        return try collection.events(after: version)
    }
}
