import Glibc

/// Time of day.
public enum WallClock {
    /// Nanoseconds since 1970-01-01 UTC.
    public static func nanoseconds() -> Int64 { read(CLOCK_REALTIME) }
}

/// Time since the boot, suspended time included; nobody sets this clock.
public enum BootClock {
    public static func nanoseconds() -> UInt64 { UInt64(max(0, read(CLOCK_BOOTTIME))) }
}

/// Time that only goes forward, for time-outs. It stands still while the machine is suspended.
public enum MonotonicClock {
    public static func nanoseconds() -> Int64 { read(CLOCK_MONOTONIC) }
}

private func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    // Safe: clock_gettime fills the structure that it is given; these clocks exist on every Linux that Swift runs on.
    unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

extension Duration {
    /// Saturating at about 292 years.
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflows) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows ? (seconds < 0 ? .min : .max) : sum
    }
}
