import MizzenSystem
public import KubernetesObjects
public import Logging

/// A resource that a stream carries.
public struct CatalogEntry: Hashable, Sendable {
    public var resource: Resource
    /// The watcher has seen a whole list of it.
    public var synced: Bool
}

/// Asks a watcher which resources its stream carries.
public enum Catalog {
    /// - Parameter timeout: how long to wait for the answer, also while nobody listens yet.
    public static func fetch(
        snapshots: String, transport: Transport = Transport(), timeout: Duration, logger: Logger
    ) async throws -> [CatalogEntry] {
        let endpoint = try Endpoint(snapshots, transport: transport)
        let waker = try Waker.forStream()
        return try await OwnThread.run(name: "mizzen-catalog", waker: waker) {
            try fetch(endpoint, waker: waker, timeout: timeout.nanoseconds, logger: logger)
        }
    }

    private static func fetch(
        _ endpoint: Endpoint, waker: Waker, timeout: Int64, logger: Logger
    ) throws(DeltaStreamError) -> [CatalogEntry] {
        var link = try SnapshotLink(endpoint, in: try ZeroMQContext(), resources: [], logger: logger)
        let request = SnapshotRequest(id: UInt64.random(in: .min ... .max), subject: .catalog)
        link.send(request)
        let deadline = MonotonicClock.nanoseconds() + timeout
        while true {
            while let received = link.receive() {
                if case .success(let answer) = received, answer.requestID == request.id { return answer.catalog }
            }
            let left = deadline - MonotonicClock.nanoseconds()
            // Whoever is refused once is refused again: no use to wait.
            if link.refusals() > 0 {
                throw DeltaStreamError(
                    "the watcher's endpoint refuses this process; the log says why", place: endpoint.text, kind: .unavailable)
            }
            guard left > 0 else {
                throw DeltaStreamError("no watcher answers; is one running?", place: endpoint.text, kind: .unavailable)
            }
            if link.socket.wait(waker: waker, milliseconds: min(1000, Int(left / 1_000_000) + 1)).wake {
                throw DeltaStreamError("stopped before a watcher answered", place: endpoint.text, kind: .unavailable)
            }
        }
    }
}
