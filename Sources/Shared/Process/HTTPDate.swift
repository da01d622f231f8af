import Glibc

/// Time as HTTP's headers have it (RFC 9110 section 5.6.7).
enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// - Parameter seconds: since 1970.
    static func text(_ seconds: Int64) -> String {
        var (time, parts) = (time_t(seconds), unsafe tm())
        // Safe: reads and fills the structures that it is given; below only its numbers are read.
        _ = unsafe gmtime_r(&time, &parts)
        let date = unsafe (weekday: Int(parts.tm_wday) % 7, day: parts.tm_mday, month: Int(parts.tm_mon) % 12, year: parts.tm_year + 1900)
        let clock = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map(two).joined(separator: ":")
        return "\(days[date.weekday]), \(two(date.day)) \(months[date.month]) \(date.year) \(clock) GMT"
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
