import KubernetesObjects
import Synchronization

/// Guards the database: one change at a time, with the controllers' answer to it, then the watchers are told.
final class ObjectStore: Sendable {
    private let state: Mutex<State>
    private let controllers: @Sendable (inout ObjectDatabase) -> Void

    private struct State {
        var database: ObjectDatabase
        var watchers: [Resource: [UInt64: AsyncStream<Void>.Continuation]] = [:]
        var nextWatcher: UInt64 = 0
        var isClosed = false
    }

    init(_ database: ObjectDatabase, controllers: @escaping @Sendable (inout ObjectDatabase) -> Void) {
        state = Mutex(State(database: database))
        self.controllers = controllers
    }

    func read<Result>(_ body: (borrowing ObjectDatabase) throws(StatusError) -> Result) throws(StatusError) -> Result {
        let outcome = state.withLock { state -> Swift.Result<Result, StatusError> in
            do throws(StatusError) { return .success(try body(state.database)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    /// Changes the database, runs the controllers until they have nothing more to do, and wakes watchers.
    func write<Result>(_ body: (inout ObjectDatabase) throws(StatusError) -> Result) throws(StatusError) -> Result {
        let (outcome, woken) = state.withLock {
            state -> (Swift.Result<Result, StatusError>, [AsyncStream<Void>.Continuation]) in
            let outcome: Swift.Result<Result, StatusError>
            do throws(StatusError) { outcome = .success(try body(&state.database)) } catch { outcome = .failure(error) }
            controllers(&state.database)
            let woken = state.database.changedTypes.flatMap { state.watchers[$0]?.values.map { $0 } ?? [] }
            state.database.changedTypes.removeAll()
            return (outcome, woken)
        }
        for watcher in woken { watcher.yield() }
        return try outcome.get()
    }

    /// Wake-up calls for one watcher: at most one waits, since a watcher reads all that is new.
    struct Bell: Sendable {
        let rings: AsyncStream<Void>
        let ring: AsyncStream<Void>.Continuation
        fileprivate let id: UInt64
        fileprivate let resource: Resource
    }

    func hangBell(_ resource: Resource) -> Bell {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[resource, default: [:]][state.nextWatcher] = continuation
            if state.isClosed { continuation.finish() }
            return state.nextWatcher
        }
        return Bell(rings: stream, ring: continuation, id: id, resource: resource)
    }

    func takeDown(_ bell: Bell) {
        state.withLock { _ = $0.watchers[bell.resource]?.removeValue(forKey: bell.id) }
        bell.ring.finish()
    }

    /// Ends every watch.
    func close() {
        let all = state.withLock { state in
            state.isClosed = true
            return state.watchers.values.flatMap(\.values)
        }
        for watcher in all { watcher.finish() }
    }

    var watcherCount: Int { state.withLock { $0.watchers.values.reduce(0) { $0 + $1.count } } }
}
