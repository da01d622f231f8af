import Foundation

/// A moment as Kubernetes writes it: RFC 3339 in UTC, to the second.
public struct Instant: Sendable, Hashable {
    public var nanosecondsSinceEpoch: Int64

    public init(nanosecondsSinceEpoch: Int64) { self.nanosecondsSinceEpoch = nanosecondsSinceEpoch }

    public init(secondsSinceEpoch: Int64) { nanosecondsSinceEpoch = secondsSinceEpoch * 1_000_000_000 }

    /// By the system's clock.
    public static var now: Instant {
        Instant(nanosecondsSinceEpoch: Int64(Date().timeIntervalSince1970 * 1e9))
    }

    public var secondsSinceEpoch: Int64 { nanosecondsSinceEpoch / 1_000_000_000 }
    public var millisecondsSinceEpoch: Int64 { nanosecondsSinceEpoch / 1_000_000 }

    /// For example `2026-11-23T03:22:36Z`.
    public var text: String {
        let seconds = secondsSinceEpoch
        let (year, month, day) = Self.civil(daysSinceEpoch: seconds / 86_400)
        let second = seconds % 86_400
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(year)-\(two(month))-\(two(day))T\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }

    /// - Parameter text: RFC 3339 in UTC without fractions; `nil` for anything else.
    public init?(_ text: String) {
        let numbers = text.split(whereSeparator: { "-T:Z.".contains($0) }).compactMap { Int64($0) }
        guard numbers.count >= 6, text.hasSuffix("Z") else { return nil }
        let days = Self.days(year: numbers[0], month: numbers[1], day: numbers[2])
        self.init(secondsSinceEpoch: days * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5])
    }

    /// Days to a date of the proleptic Gregorian calendar, counting in eras of 400 years that begin on 1 March.
    private static func civil(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let era = marchYear / 400
        let yearOfEra = marchYear % 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
