import MizzenSystem
import CMizzenSystem

/// Waits for sockets (epoll). One thread uses it; `Waker` is for the others.
final class Poller {
    struct Interest: OptionSet {
        let rawValue: UInt32
        static let readable = Interest(rawValue: UInt32(MZ_READABLE))
        static let writable = Interest(rawValue: UInt32(MZ_WRITABLE))
        /// Reported, never asked for: the peer is gone or a connect failed.
        static let failed = Interest(rawValue: UInt32(MZ_FAILED))
    }

    private static let capacity = 64
    private let descriptor: Descriptor
    private var events = [mz_event](repeating: mz_event(token: 0, ready: 0), count: capacity)

    init() throws(SystemError) {
        descriptor = Descriptor(try systemCall("epoll_create1") { mz_poll_create() })
    }

    /// - Parameter token: comes back with every event of this descriptor. Closing the descriptor ends the registration.
    func add(_ added: Descriptor, _ interest: Interest, token: UInt64) throws(SystemError) {
        try systemCall("epoll_ctl") { mz_poll_add(descriptor.raw, added.raw, interest.rawValue, token) }
    }

    func change(_ changed: Descriptor, _ interest: Interest, token: UInt64) throws(SystemError) {
        try systemCall("epoll_ctl") { mz_poll_change(descriptor.raw, changed.raw, interest.rawValue, token) }
    }

    /// Waits for at most `milliseconds`, nil for ever. Returns how many events `event(_:)` has.
    func wait(milliseconds: Int32?) throws(SystemError) -> Int {
        let timeout = milliseconds ?? -1
        return Int(
            try systemCall("epoll_wait") {
                // Safe: the array has `capacity` events, as the call is told.
                unsafe events.withUnsafeMutableBufferPointer {
                    unsafe mz_poll_wait(descriptor.raw, $0.baseAddress, Int32(Self.capacity), timeout)
                }
            })
    }

    func event(_ index: Int) -> (token: UInt64, ready: Interest) {
        (events[index].token, Interest(rawValue: events[index].ready))
    }
}

/// Nanoseconds of the monotonic clock.
typealias Instant = UInt64

func monotonicNow() -> Instant { mz_now() }

/// How long it is until `deadline`; 0 behind it. An upstream may close its stream, or cut its answer short, at any moment, so a
/// deadline may have passed before its timer is looked at.
func nanoseconds(from now: Instant, until deadline: Instant) -> UInt64 { now < deadline ? deadline - now : 0 }

extension Duration {
    /// As a span between two instants: whole nanoseconds, 0 for anything negative.
    var span: UInt64 { UInt64(max(0, nanoseconds)) }
}
