import Names
public import RecordTable

// What the writer reads back from its own table: single records for comparison, all names for relist-by-diff, and the
// repair of derived records after a writer was killed half way through an object.

extension TableWriter {
    /// The record of a service as the table holds it.
    public func service(_ namespace: String, _ name: String) -> ServiceRecord? {
        decode(.service(namespace, name)) { ServiceView($0).record() }
    }

    public func namespace(_ name: String) -> NamespaceRecord? {
        decode(.namespace(name)) { NamespaceView($0).record() }
    }

    public func pod(_ namespace: String, _ name: String) -> PodRecord? {
        decode(.pod(namespace, name)) { PodView($0).record() }
    }

    /// The record of an endpoint slice, whatever service it belongs to.
    public func slice(_ namespace: String, _ name: String) -> EndpointSliceRecord? {
        guard let service = payload(of: .sliceName(namespace, name)) else { return nil }
        let key = TableKey.slice(namespace, service: String(decoding: service, as: UTF8.self), name: name)
        return decode(key) { SliceView($0).record() }
    }

    /// An object's name as relisting compares it.
    public struct ObjectName: Hashable, Sendable {
        /// Empty for a namespace.
        public var namespace: String
        public var name: String

        public init(namespace: String, name: String) {
            self.namespace = namespace
            self.name = name
        }
    }

    public func namespaceNames() -> Set<ObjectName> {
        names(.namespace) { ObjectName(namespace: "", name: String(decoding: $0.first, as: UTF8.self)) }
    }

    public func serviceNames() -> Set<ObjectName> { names(.service, TableWriter.twoPartName) }

    public func sliceNames() -> Set<ObjectName> { names(.sliceName, TableWriter.twoPartName) }

    public func podNames() -> Set<ObjectName> { names(.pod, TableWriter.twoPartName) }

    private static func twoPartName(_ key: TableKey) -> ObjectName {
        ObjectName(
            namespace: String(decoding: key.first, as: UTF8.self), name: String(decoding: key.second, as: UTF8.self))
    }

    private func names(_ kind: RecordKind, _ name: (TableKey) -> ObjectName) -> Set<ObjectName> {
        var names: Set<ObjectName> = []
        store.forEachRecord(of: [kind]) { key, _ in names.insert(name(key)) }
        return names
    }

    func payload(of key: TableKey) -> [UInt8]? {
        guard let place = unsafe store.find(key, hash: key.hash(seed: control.hashSeed)) else { return nil }
        // Safe: found just now.
        return unsafe store.payload(at: place)
    }

    private func decode<R>(_ key: TableKey, _ body: (borrowing RecordCopy) -> R) -> R? {
        guard let payload = payload(of: key) else { return nil }
        return TableWriter.decode(key, payload, body)
    }

    static func decode<R>(_ key: TableKey, _ payload: [UInt8], _ body: (borrowing RecordCopy) -> R) -> R {
        var block = key.first + key.second + key.suffix
        while block.count % 8 != 0 { block.append(0) }
        block += payload
        return body(
            RecordCopy(
                block: block.span, firstLength: key.first.count, secondLength: key.second.count,
                suffixLength: key.suffix.count))
    }

    /// The derived records that the primary ones call for, with their payloads.
    private func derived(from key: TableKey, _ payload: [UInt8]) -> [(TableKey, [UInt8])] {
        switch key.kind {
        case .service:
            let suffix = key.first + [0] + key.second
            let addresses = TableWriter.decode(key, payload) { ServiceView($0).record().addresses }
            return addresses.map { (TableKey(kind: .serviceAddress, first: $0.mappedBytes, suffix: suffix), []) }
        case .slice:
            let name = TableKey(kind: .sliceName, first: key.first, second: key.suffix)
            let identity = TableKey.bytes(of: name.hash(seed: control.hashSeed))
            let chain = TableKey.bytes(of: key.hash(seed: control.hashSeed))
            var addresses: Set<IPAddress> = []
            TableWriter.decode(key, payload) { copy in
                let slice = SliceView(copy)
                for endpoint in 0..<slice.endpointCount {
                    for index in 0..<slice.addressCount(endpoint) { addresses.insert(slice.address(endpoint, index)) }
                }
            }
            return addresses.map { (TableKey(kind: .endpointAddress, first: $0.mappedBytes, suffix: identity), chain) }
                + [(name, key.second)]
        case .pod:
            let suffix = key.first + [0] + key.second
            var uid: [UInt8] = []
            var addresses: [IPAddress] = []
            TableWriter.decode(key, payload) { copy in
                let pod = PodView(copy)
                uid = (0..<pod.uid.count).map { pod.uid[$0] }
                addresses = (0..<pod.addressCount).map { pod.address($0) }
            }
            return addresses.map { (TableKey(kind: .podAddress, first: $0.mappedBytes, suffix: suffix), uid) }
        case .namespace, .serviceAddress, .sliceName, .endpointAddress, .podAddress, .kept:
            return []
        }
    }

    private static let primaryKinds: Set<RecordKind> = [.namespace, .service, .slice, .pod, .kept]

    /// Counts what is there and makes the derived records agree with the primary ones. Writes nothing where they do, and
    /// needs memory for what does not agree and a bit for each place of a block.
    ///
    /// A slice killed on its way from one service to another stands under both; the one that its name record states wins.
    func adoptRecords() throws(TableError) {
        var confirmed = BlockSet(fileSize: store.data.size)
        var missing: [TableKey: [UInt8]] = [:]
        var counts = TableStatus.Counts()
        var doubtful: [TableKey] = []
        store.forEachRecord(of: Self.primaryKinds) { key, payload in
            switch key.kind {
            case .namespace: counts.namespaces += 1
            case .service: counts.services += 1
            case .pod: counts.pods += 1
            case .kept: break
            default:
                let name = TableKey(kind: .sliceName, first: key.first, second: key.suffix)
                if let owner = self.payload(of: name), owner != key.second, holdsSlice(key, of: owner) {
                    doubtful.append(key)
                    return
                }
                counts.slices += 1
                counts.endpoints += TableWriter.decode(key, payload) { SliceView($0).endpointCount }
            }
            for (wanted, content) in derived(from: key, payload) {
                if let place = unsafe store.find(wanted, hash: wanted.hash(seed: control.hashSeed)),
                    // Safe: found just now.
                    unsafe store.isPayload(at: place, content)
                {
                    unsafe confirmed.insert(place.reference.offset)
                } else {
                    missing[wanted] = content
                }
            }
        }
        var strays: [TableKey] = []
        store.forEachPlace { offset, kind in
            guard !Self.primaryKinds.contains(kind), !confirmed.contains(offset), let key = store.record(at: offset).key,
                missing[key] == nil
            else { return }
            strays.append(key)
        }
        for key in doubtful + strays { erase(key) }
        for (key, payload) in missing { _ = try write(key, payload) }
        setCounts(counts)
    }

    /// Whether the slice stands under `service` too.
    private func holdsSlice(_ key: TableKey, of service: [UInt8]) -> Bool {
        payload(of: TableKey(kind: .slice, first: key.first, second: service, suffix: key.suffix)) != nil
    }

    /// Checks every statement that the layout makes about the table at rest.
    ///
    /// - Returns: what is wrong, or nil.
    public func invariantFault() throws(TableError) -> String? {
        if let fault = try store.accountingFault() { return fault }
        var wanted: [TableKey: [UInt8]] = [:]
        var present: [TableKey: [UInt8]] = [:]
        var found = TableStatus.Counts()
        store.forEachRecord { key, payload in
            switch key.kind {
            case .namespace: found.namespaces += 1
            case .service: found.services += 1
            case .pod: found.pods += 1
            case .slice:
                found.slices += 1
                found.endpoints += TableWriter.decode(key, payload) { SliceView($0).endpointCount }
            case .serviceAddress, .sliceName, .endpointAddress, .podAddress: present[key] = payload
            case .kept: break
            }
            for (derivedKey, derivedPayload) in derived(from: key, payload) { wanted[derivedKey] = derivedPayload }
        }
        if found != counts { return "the table holds \(found), the writer counts \(counts)" }
        for (key, payload) in wanted where present[key] != payload { return "the derived record \(key) is missing or wrong" }
        for key in present.keys where wanted[key] == nil { return "the derived record \(key) belongs to nothing" }
        return nil
    }

    /// `invariantFault`, as a trap in debug builds and nothing in release builds.
    public func checkInvariants() {
        #if DEBUG
            do {
                if let fault = try invariantFault() { preconditionFailure(fault) }
            } catch {
                preconditionFailure("\(error)")
            }
        #endif
    }
}
