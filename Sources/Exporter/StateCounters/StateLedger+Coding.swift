import DeltaStream

// How a ledger stands in its file: records that are applied one after the other, each the whole of what changed between two moments: the
// first everything. So the end of any record is a state in which positions, marks and numbers belong together.

extension StateLedger {
    /// Everything, as one record.
    func encodeAll(into encoder: inout RecordEncoder) {
        var all = LedgerChanges()
        all.hasOverflow = true
        all.hasAdmission = true
        for bucket in UInt8.min...UInt8.max {
            if buckets[Int(bucket)].position != nil { all.buckets.insert(bucket) }
            for key in buckets[Int(bucket)].pods.keys { all.set(key, bucket) }
        }
        for at in owners.indices where owners[at] != nil { all.owners.insert(at) }
        encode(all, into: &encoder)
    }

    /// What has changed, as it is now.
    func encode(_ changes: LedgerChanges, into encoder: inout RecordEncoder) {
        encoder.record { record in
            record.put(changes.hasAdmission ? 1 : 0 as UInt8)
            if changes.hasAdmission { record.put(admission) }
            record.put(UInt32(changes.buckets.count))
            for bucket in changes.buckets { record.put(bucket, buckets[Int(bucket)]) }
            record.put(UInt32(changes.owners.count))
            for at in changes.owners { record.put(at, owners[at]) }
            record.put(UInt32(changes.pods.count))
            for pod in changes.pods {
                record.put(pod.bucket)
                record.put(pod.key.high)
                record.put(pod.key.low)
                record.put(buckets[Int(pod.bucket)].pods[pod.key])
            }
            record.put(UInt8(changes.hasOverflow ? overflow.count : 0))
            for (family, number) in changes.hasOverflow ? overflow : [:] {
                record.put(family.rawValue)
                record.put(number)
            }
        }
    }

    /// Takes one record in.
    mutating func decode(_ record: inout RecordDecoder, _ start: Int) throws(HistoryFault) {
        if try record.uint8() == 1 { admission = try record.admission() }
        for _ in 0..<(try record.uint32()) {
            let at = Int(try record.uint8())
            try record.bucket(&buckets[at])
        }
        for _ in 0..<(try record.uint32()) {
            let at = Int(try record.uint32())
            guard at < Self.mostOwners else { throw .damaged(at: start, "more owners than there can be") }
            if let owner = try record.owner() { recall(owner, at: at) } else { recallGone(at: at) }
        }
        for _ in 0..<(try record.uint32()) {
            let bucket = Int(try record.uint8())
            let key = PodKey(high: try record.uint64(), low: try record.uint64())
            buckets[bucket].pods[key] = try record.pod()
        }
        for _ in 0..<(try record.uint8()) {
            guard let family = CountedState.Family(rawValue: try record.uint8()) else { throw .damaged(at: start, "no such family") }
            overflow[family] = try record.uint64()
        }
    }

    /// Places for owners are as many as there were at once, each with pods or numbers.
    static let mostOwners = 1 << 20
}

extension RecordEncoder {
    fileprivate mutating func put(_ admission: StateLedger.Admission) {
        for names in [admission.namespaces, admission.deniedNamespaces] {
            put(UInt32(names.count))
            for name in names.sorted() { put(name) }
        }
        switch admission.nodes {
        case .all: put(0 as UInt8)
        case .none: put(1 as UInt8)
        case .named(let name):
            put(2 as UInt8)
            put(name)
        }
    }

    fileprivate mutating func put(_ number: UInt8, _ bucket: StateLedger.Bucket) {
        put(number)
        put(bucket.resumption == nil ? 0 : 1 as UInt8)
        put(bucket.resumption?.streamID ?? 0)
        put(bucket.resumption?.sequence ?? 0)
        put(UInt64(bitPattern: bucket.since))
    }

    fileprivate mutating func put(_ at: Int, _ owner: StateLedger.OwnerEntry?) {
        put(UInt32(at))
        put(owner == nil ? 0 : 1 as UInt8)
        guard let owner else { return }
        for text in [owner.states.owner.namespace, owner.states.owner.kind, owner.states.owner.name] { put(text) }
        put(UInt64(bitPattern: owner.idleSince ?? -1))
        put(UInt32(owner.states.counts.count))
        for (state, number) in owner.states.counts {
            put(state.family.rawValue)
            put(state.container.map { $0.kind.rawValue } ?? .max)
            put(state.container?.name ?? "")
            put(state.reason)
            put(number)
        }
    }

    fileprivate mutating func put(_ mark: PodMark?) {
        put(mark == nil ? 0 : 1 as UInt8)
        guard let mark else { return }
        put(mark.owner)
        put(mark.controller)
        put(mark.phase)
        put(mark.reason)
        put(mark.disruption)
        put(UInt16(clamping: mark.containers.count))
        for container in mark.containers.prefix(Int(UInt16.max)) {
            put(container.id)
            put(UInt32(bitPattern: container.restarts))
            put(container.isEndCounted ? 1 : 0 as UInt8)
            put(container.ends.before)
            put(container.ends.now)
            put(container.wait)
        }
    }
}

extension RecordDecoder {
    fileprivate mutating func admission() throws(HistoryFault) -> StateLedger.Admission {
        var sets: [Set<String>] = []
        for _ in 0..<2 {
            var names: Set<String> = []
            for _ in 0..<(try uint32()) { names.insert(try text()) }
            sets.append(names)
        }
        var admission = StateLedger.Admission(namespaces: sets[0], deniedNamespaces: sets[1])
        switch try uint8() {
        case 0: admission.nodes = .all
        case 1: admission.nodes = .none
        case 2: admission.nodes = .named(try text())
        default: throw .damaged(at: position, "no such choice of nodes")
        }
        return admission
    }

    fileprivate mutating func bucket(_ bucket: inout StateLedger.Bucket) throws(HistoryFault) {
        let isKnown = try uint8() == 1
        let position = StreamPosition(streamID: try uint64(), sequence: try uint64())
        bucket.position = isKnown ? position : nil
        bucket.since = Int64(bitPattern: try uint64())
    }

    fileprivate mutating func owner() throws(HistoryFault) -> StateLedger.OwnerEntry? {
        guard try uint8() == 1 else { return nil }
        let owner = PodOwner(namespace: try text(), kind: try text(), name: try text())
        var entry = StateLedger.OwnerEntry(states: OwnerStates(owner: owner))
        let idle = Int64(bitPattern: try uint64())
        entry.idleSince = idle < 0 ? nil : idle
        for _ in 0..<(try uint32()) {
            guard let family = CountedState.Family(rawValue: try uint8()) else { throw .damaged(at: position, "no such family") }
            let kind = try uint8()
            let name = try text()
            var state = CountedState(family: family, reason: try text())
            if kind != .max {
                guard let kind = CountedContainer.Kind(rawValue: kind) else { throw .damaged(at: position, "no such kind of container") }
                state.container = CountedContainer(name: name, kind: kind)
            }
            entry.states.counts[state] = try uint64()
        }
        return entry
    }

    fileprivate mutating func pod() throws(HistoryFault) -> PodMark? {
        guard try uint8() == 1 else { return nil }
        var mark = PodMark(owner: try uint32(), controller: try uint64())
        mark.phase = try uint8()
        (mark.reason, mark.disruption) = (try uint64(), try uint64())
        for _ in 0..<(try uint16()) {
            var container = ContainerMark(id: try uint64())
            container.restarts = max(0, Int32(bitPattern: try uint32()))
            container.isEndCounted = try uint8() == 1
            container.ends = .init(before: try uint64(), now: try uint64())
            container.wait = try uint64()
            mark.containers.append(container)
        }
        return mark
    }
}
