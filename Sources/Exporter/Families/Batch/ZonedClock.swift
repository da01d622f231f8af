import Foundation

/// A moment, and what clocks in a time zone show at it. Reckons as Go's `time` package does, which matters where clocks change.
struct ZonedClock {
    private let zone: TimeZone
    /// Seconds since 1970.
    private(set) var moment: Int64
    /// What the clocks show, in seconds since 1970 as if there were no time zones.
    private var shown: Int64
    private(set) var year = 0
    /// 1 ... 12.
    private(set) var month = 0
    /// 1 ... 31.
    private(set) var day = 0

    init(_ moment: Int64, in zone: TimeZone) {
        self.zone = zone
        self.moment = moment
        shown = moment + Self.offset(at: moment, in: zone)
        readDate()
    }

    /// From 0 for Sunday.
    var weekday: Int { Int(Self.remainder(Self.dayNumber(shown) + 4, 7)) }
    var hour: Int { Int(secondOfDay / 3600) }
    var minute: Int { Int(secondOfDay / 60 % 60) }
    var second: Int { Int(secondOfDay % 60) }

    /// Time goes by; clocks that change in between do not show as much more.
    mutating func pass(_ seconds: Int64) {
        let before = Self.dayNumber(shown)
        moment += seconds
        shown = moment + Self.offset(at: moment, in: zone)
        if Self.dayNumber(shown) != before { readDate() }
    }

    /// The clocks show another date and the same time; a date that a month does not have is one of the next month.
    mutating func advance(months: Int = 0, days: Int = 0) {
        let date = Self.calendar.date(from: DateComponents(year: year, month: month + months, day: day + days))
        guard let date else { return pass(Int64(days) * 86_400) }
        show(Int64(date.timeIntervalSince1970) + secondOfDay)
    }

    mutating func showStartOfMonth() { show(shown - secondOfDay - Int64(day - 1) * 86_400) }
    mutating func showStartOfDay() { show(shown - secondOfDay) }
    mutating func showStartOfHour() { show(shown - secondOfDay % 3600) }
    mutating func dropSeconds() { pass(-Self.remainder(moment, 60)) }

    /// Where there is no midnight: the hour that would be it, before or after.
    mutating func settleAtMidnight() {
        if hour > 12 {
            pass(Int64(24 - hour) * 3600)
        } else if hour > 0 {
            pass(-Int64(hour) * 3600)
        }
    }

    /// The moment at which clocks show this. Of two such moments, and where there is none, one that is right by the offset before or after
    /// the change.
    private mutating func show(_ shown: Int64) {
        let guess = shown - Self.offset(at: shown, in: zone)
        moment = shown - Self.offset(at: guess, in: zone)
        self.shown = moment + Self.offset(at: moment, in: zone)
        readDate()
    }

    private mutating func readDate() {
        let date = Self.calendar.dateComponents([.year, .month, .day], from: Date(timeIntervalSince1970: Double(shown)))
        (year, month, day) = (date.year ?? 0, date.month ?? 0, date.day ?? 0)
    }

    private var secondOfDay: Int64 { Self.remainder(shown, 86_400) }

    private static func offset(at moment: Int64, in zone: TimeZone) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(moment))))
    }

    /// Days since 1970, before it negative.
    private static func dayNumber(_ seconds: Int64) -> Int64 { (seconds - remainder(seconds, 86_400)) / 86_400 }

    private static func remainder(_ dividend: Int64, _ divisor: Int64) -> Int64 {
        let rest = dividend % divisor
        return rest < 0 ? rest + divisor : rest
    }

    private static let calendar: Calendar = {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar
    }()
}
