import Glibc

/// Time of day.
public enum WallClock {
    /// Nanoseconds since 1970-01-01 UTC.
    public static func nanoseconds() -> Int64 {
        var time = timespec()
        // Safe: fills the struct.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Time that only goes forward, for time-outs.
enum MonotonicClock {
    static func nanoseconds() -> Int64 {
        var time = timespec()
        // Safe: fills the struct.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension Duration {
    /// Saturating at about 292 years.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : whole + attoseconds / 1_000_000_000
    }
}
