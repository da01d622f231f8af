import Names
import RecordTable
import RecordTableWriter

/// Slices in the table: their removals of endpoints wait for a moment (``HeldRemovals``).
extension TableKeeper {
    private typealias Held = HeldRemovals

    /// Writes a slice, with those of its former endpoints that are held back.
    mutating func write(_ record: EndpointSliceRecord) throws(TableError) {
        let name = TableWriter.ObjectName(namespace: record.namespace, name: record.name)
        let earlier = held.take(name)
        var kept: [Held.Endpoint] = []
        do throws(TableError) {
            try writer.upsert(record) { before in
                kept = endpoints(of: before, lostTo: record, earlier)
                return kept.map(\.record)
            }
        } catch {
            // The table keeps its last good record, and what is held in it must not stay.
            if let earlier { held.put(earlier, name) }
            throw error
        }
        held.put(Held.Slice(record: record, isGone: false, endpoints: kept), name)
    }

    /// Removes a slice, or leaves it with those of its endpoints that are held back.
    mutating func removeSlice(_ name: TableWriter.ObjectName) throws(TableError) {
        let earlier = held.take(name)
        guard let before = writer.slice(name.namespace, name.name) else { return }
        var record = before
        record.endpoints = []
        let slice = Held.Slice(record: record, isGone: true, endpoints: endpoints(of: before, lostTo: record, earlier))
        guard !slice.endpoints.isEmpty else { return try writer.removeSlice(namespace: name.namespace, name: name.name) }
        try writer.upsert(slice.shown)
        held.put(slice, name)
    }

    /// Which endpoints of what the table shows stay although the slice does not have them any more.
    private func endpoints(
        of before: EndpointSliceRecord, lostTo record: EndpointSliceRecord, _ earlier: Held.Slice?
    ) -> [Held.Endpoint] {
        // A record has one service and one list of ports for all of its endpoints.
        guard before.service == record.service, before.ports == record.ports, before.addressType == record.addressType else { return [] }
        let own = Set(record.endpoints.map(Held.EndpointKey.init))
        let lost = before.endpoints.filter { !own.contains(Held.EndpointKey($0)) && isAlive($0, record.namespace) }
        guard !lost.isEmpty, writer.service(record.namespace, record.service) != nil else { return [] }
        let now = clock()
        let dues = Dictionary(
            (earlier?.endpoints ?? []).map { (Held.EndpointKey($0.record), $0.due) }, uniquingKeysWith: { first, _ in first })
        let kept = lost.map { Held.Endpoint(record: $0, due: dues[Held.EndpointKey($0)] ?? now + Held.patience) }
        return Array(kept.filter { $0.due > now }.sorted { $0.due < $1.due }.prefix(max(0, Held.limit - held.count)))
    }

    /// Whether an endpoint was answered, and its pod is in the table, ready, with its addresses.
    private func isAlive(_ endpoint: EndpointRecord, _ namespace: String) -> Bool {
        guard endpoint.isReady, !endpoint.podName.isEmpty, !endpoint.addresses.isEmpty,
            let pod = writer.pod(namespace, endpoint.podName), pod.isReady
        else { return false }
        return endpoint.addresses.allSatisfy(pod.addresses.contains)
    }

    // MARK: The end of the wait

    /// When `release` has something to do; nil while nothing is held back.
    var due: ContinuousClock.Instant? { held.due }

    /// Removes what was held back for its time.
    ///
    /// - Throws: the first `TableError`; what could not be removed is tried again after a second.
    mutating func release() throws(TableError) {
        let now = clock()
        try settle(held.due(at: now)) { _, endpoint in endpoint.due > now }
    }

    /// A pod has changed: what is held of it stays only if the pod is as it was.
    mutating func settle(pod: TableWriter.ObjectName) throws(TableError) {
        guard held.holds(pod: pod) else { return }
        try settle(held.slices(of: pod)) { keeper, endpoint in
            endpoint.record.podName != pod.name || keeper.isAlive(endpoint.record, pod.namespace)
        }
    }

    /// A service is gone.
    mutating func settle(service: TableWriter.ObjectName) throws(TableError) {
        try settle(held.slices(ofService: service)) { _, _ in false }
    }

    private mutating func settle(
        _ names: [TableWriter.ObjectName], _ stays: (TableKeeper, Held.Endpoint) -> Bool
    ) throws(TableError) {
        var failure: TableError?
        for name in names {
            guard let slice = held.take(name) else { continue }
            var left = slice
            left.endpoints.removeAll { !stays(self, $0) }
            do throws(TableError) {
                if left.isGone, left.endpoints.isEmpty {
                    try writer.removeSlice(namespace: name.namespace, name: name.name)
                } else {
                    try writer.upsert(left.shown)
                }
                held.put(left, name)
            } catch {
                failure = failure ?? error
                left = slice
                for index in left.endpoints.indices { left.endpoints[index].due = clock() + .seconds(1) }
                held.put(left, name)
            }
        }
        if let failure { throw failure }
    }
}
