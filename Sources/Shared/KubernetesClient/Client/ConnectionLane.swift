import AsyncHTTPClient
import NIOCore
import Synchronization

/// One pool of connections to the server: with HTTP/2 that is one connection, with HTTP/1.1 one for each request under way.
final class ConnectionLane: Sendable {
    let http: HTTPClient
    private let load = Mutex(0)
    private let contactAttempt = Mutex(Contact.none)

    private enum Contact: Sendable {
        case none
        case underWay(Task<Void, any Error>)
        case made
    }

    /// How long the first answer may take, from connecting on.
    let contactLimit: Duration

    init(_ configuration: HTTPClient.Configuration, contactLimit: Duration) {
        self.contactLimit = contactLimit
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// A place for one more request; nil when so many are under way.
    func place(limit: Int) -> RequestPlace? {
        let isTaken = load.withLock { load in
            guard load < limit else { return false }
            load += 1
            return true
        }
        return isTaken ? RequestPlace(lane: self) : nil
    }

    fileprivate func leave() { load.withLock { $0 -= 1 } }

    /// Whether no more requests hold places than the server takes.
    func fits(limit: Int) -> Bool { load.withLock { $0 <= limit } }

    /// Before anything else one small request goes alone, so that dozens of watches which start together find out from it that the server
    /// speaks HTTP/2, and how many may share its connection, instead of opening one each.
    /// - Throws: what the request meets; `HTTPClientError.deadlineExceeded` after ``contactLimit``.
    func contact(_ request: @autoclosure @escaping @Sendable () -> HTTPClientRequest) async throws {
        let task = contactAttempt.withLock { contact -> Task<Void, any Error>? in
            switch contact {
            case .made: return nil
            case .underWay(let task): return task
            case .none:
                let started = Task {
                    let response = try await self.http.execute(request(), deadline: .now() + TimeAmount(self.contactLimit), logger: nil)
                    _ = try? await response.body.collect(upTo: 1 << 20)
                }
                contact = .underWay(started)
                return started
            }
        }
        guard let task else { return }
        do {
            // Whoever stops waiting stops the attempt for all, which is right at the end of a process; others try again.
            try await withTaskCancellationHandler {
                try await task.value
            } onCancel: {
                task.cancel()
            }
            conclude(task, .made)
        } catch {
            conclude(task, .none)
            throw error
        }
    }

    /// After a request without an answer the next one begins with a contact again.
    func doubtContact() {
        contactAttempt.withLock { contact in
            if case .made = contact { contact = .none }
        }
    }

    private func conclude(_ task: Task<Void, any Error>, _ result: Contact) {
        contactAttempt.withLock { contact in
            if case .underWay(task) = contact { contact = result }
        }
    }
}

/// Counts one request on its lane for as long as somebody holds this.
final class RequestPlace: Sendable {
    let lane: ConnectionLane

    fileprivate init(lane: ConnectionLane) { self.lane = lane }

    deinit { lane.leave() }
}

/// The lanes to one server: a second one is opened when the server takes no more requests on the first one's connection, as Go's
/// HTTP/2 client does (`StrictMaxConcurrentStreams` of its transport, off by default). The library would let the rest wait for the end of
/// watches that never end.
final class ConnectionLanes: Sendable {
    private struct State {
        var lanes: [ConnectionLane] = []
        /// How many have no use any more, but a connection that never came about and cannot be called off.
        var retired = 0
        var isShutDown = false
    }

    /// Attempts to connect that hang are left alone and tried anew, up to so many.
    static let retiredLimit = 16
    /// How long connections may take to close at the end.
    static let farewell: Duration = .seconds(3)

    private let configuration: HTTPClient.Configuration
    private let contactLimit: Duration
    private let server: ServerTraits
    private let state: Mutex<State>

    init(_ configuration: HTTPClient.Configuration, contactLimit: Duration, server: ServerTraits) {
        self.contactLimit = contactLimit
        self.configuration = configuration
        self.server = server
        state = Mutex(State(lanes: [ConnectionLane(configuration, contactLimit: contactLimit)]))
    }

    /// Requests to a lane.
    var limit: Int { server.streamLimit ?? .max }

    /// - Throws: `CancellationError` after ``shutdown()``.
    func place() throws(CancellationError) -> RequestPlace {
        let limit = limit
        let place = state.withLock { state -> RequestPlace? in
            if state.isShutDown { return nil }
            for lane in state.lanes {
                if let place = lane.place(limit: limit) { return place }
            }
            let lane = ConnectionLane(configuration, contactLimit: contactLimit)
            state.lanes.append(lane)
            return lane.place(limit: limit)
        }
        guard let place else { throw CancellationError() }
        return place
    }

    /// No more requests on this lane: its connection came half way (TLS, but no SETTINGS of HTTP/2), which the library bears without end.
    func retire(_ lane: ConnectionLane) {
        let isRetired = state.withLock { state in
            guard !state.isShutDown, state.retired < Self.retiredLimit,
                let index = state.lanes.firstIndex(where: { $0 === lane })
            else { return false }
            state.retired += 1
            state.lanes.remove(at: index)
            return true
        }
        guard isRetired else { return }
        // Ends when its connection does.
        Task {
            try? await lane.http.shutdown()
            state.withLock { $0.retired -= 1 }
        }
    }

    /// Ends all requests and closes the connections; returns after ``farewell`` even if one does not close.
    func shutdown() async throws {
        let lanes = state.withLock { state in
            guard !state.isShutDown else { return [ConnectionLane]() }
            state.isShutDown = true
            return state.lanes
        }
        let (ended, end) = AsyncThrowingStream.makeStream(of: Void.self)
        let closing = Task {
            var failure: (any Error)?
            for lane in lanes {
                do { try await lane.http.shutdown() } catch { failure = failure ?? error }
            }
            end.finish(throwing: failure)
        }
        let limit = Task {
            try await Task.sleep(for: Self.farewell)
            closing.cancel()
            end.finish()
        }
        defer { limit.cancel() }
        for try await _ in ended {}
    }
}
