import CMizzenSystem
import Glibc

/// Ends another thread's wait for descriptors (eventfd).
public final class Waker: Sendable {
    /// Readable from `wake` until `clear`.
    public let descriptor: Descriptor

    public init() throws(SystemError) {
        descriptor = Descriptor(try systemCall("eventfd") { mz_wake_create() })
    }

    /// From any thread, also when nobody waits yet.
    public func wake() { _ = mz_wake(descriptor.raw) }

    public func clear() { _ = mz_wake_clear(descriptor.raw) }

    /// Waits until woken, or until the other descriptor can be read, at most `milliseconds`.
    ///
    /// - Returns: whether it was woken; it stays so.
    public func wait(or other: Int32, milliseconds: Int32) -> Bool {
        var items = [
            pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0),
            pollfd(fd: other, events: Int16(POLLIN), revents: 0),
        ]
        // Safe: two items. An interrupted wait finds nothing, and the caller looks again.
        _ = unsafe poll(&items, 2, milliseconds)
        return items[0].revents != 0
    }
}
