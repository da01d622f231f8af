import NIOCore
import Synchronization

/// One change in the history, shared by all watchers; its frames are encoded once for each form asked for.
final class StoreEvent: Sendable {
    enum Kind: String, Sendable {
        case added = "ADDED"
        case modified = "MODIFIED"
        case deleted = "DELETED"
    }

    let kind: Kind
    let object: StoredObject
    /// The version before, for modified and deleted objects: decides selector transitions.
    let previous: StoredObject?

    private let frames = Mutex<[WatchFrame.Form: ByteBuffer]>([:])

    init(kind: Kind, object: StoredObject, previous: StoredObject?) {
        self.kind = kind
        self.object = object
        self.previous = previous
    }

    var resourceVersion: UInt64 { object.resourceVersion }

    func frame(_ form: WatchFrame.Form) throws(StatusError) -> ByteBuffer {
        if let known = frames.withLock({ $0[form] }) { return known }
        let frame = try WatchFrame.encode(object, form)
        frames.withLock { $0[form] = frame }
        return frame
    }
}
