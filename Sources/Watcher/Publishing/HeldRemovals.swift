import Names
import RecordTable
import RecordTableWriter

/// Endpoints that a slice has lost and that the record table shows for a moment longer.
///
/// Kubernetes moves endpoints from one slice of a service to another when it packs slices anew: two objects change, in two events, in either
/// order. Taken as they come, the endpoint is in neither slice between a removal and the addition that follows it, and a client is told that the
/// name of a pod, which runs and is ready, does not exist; resolvers then keep that. So while the table has the endpoint's pod, ready and with that
/// address, the removal waits for ``patience``, in which the addition nearly always comes.
///
/// It waits its whole time, also where another slice has the endpoint already. That changes no answer, since equal records are given once, and
/// it is what makes the other order right: a frontend reads a service's slices one after another, and could have read the one slice before the
/// addition and the other after the removal, if both were made between two of its instructions.
///
/// Only the table lags. The stream has each change as it comes.
///
/// Nothing is lost and nothing stays for ever:
/// - What a slice says by itself is in `record`, so a later change, the drift check and a list meet the slice as the API server has it. The time of
///   an endpoint runs from its first removal, however often the slice changes meanwhile.
/// - The pod ends the wait: it is gone, finished, being deleted, not ready, or has another address. So does the end of the service.
/// - A watcher that dies leaves the endpoints in the table. The next one's first list finds them not to be in their slice, which is a removal like
///   any other, and of a slice that the list does not name as well.
/// - There are at most ``limit``; further removals are not held back.
struct HeldRemovals {
    /// A quarter of a second is promised; the rest is for a timer that comes late.
    static let patience = Duration.milliseconds(225)
    /// More than three statefulsets of 10,000 pods that are packed anew at once; some 10 MB.
    static let limit = 32_768

    struct Endpoint {
        var record: EndpointRecord
        var due: ContinuousClock.Instant
    }

    struct Slice {
        /// As the API server has it, or last had it without its endpoints.
        var record: EndpointSliceRecord
        var isGone: Bool
        var endpoints: [Endpoint]

        /// What the table shows.
        var shown: EndpointSliceRecord {
            var shown = record
            shown.endpoints += endpoints.map(\.record)
            return shown
        }
    }

    /// Which of a slice's endpoints one is. Pods of the host's network share addresses.
    struct EndpointKey: Hashable {
        var address: IPAddress?
        var pod: String

        init(_ endpoint: EndpointRecord) {
            address = endpoint.addresses.first
            pod = endpoint.podName
        }
    }

    private(set) var slices: [TableWriter.ObjectName: Slice] = [:]
    /// How many endpoints are held of a pod: a pod's change is looked into only where there are any.
    private var pods: [TableWriter.ObjectName: Int] = [:]
    private(set) var count = 0

    /// The first that is due; nil while there is none.
    var due: ContinuousClock.Instant? { slices.values.lazy.compactMap { $0.endpoints.first?.due }.min() }

    subscript(_ name: TableWriter.ObjectName) -> Slice? { slices[name] }

    func holds(pod: TableWriter.ObjectName) -> Bool { pods[pod] != nil }

    /// The slices with something that is due.
    func due(at now: ContinuousClock.Instant) -> [TableWriter.ObjectName] {
        slices.filter { _, slice in slice.endpoints.contains { $0.due <= now } }.map(\.key)
    }

    /// The slices that hold an endpoint of the pod.
    func slices(of pod: TableWriter.ObjectName) -> [TableWriter.ObjectName] {
        slices.filter { name, slice in
            name.namespace == pod.namespace && slice.endpoints.contains { $0.record.podName == pod.name }
        }.map(\.key)
    }

    func slices(ofService service: TableWriter.ObjectName) -> [TableWriter.ObjectName] {
        slices.filter { name, slice in name.namespace == service.namespace && slice.record.service == service.name }.map(\.key)
    }

    /// Forgets a slice, and says what was held.
    mutating func take(_ name: TableWriter.ObjectName) -> Slice? {
        guard let slice = slices.removeValue(forKey: name) else { return nil }
        for endpoint in slice.endpoints { change(endpoint, of: name, by: -1) }
        return slice
    }

    /// Holds the endpoints of a slice that was taken or is new; the first due stand first.
    mutating func put(_ slice: Slice, _ name: TableWriter.ObjectName) {
        guard !slice.endpoints.isEmpty else { return }
        slices[name] = slice
        for endpoint in slice.endpoints { change(endpoint, of: name, by: 1) }
    }

    private mutating func change(_ endpoint: Endpoint, of slice: TableWriter.ObjectName, by amount: Int) {
        let pod = TableWriter.ObjectName(namespace: slice.namespace, name: endpoint.record.podName)
        let held = pods[pod, default: 0] + amount
        pods[pod] = held > 0 ? held : nil
        count += amount
    }
}
