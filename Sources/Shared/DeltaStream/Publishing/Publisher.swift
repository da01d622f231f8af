public import MizzenSystem
public import KubernetesObjects
public import Logging
import Synchronization

import CZeroMQ
import Glibc

/// Publishes what the watcher learns, and answers with snapshots of it.
///
/// `upsert`, `delete` and the others may be called from any thread: one mutex guards store and PUB socket together, so
/// that sequences leave in order. They never wait for a subscriber: what one cannot take is dropped for that one alone,
/// which it sees as a gap. ``run()`` sends heartbeats and answers requests on a thread of its own.
public final class Publisher: Sendable {
    public struct Options: Sendable {
        /// Deltas that wait for one subscriber before it loses some. At 4 KiB an object the default is 32 MiB for a
        /// subscriber that has stopped reading; what several wait for is held once.
        public var sendHighWaterMark: Int32 = 8192
        public var heartbeatInterval: Duration = .seconds(1)
        /// An answer ends with the bucket in which its objects reach this many bytes.
        public var snapshotBytes = 1 << 20
        /// Answers that wait for one asker before further ones are dropped.
        public var snapshotHighWaterMark: Int32 = 2
        public var transport = Transport()
        /// Past deltas that are kept in memory for subscribers that were away, in bytes, by resource. Those of other resources are not kept:
        /// who missed some is answered with objects.
        public var backlogs: [Resource: Int] = [:]
        /// A relay's heartbeats are its upstream's, passed on when they come (see StreamStore+Relay.swift).
        public var forwardsHeartbeats = false

        public init() {}
    }

    let outlet: Mutex<Outlet>
    private let snapshots: Mutex<SnapshotServer>
    private let authenticator: Authenticator?
    private let waker: Waker
    private let options: Options
    private let logger: Logger
    /// Where the sockets are bound; a port given as `*` has become a number.
    public let deltasEndpoint: String
    public let snapshotsEndpoint: String

    /// Binds both endpoints.
    /// - Parameters:
    ///   - store: what has been published before; a new watcher gives an empty one with a random stream id.
    ///   - history: opened together with `store`; nil: a restart begins a new stream.
    ///   - now: the wall clock in nanoseconds since 1970-01-01 UTC.
    public init(
        deltas: String, snapshots: String, store: sending StreamStore, history: sending StreamHistory? = nil,
        options: Options = Options(), logger: Logger, now: @escaping @Sendable () -> Int64 = WallClock.nanoseconds
    ) throws(DeltaStreamError) {
        let deltasAt = try Endpoint(deltas, transport: options.transport)
        let snapshotsAt = try Endpoint(snapshots, transport: options.transport)
        let locks = try Self.claim([deltasAt, snapshotsAt])
        let context = try ZeroMQContext(keeping: locks)
        authenticator = try (deltasAt.keys ?? snapshotsAt.keys).map { keys throws(DeltaStreamError) in
            try Authenticator(keys, in: context, logger: logger)
        }
        let publish = try ZeroMQSocket(.publish, in: context)
        publish.set(ZMQ_SNDHWM, options.sendHighWaterMark)
        try publish.adapt(to: deltasAt, as: .publisher)
        let handshakes = try HandshakeMonitor(publish, of: deltasAt, as: .publisher, logger: logger)
        try publish.bind(deltas, as: "watcher")
        try deltasAt.restrictToOwner()
        let router = try ZeroMQSocket(.router, in: context)
        router.set(ZMQ_SNDHWM, options.snapshotHighWaterMark)
        try router.adapt(to: snapshotsAt, as: .publisher)
        router.set(ZMQ_RCVHWM, 64 as Int32)
        router.set(ZMQ_MAXMSGSIZE, SnapshotServer.longestRequest)
        // A client that comes back under its old name gets its answers, not the connection it left behind.
        router.set(ZMQ_ROUTER_HANDOVER, 1 as Int32)
        try router.bind(snapshots, as: "watcher")
        try snapshotsAt.restrictToOwner()
        deltasEndpoint = publish.lastEndpoint
        snapshotsEndpoint = router.lastEndpoint
        waker = try Waker.forStream()
        self.options = options
        self.logger = logger
        var store = store
        store.keepDeltas(options.backlogs)
        outlet = Mutex(Outlet(store: store, history: history, socket: publish, handshakes: handshakes, now: now))
        self.snapshots = Mutex(SnapshotServer(socket: router, answerBytes: options.snapshotBytes))
    }

    private static func claim(_ endpoints: [Endpoint]) throws(DeltaStreamError) -> [EndpointLock] {
        var locks: [EndpointLock] = []
        do {
            for endpoint in endpoints {
                if let lock = try endpoint.claim(as: "watcher") { locks.append(lock) }
            }
        } catch {
            for lock in locks { lock.release() }
            throw error
        }
        return locks
    }

    /// Makes resources known before their first object, so that subscribers can join them.
    public func announce(_ resources: [Resource]) {
        outlet.withLock { outlet in
            for resource in resources { outlet.store.announce(resource) }
        }
    }

    /// - Parameter commitTime: nanoseconds since 1970-01-01 UTC; nil: now.
    /// - Returns: what was published; nil when this state of the object had been published already.
    @discardableResult
    public func upsert(_ object: WatchedObject, commitTime: Int64? = nil) -> Delta? {
        upsert([object], commitTime: commitTime).first
    }

    /// As one after the other, but the history has them in one write: for the objects of a list.
    @discardableResult
    public func upsert(_ objects: [WatchedObject], commitTime: Int64? = nil) -> [Delta] {
        outlet.withLock { outlet in
            let time = commitTime ?? outlet.now()
            let deltas = objects.compactMap { outlet.store.upsert($0, commitTime: time) }
            outlet.send(deltas)
            return deltas
        }
    }

    /// - Returns: what was published; nil when no such object was held.
    @discardableResult
    public func delete(_ object: WatchedObject, commitTime: Int64? = nil) -> Delta? {
        outlet.withLock { outlet in
            let delta = outlet.store.delete(object, commitTime: commitTime ?? outlet.now())
            if let delta { outlet.send([delta]) }
            return delta
        }
    }

    /// A full list of the resource begins.
    public func beginReplace(_ resource: Resource) {
        outlet.withLock { $0.store.beginReplace(resource) }
    }

    /// The list is whole: what it did not name is published as deleted.
    @discardableResult
    public func endReplace(_ resource: Resource) -> [Delta] {
        outlet.withLock { outlet in
            let deltas = outlet.store.endReplace(resource, commitTime: outlet.now())
            outlet.send(deltas)
            return deltas
        }
    }

    /// A whole list up to this version has been published: heartbeats say so from now on.
    public func markSynced(_ resource: Resource, resourceVersion: String) {
        outlet.withLock { outlet in
            let isNews = !outlet.store.isSynced(resource)
            outlet.store.markSynced(resource, resourceVersion: resourceVersion)
            // Subscribers wait for this one, so it does not wait for its turn.
            if isNews { outlet.sendHeartbeat(resource, every: options.heartbeatInterval) }
        }
    }

    /// Reads the store, which stays locked meanwhile.
    public func withStore<R>(_ body: (StreamStore) -> sending R) -> sending R {
        outlet.withLock { body($0.store) }
    }

    public var statistics: PublisherStatistics {
        outlet.withLock { $0.statistics }
    }

    /// The resources of which past deltas are kept.
    public var keepsDeltas: [Resource] { options.backlogs.filter { $0.value > 0 }.map(\.key) }

    /// Whether another publisher can go on with this stream.
    public var keepsHistory: Bool { outlet.withLock { $0.history?.isKept == true } }

    /// Sends heartbeats and answers snapshot requests until the task is cancelled. Once per publisher.
    public func run() async throws {
        try await OwnThread.run(name: "mizzen-stream", waker: waker) { [self] in
            guard snapshots.withLockIfAvailable({ self.serve(&$0) }) != nil else {
                throw DeltaStreamError("run() runs already", place: snapshotsEndpoint)
            }
        }
    }

    private func serve(_ server: inout SnapshotServer) {
        let interval = options.heartbeatInterval.nanoseconds
        var nextHeartbeat = MonotonicClock.nanoseconds()
        while true {
            let now = MonotonicClock.nanoseconds()
            if now >= nextHeartbeat {
                if !options.forwardsHeartbeats { sendHeartbeats() }
                outlet.withLock { $0.statistics.refusedConnections += UInt64($0.handshakes?.report() ?? 0) }
                nextHeartbeat = max(nextHeartbeat + interval, now + interval / 2)
            }
            // One bucket between two looks at the sockets.
            let isRenewing = outlet.withLock { $0.history?.renewStep($0.store) == true }
            let milliseconds = isRenewing ? 0 : Int(clamping: max(0, nextHeartbeat - now) / 1_000_000 + 1)
            let ready = server.socket.wait(waker: waker, milliseconds: milliseconds)
            if ready.wake { return }
            // One request between two looks at the clock: an answer takes a few milliseconds.
            if ready.first { server.serveOne(from: outlet, logger: logger) }
        }
    }

    private func sendHeartbeats() {
        for resource in withStore({ $0.announced }) {
            outlet.withLock { $0.sendHeartbeat(resource, every: options.heartbeatInterval) }
        }
    }
}

/// Counts since the publisher began.
public struct PublisherStatistics: Hashable, Sendable {
    public var deltas: UInt64 = 0
    /// Bytes of envelopes, each counted once however many subscribers there are.
    public var bytes: UInt64 = 0
    public var heartbeats: UInt64 = 0
    /// Messages that libzmq did not take at all.
    public var unsent: UInt64 = 0
    public var requests: UInt64 = 0
    /// Requests that were answered with a refusal or not at all.
    public var refusedRequests: UInt64 = 0
    /// Connections over tcp that broke off in the handshake: without keys or with ones that are not allowed.
    public var refusedConnections: UInt64 = 0
    public var snapshotBuckets: UInt64 = 0
    public var snapshotObjects: UInt64 = 0
    public var snapshotBytes: UInt64 = 0
    /// Buckets that were answered with deltas.
    public var replayedBuckets: UInt64 = 0
    /// The deltas in those answers.
    public var replayedDeltas: UInt64 = 0
}

/// Store, its history and PUB socket, under the publisher's mutex.
struct Outlet: ~Copyable {
    var store: StreamStore
    let history: StreamHistory?
    var statistics = PublisherStatistics()
    let now: @Sendable () -> Int64
    private let socket: ZeroMQSocket
    var handshakes: HandshakeMonitor?
    private var encoder = EnvelopeEncoder()
    private var topic = ZeroMQFrame()
    private var body = ZeroMQFrame()
    /// Topics of one resource differ in bucket and namespace only.
    private var names: [Resource: String] = [:]

    init(
        store: consuming StreamStore, history: StreamHistory?, socket: consuming ZeroMQSocket, handshakes: consuming HandshakeMonitor?,
        now: @escaping @Sendable () -> Int64
    ) {
        self.store = store
        self.history = history
        self.socket = socket
        self.handshakes = handshakes
        self.now = now
    }

    mutating func send(_ deltas: [Delta]) {
        history?.append(deltas)
        for delta in deltas { send(delta) }
    }

    private mutating func send(_ delta: Delta) {
        fillTopic(name(of: delta.resource), bucket: delta.bucket, namespace: delta.namespace)
        encoder.encode(delta, into: &body)
        statistics.deltas += 1
        sendFrames()
    }

    /// - Parameter time: nanoseconds since 1970-01-01 UTC; nil: now.
    mutating func sendHeartbeat(_ resource: Resource, every interval: Duration, time: Int64? = nil) {
        let milliseconds = UInt32(clamping: max(1, interval.nanoseconds / 1_000_000))
        let name = name(of: resource)
        for tail in store.nextTails(resource) {
            topic.fill(Topic.tail(name, namespace: tail.namespace).utf8)
            encoder.encode(tail, into: &body)
            sendFrames()
        }
        guard let heartbeat = store.heartbeat(resource, time: time ?? now(), intervalMilliseconds: milliseconds) else { return }
        topic.fill(Topic.heartbeat(name).utf8)
        encoder.encode(heartbeat, into: &body)
        statistics.heartbeats += 1
        sendFrames()
    }

    private mutating func sendFrames() {
        statistics.bytes += UInt64(body.count)
        // A PUB socket drops for who is slow and never says so; what it refuses is refused for all.
        guard socket.send(&topic, more: true), socket.send(&body, more: false) else {
            statistics.unsent += 1
            return
        }
    }

    private mutating func name(of resource: Resource) -> String {
        if let name = names[resource] { return name }
        let name = Topic.name(of: resource)
        names[resource] = name
        return name
    }

    /// As ``Topic/string(_:bucket:namespace:)``, without making the string.
    private mutating func fillTopic(_ name: String, bucket: UInt8, namespace: String) {
        let count = name.utf8.count + 4 + namespace.utf8.count
        unsafe topic.fill(count) { target in
            // Safe: the three parts and two slashes have `count` bytes together.
            var at = 0
            func put(_ bytes: some Collection<UInt8>) {
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[at...]).copyBytes(from: bytes)
                at += bytes.count
            }
            put(name.utf8)
            put(CollectionOfOne(UInt8(ascii: "/")))
            put(Topic.hexadecimal(bucket).utf8)
            put(CollectionOfOne(UInt8(ascii: "/")))
            put(namespace.utf8)
        }
    }
}
