import Hummingbird
import KubernetesObjects
import NIOCore

/// One watch request, ready to run.
struct WatchSession: Sendable {
    /// Synthetic ADDED events before the live ones.
    var initial: [StoredObject]
    var version: UInt64
    var type: ResourceType
    var selection: Selection
    var representation: Representation
    var sendsBookmarks: Bool
    /// WatchList: a bookmark says where the initial events end.
    var marksInitialEnd: Bool
    var timeout: Duration
    var bell: ObjectStore.Bell
    /// Of the versions that it goes by.
    var epoch: Int
    /// Already known to be hopeless: the answer is this error in a frame.
    var failure: StatusError?
    var request: RequestDescription
}

extension APIServer {
    func watch(_ call: Call, _ type: ResourceType, _ namespace: String?) throws(StatusError) -> Answer {
        let representation = try call.representation(type)
        let selection = try selection(call, type, namespace)
        let isWatchList = call.target.flag("sendInitialEvents")
        let sendsBookmarks = call.target.flag("allowWatchBookmarks")
        if call.target["sendInitialEvents"] != nil {
            guard call.target["resourceVersionMatch"] == "NotOlderThan" else {
                throw StatusError(
                    code: 422, reason: "Invalid",
                    message: "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
                        + "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
            }
            guard !isWatchList || sendsBookmarks else {
                throw StatusError(
                    code: 422, reason: "Invalid",
                    message: "ListOptions.meta.k8s.io \"\" is invalid: allowWatchBookmarks: Forbidden: "
                        + "sendInitialEvents requires setting allowWatchBookmarks to true")
            }
        }
        let asked = call.target["resourceVersion"].flatMap { $0.isEmpty ? nil : UInt64($0) }
        // The bell hangs before the state is read, so that nothing falls between.
        let bell = store.hangBell(type.resource)
        let (current, epoch, objects, failure) = try store.read {
            database throws(StatusError) -> (UInt64, Int, [StoredObject], StatusError?) in
            let wantsInitial = isWatchList || (call.target["sendInitialEvents"] == nil && (asked ?? 0) == 0)
            if wantsInitial {
                if let asked, asked > database.lastVersion { throw .tooLarge(requested: asked, current: database.lastVersion) }
                return (
                    database.lastVersion, database.epoch,
                    database.objects(type.resource, namespace: namespace).filter(selection.matches), nil
                )
            }
            let start = asked ?? database.lastVersion
            do throws(StatusError) {
                _ = try database.events(of: type, after: start)
                return (start, database.epoch, [], nil)
            } catch {
                return (start, database.epoch, [], error)
            }
        }
        let seconds =
            call.target["timeoutSeconds"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
            ?? Int.random(in: 1800...3600)
        let session = WatchSession(
            initial: objects, version: current, type: type, selection: selection, representation: representation,
            sendsBookmarks: sendsBookmarks, marksInitialEnd: isWatchList, timeout: .seconds(seconds), bell: bell,
            epoch: epoch, failure: failure,
            request: call.description)
        return Answer(contentType: representation.contentType(isWatch: true), body: .watch(session))
    }

    /// Writes frames until the client leaves, the time is up or the simulator stops.
    func run(_ session: WatchSession, _ writer: inout any ResponseBodyWriter) async throws {
        defer { store.takeDown(session.bell) }
        do {
            try await send(session, &writer)
        } catch is WatchEnded {}
        try await writer.finish(nil)
    }

    private func send(_ session: WatchSession, _ writer: inout any ResponseBodyWriter) async throws {
        if let failure = session.failure {
            try await writer.write(WatchFrame.error(failure, session.representation))
            return
        }
        let alarm = WatchAlarm(watchTime, lasting: session.timeout, session.sendsBookmarks ? bookmarks : nil)
        // Rings when a bookmark or the end is due; everything else rings from the store.
        alarm.arm { session.bell.ring.yield() }
        defer { alarm.disarm() }
        var batch = FrameBatch(session: session, conduct: conduct)
        for object in session.initial {
            let event = StoreEvent(kind: .added, object: object, previous: nil)
            try await batch.add(try event.frame(batch.form(.added)), to: &writer)
        }
        if session.marksInitialEnd {
            try await batch.add(
                WatchFrame.bookmark(
                    session.type, version: session.version, endsInitialEvents: true, session.representation),
                to: &writer)
        }
        batch.isInitial = false
        // Even a watch without events answers at once: clients wait for the head.
        try await batch.flush(to: &writer)
        var version = session.version
        var rings = session.bell.rings.makeAsyncIterator()
        repeat {
            let events: ArraySlice<StoreEvent>?
            do {
                events = try store.read { database throws(StatusError) in
                    guard database.epoch == session.epoch else { return nil }
                    return try database.events(of: session.type, after: version)
                }
            } catch {
                try await batch.add(WatchFrame.error(error, session.representation), to: &writer)
                try await batch.flush(to: &writer)
                break
            }
            guard let events else { throw ConnectionCut() }
            for event in events {
                version = event.resourceVersion
                if let kind = Self.transition(event, session.selection) {
                    try await batch.add(try event.frame(batch.form(kind)), to: &writer)
                }
            }
            let due = alarm.due
            if due.isBookmark {
                version = try currentVersion(of: session.type, atLeast: version)
                try await batch.add(
                    WatchFrame.bookmark(
                        session.type, version: version, endsInitialEvents: false, session.representation),
                    to: &writer)
            }
            try await batch.flush(to: &writer)
            if alarm.hasEnded { break }
            if due.isDue { alarm.arm { session.bell.ring.yield() } }
        } while await rings.next() != nil
    }

    /// The newest version of the whole cluster, when nothing of the type has happened that the watcher has not seen.
    private func currentVersion(of type: ResourceType, atLeast version: UInt64) throws(StatusError) -> UInt64 {
        try store.read { database throws(StatusError) in
            try database.events(of: type, after: version).isEmpty ? max(version, database.lastVersion) : version
        }
    }

    /// What a change means to a watcher that sees only selected objects.
    static func transition(_ event: StoreEvent, _ selection: Selection) -> StoreEvent.Kind? {
        if selection.isEverything && selection.namespace == nil { return event.kind }
        let isSelected = event.kind != .deleted && selection.matches(event.object)
        let wasSelected = event.previous.map(selection.matches) ?? false
        switch (wasSelected, isSelected) {
        case (false, false): return nil
        case (false, true): return .added
        case (true, true): return .modified
        case (true, false): return .deleted
        }
    }
}

/// Frames of a watch, written together when several are due at once.
private struct FrameBatch {
    let session: WatchSession
    let conduct: any ServerConduct
    private let isHonest: Bool
    var isInitial = true
    private var waiting = ByteBuffer()

    init(session: WatchSession, conduct: any ServerConduct) {
        self.session = session
        self.conduct = conduct
        isHonest = conduct is HonestConduct
    }

    func form(_ kind: StoreEvent.Kind) -> WatchFrame.Form {
        WatchFrame.Form(kind: kind, representation: session.representation)
    }

    mutating func add(_ frame: ByteBuffer, to writer: inout any ResponseBodyWriter) async throws {
        if isHonest {
            waiting.writeImmutableBuffer(frame)
        } else {
            switch await conduct.willSend(frame, of: session.request, isInitial: isInitial) {
            case .send: waiting.writeImmutableBuffer(frame)
            case .drop: break
            case .replace(let frames): for other in frames { waiting.writeImmutableBuffer(other) }
            case .end(let last):
                waiting.writeImmutableBuffer(last)
                try await flush(to: &writer)
                throw WatchEnded()
            case .cut(let count):
                waiting.writeBytes(frame.readableBytesView.prefix(count))
                try await flush(to: &writer)
                throw ConnectionCut()
            case .hang:
                // The head of the answer must be out: silence begins after it.
                if waiting.readableBytes == 0 { try await writer.write(ByteBuffer()) } else { try await flush(to: &writer) }
                // Rings end when the client leaves or the simulator stops.
                for await _ in session.bell.rings {}
                throw ConnectionCut()
            }
        }
        if waiting.readableBytes > 1 << 18 { try await flush(to: &writer) }
    }

    mutating func flush(to writer: inout any ResponseBodyWriter) async throws {
        guard waiting.readableBytes > 0 else { return }
        try await writer.write(waiting)
        waiting = ByteBuffer()
    }
}

/// Ends a watch in good order.
private struct WatchEnded: Error {}

/// Ends a response in the middle, and its connection with it.
struct ConnectionCut: Error {}
