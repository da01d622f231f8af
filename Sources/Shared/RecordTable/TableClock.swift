import Glibc
import MizzenSystem

/// Which boot of which machine: Linux draws 128 random bits at each.
public struct BootIdentity: Sendable, Equatable {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static let unknown = BootIdentity(high: 0, low: 0)

    /// Of the running system, from /proc/sys/kernel/random/boot_id; `unknown` where that cannot be read.
    public static func current() -> BootIdentity {
        let path = "/proc/sys/kernel/random/boot_id"
        guard let file = try? FileDescriptor(opening: path, flags: O_RDONLY) else { return .unknown }
        var text = [UInt8](repeating: 0, count: 64)
        // Safe: read fills at most as many bytes as the buffer has.
        let count = unsafe text.withUnsafeMutableBytes { unsafe read(file.number, $0.baseAddress, $0.count) }
        let digits = String(decoding: text.prefix(max(0, count)), as: UTF8.self).filter(\.isHexDigit)
        guard digits.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { return .unknown }
        return BootIdentity(high: high, low: low)
    }
}

/// A moment, by the clocks that a table's age is told by.
public struct TableClock: Sendable, Equatable {
    /// Nanoseconds since 1970.
    public var wall: UInt64
    /// Nanoseconds since the boot, sleep included; nobody sets this clock.
    public var sinceBoot: UInt64
    public var boot: BootIdentity

    public init(wall: UInt64, sinceBoot: UInt64, boot: BootIdentity) {
        self.wall = wall
        self.sinceBoot = sinceBoot
        self.boot = boot
    }

    private static let thisBoot = BootIdentity.current()

    public static func now() -> TableClock {
        TableClock(
            wall: UInt64(max(0, WallClock.nanoseconds())), sinceBoot: BootClock.nanoseconds(), boot: thisBoot)
    }
}
