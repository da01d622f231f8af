import Glibc
import MizzenSystem
import Names
public import RecordTable

/// The one writer of a record table. Not thread-safe: its owner calls it from one thread at a time.
///
/// An object whose record is unchanged costs no store. Readers never wait for it and it never waits for readers.
public final class TableWriter {
    /// How the writer has spent its stores.
    public struct Statistics: Sendable, Equatable {
        /// Records published (new or in another's place).
        public var writes = 0
        public var removals = 0
        /// Objects that were given but did not differ from what the table held.
        public var unchanged = 0
        public var generations = 0

        public init() {}
    }

    /// The smallest data file: its buckets and the room for its blocks. Pages are set aside as blocks are carved.
    public struct Sizing: Sendable {
        public var bucketCount: Int
        public var capacity: Int
        /// A file whose extents are no larger than this is left as it is, however little of it is in use.
        public var spared = 16 << 20

        /// 32,768 buckets (256 KiB) and room for 64 MiB of blocks.
        public init(bucketCount: Int = 32_768, capacity: Int = 64 << 20, spared: Int = 16 << 20) {
            self.bucketCount = bucketCount
            self.capacity = capacity
            self.spared = spared
        }
    }

    public let path: String
    public private(set) var statistics = Statistics()
    public private(set) var counts = TableStatus.Counts()
    /// How many references the opening had to cut because a power loss had damaged what they led to; one more if records had
    /// vanished without a trace.
    public private(set) var damagedReferences = 0
    /// Why the data file that the control file named could not be used, so that this writer began with an empty one.
    public private(set) var replacedFile: TableError?
    /// Of the writer before this one.
    let formerBoot: BootIdentity
    let control: ControlFile
    private(set) var store: BlockStore
    private let sizing: Sizing
    private let purpose: TablePurpose
    private var resources: [TableStatus.Resource] = []
    /// Writes to refuse before the next try to grow: while the file system is full, each try would copy the whole table.
    private var writesUntilGrowth = 0
    /// Objects of which a change failed half way: an equal record does not prove that the records derived from it are there.
    private var unfinished: Set<TableKey> = []
    #if DEBUG
        /// Changes since the table was opened.
        private var changes = 0
    #endif

    /// Opens the table at `path` for writing, makes it where there is none, and adopts what an earlier writer left.
    ///
    /// - Parameters:
    ///   - identity: who writes, for `TableStatus.writer`; at most 111 bytes are kept.
    ///   - now: wall time in nanoseconds since 1970.
    /// - Throws: `TableError`: another writer, a foreign or damaged file, no permission, no room.
    public convenience init(path: String, identity: String, now: UInt64, sizing: Sizing = Sizing()) throws(TableError) {
        try self.init(path: path, identity: identity, now: now, sizing: sizing, purpose: .records)
    }

    init(path: String, identity: String, now: UInt64, sizing: Sizing, purpose: TablePurpose) throws(TableError) {
        self.path = path
        self.sizing = sizing
        self.purpose = purpose
        try TableWriter.makeFolder(for: path)
        control = try ControlFile.lock(path: path, purpose: purpose)
        formerBoot = control.status(generation: control.generation).boot
        (store, damagedReferences, replacedFile) = try TableWriter.openData(control, path, sizing, purpose)
        TableWriter.removeStrays(of: path, except: control.generation)
        resources = control.status(generation: control.generation).resources
        if damagedReferences > 0 || replacedFile != nil {
            // Names are missing that the cluster has: until the next full lists, what is not found may exist all the same.
            for index in resources.indices { resources[index].isSynced = false }
        }
        // What is kept has nothing that is derived from it, and is not counted.
        if purpose == .records { try adoptRecords() }
        let counts = counts
        let resources = resources
        control.changeStatus { area in
            area.setWriter(process: getpid(), started: now, identity: identity, boot: BootIdentity.current())
            area.counts = counts
            area.resources = resources
        }
    }

    /// The data file that is written now.
    public var generation: UInt64 { store.data.generation }

    /// Bytes of the blocks that hold records.
    public var liveBytes: Int { store.liveBytes }

    // MARK: Records

    /// Publishes a namespace.
    public func upsert(_ record: NamespaceRecord) throws(TableError) {
        if try write(.namespace(record.name), record.payload()) == .inserted { counts.namespaces += 1 }
        try finish()
    }

    public func removeNamespace(_ name: String) throws(TableError) {
        if erase(.namespace(name)) { counts.namespaces -= 1 }
        try finish()
    }

    /// Publishes a service and its addresses.
    public func upsert(_ record: ServiceRecord) throws(TableError) {
        let key = TableKey.service(record.namespace, record.name)
        let payload = record.payload()
        if isUnchanged(key, payload) { return }
        unfinished.insert(key)
        let before = service(record.namespace, record.name)
        let addresses = record.addresses
        for address in addresses {
            _ = try write(.serviceAddress(address, record.namespace, record.name), [])
        }
        if try write(key, payload) == .inserted { counts.services += 1 }
        for address in before?.addresses ?? [] where !addresses.contains(address) {
            erase(.serviceAddress(address, record.namespace, record.name))
        }
        unfinished.remove(key)
        try finish()
    }

    public func removeService(namespace: String, name: String) throws(TableError) {
        let before = service(namespace, name)
        if erase(.service(namespace, name)) { counts.services -= 1 }
        for address in before?.addresses ?? [] { erase(.serviceAddress(address, namespace, name)) }
        try finish()
    }

    /// Publishes an endpoint slice and its addresses; moves it where its service label changed.
    ///
    /// - Parameter keeping: is given what the table has of the slice, if it differs, and says which endpoints the record gets besides its own.
    public func upsert(
        _ record: EndpointSliceRecord, keeping: (EndpointSliceRecord) -> [EndpointRecord] = { _ in [] }
    ) throws(TableError) {
        let key = TableKey.slice(record.namespace, service: record.service, name: record.name)
        var payload = record.payload()
        if holds(.sliceName(record.namespace, record.name), Array(record.service.utf8)), isUnchanged(key, payload) { return }
        let owner = TableKey.sliceName(record.namespace, record.name)
        unfinished.insert(key)
        let before = slice(record.namespace, record.name)
        let kept = before.map(keeping) ?? []
        var record = record
        if !kept.isEmpty {
            record.endpoints += kept
            payload = record.payload()
        }
        let identity = sliceIdentity(record.namespace, record.name)
        let chain = chainHash(record.namespace, record.service)
        let addresses = record.keptAddresses
        for address in addresses {
            _ = try write(.endpointAddress(address, slice: identity), TableKey.bytes(of: chain))
        }
        // Counted at once: if the next write fails, trying again finds the slice there.
        if try write(key, payload) == .inserted, before == nil { counts.slices += 1 }
        _ = try write(owner, Array(record.service.utf8))
        counts.endpoints += record.endpoints.count - (before?.endpoints.count ?? 0)
        if let before {
            if before.service != record.service {
                erase(.slice(record.namespace, service: before.service, name: record.name))
            }
            for address in before.keptAddresses.subtracting(addresses) {
                erase(.endpointAddress(address, slice: identity))
            }
        }
        unfinished.remove(key)
        try finish()
    }

    public func removeSlice(namespace: String, name: String) throws(TableError) {
        guard let before = slice(namespace, name) else { return }
        if erase(.slice(namespace, service: before.service, name: name)) {
            counts.slices -= 1
            counts.endpoints -= before.endpoints.count
        }
        erase(.sliceName(namespace, name))
        let identity = sliceIdentity(namespace, name)
        for address in before.keptAddresses { erase(.endpointAddress(address, slice: identity)) }
        try finish()
    }

    /// Publishes a pod and its addresses.
    public func upsert(_ record: PodRecord) throws(TableError) {
        let key = TableKey.pod(record.namespace, record.name)
        let payload = record.payload()
        if isUnchanged(key, payload) { return }
        unfinished.insert(key)
        let before = pod(record.namespace, record.name)
        for address in record.addresses {
            _ = try write(.podAddress(address, record.namespace, record.name), Array(record.uid.utf8))
        }
        if try write(key, payload) == .inserted { counts.pods += 1 }
        for address in before?.addresses ?? [] where !record.addresses.contains(address) {
            erase(.podAddress(address, record.namespace, record.name))
        }
        unfinished.remove(key)
        try finish()
    }

    public func removePod(namespace: String, name: String) throws(TableError) {
        let before = pod(namespace, name)
        if erase(.pod(namespace, name)) { counts.pods -= 1 }
        for address in before?.addresses ?? [] { erase(.podAddress(address, namespace, name)) }
        try finish()
    }

    /// Whether the table holds just this object, and with it everything that is derived from it: opening the table saw to
    /// that, and each change since has. Counts the object as unchanged.
    private func isUnchanged(_ key: TableKey, _ payload: [UInt8]) -> Bool {
        guard holds(key, payload), !unfinished.contains(key) else { return false }
        statistics.unchanged += 1
        return true
    }

    private func holds(_ key: TableKey, _ payload: [UInt8]) -> Bool {
        guard let place = unsafe store.find(key, hash: key.hash(seed: control.hashSeed)) else { return false }
        // Safe: the place was found just now.
        return unsafe store.isPayload(at: place, payload)
    }

    // MARK: Statements

    /// States how far a resource has got. `isSynced` stays true once it was.
    public func setStatus(resource: String, resourceVersion: String, isSynced: Bool, now: UInt64) {
        var entry = TableStatus.Resource(
            name: resource, resourceVersion: resourceVersion, wallTime: now, isSynced: isSynced)
        if let index = resources.firstIndex(where: { $0.name == resource }) {
            entry.isSynced = isSynced || resources[index].isSynced
            if resourceVersion.isEmpty { entry.resourceVersion = resources[index].resourceVersion }
            resources[index] = entry
        } else {
            resources.append(entry)
        }
    }

    /// States that the writer lives and has written what it heard, and publishes counts and resource states.
    ///
    /// - Parameters:
    ///   - now: wall time in nanoseconds since 1970.
    ///   - sinceBoot: the boot clock in nanoseconds; by default what it reads now.
    public func beat(now: UInt64, sinceBoot: UInt64? = nil) {
        let counts = counts
        let resources = resources
        control.changeStatus { area in
            area.counts = counts
            area.resources = resources
        }
        control.heartbeat = now
        control.heartbeatSinceBoot = sinceBoot ?? BootClock.nanoseconds()
    }

    // MARK: Writing one record

    enum Written { case inserted, replaced, unchanged }

    /// Publishes one record unless the table holds just that.
    func write(_ key: TableKey, _ payload: [UInt8]) throws(TableError) -> Written {
        do {
            return try writeOnce(key, payload)
        } catch {
            guard case .full(_, let needed) = error else { throw error }
            guard writesUntilGrowth == 0 else {
                writesUntilGrowth -= 1
                throw error
            }
            // Out of blocks, not of disk: go on in a larger generation. A full file system fails there again.
            writesUntilGrowth = 1_000
            try switchGeneration(atLeast: needed)
            writesUntilGrowth = 0
            return try writeOnce(key, payload)
        }
    }

    private func writeOnce(_ key: TableKey, _ payload: [UInt8]) throws(TableError) -> Written {
        let hash = key.hash(seed: control.hashSeed)
        if let place = unsafe store.find(key, hash: hash) {
            if unsafe store.isPayload(at: place, payload) {
                statistics.unchanged += 1
                return .unchanged
            }
            // Safe: the place was found just now, and nothing was changed since.
            unsafe try store.replace(place, key: key, hash: hash, payload: payload)
            statistics.writes += 1
            return .replaced
        }
        try store.insert(key, hash: hash, payload: payload)
        statistics.writes += 1
        return .inserted
    }

    @discardableResult
    func erase(_ key: TableKey) -> Bool {
        guard let place = unsafe store.find(key, hash: key.hash(seed: control.hashSeed)) else { return false }
        // Safe: as in `writeOnce`.
        unsafe store.remove(place)
        statistics.removals += 1
        return true
    }

    /// After a change: moves on where the buckets are crowded or the file has become far too large.
    func finish() throws(TableError) {
        let isCrowded = store.recordCount > store.data.bucketCount * 2
        let isSparse =
            store.extentBytes > 4 * max(sizing.capacity / 4, store.liveBytes) && store.extentBytes > sizing.spared
        if isCrowded || isSparse { try switchGeneration(atLeast: 0) }
        checkNowAndThen()
    }

    /// In debug builds: checks the whole table after the first change, the second, the fourth and so on, while it is small. That is
    /// never more than twice the work of the changes. A change that failed half way leaves what the next of its object mends.
    private func checkNowAndThen() {
        #if DEBUG
            changes += 1
            guard changes.nonzeroBitCount == 1, unfinished.isEmpty, store.recordCount <= 4096 else { return }
            checkInvariants()
        #endif
    }

    /// Copies every record into a data file of fitting size, publishes it and removes the old one. Readers go on in the
    /// old file until they see the new number, and those that still map it keep it.
    private func switchGeneration(atLeast needed: Int) throws(TableError) {
        store = try TableWriter.copied(store, control, path, sizing, purpose, atLeast: needed)
        statistics.generations += 1
    }

    // MARK: Keys

    func sliceIdentity(_ namespace: String, _ name: String) -> UInt64 {
        TableKey.sliceName(namespace, name).hash(seed: control.hashSeed)
    }

    func chainHash(_ namespace: String, _ service: String) -> UInt64 {
        TableKey.slice(namespace, service: service, name: "").hash(seed: control.hashSeed)
    }

    func setCounts(_ counts: TableStatus.Counts) { self.counts = counts }
}

extension EndpointSliceRecord {
    /// All addresses of the slice's endpoints, each once.
    var keptAddresses: Set<IPAddress> { Set(endpoints.flatMap(\.addresses)) }
}
