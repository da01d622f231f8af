import Foundation

/// A schedule by the clocks of a time zone, of five fields.
struct CronCalendar: Sendable {
    private let minutes: CronNumbers
    private let hours: CronNumbers
    private let daysOfMonth: CronNumbers
    private let months: CronNumbers
    private let daysOfWeek: CronNumbers
    private let zone: TimeZone

    init?(fields: [Substring], in zone: TimeZone) {
        guard fields.count == 5, let minutes = CronField.minute.numbers(in: fields[0]), let hours = CronField.hour.numbers(in: fields[1]),
            let daysOfMonth = CronField.dayOfMonth.numbers(in: fields[2]), let months = CronField.month.numbers(in: fields[3]),
            var daysOfWeek = CronField.dayOfWeek.numbers(in: fields[4])
        else { return nil }
        if daysOfWeek.contains(7) { daysOfWeek.insert(0) }
        self.minutes = minutes
        self.hours = hours
        self.daysOfMonth = daysOfMonth
        self.months = months
        self.daysOfWeek = daysOfWeek
        self.zone = zone
    }

    /// Seconds since 1970 of the first time that comes after those given; nil if there is none up to the end of the fifth year after them.
    ///
    /// From the largest unit to the smallest, each is moved on by one until it is listed, and whenever one starts over, all are looked at
    /// again. Where clocks change in between, it is these very steps that decide what kube-state-metrics shows; so they are the same here,
    /// and a shorter way would show something else. (East of Greenwich, a day whose midnight the clocks skip is passed over, for one.)
    func next(after moment: Int64) -> Int64? {
        // What can never come needs no search.
        guard ![minutes, hours, daysOfMonth, months, daysOfWeek].contains(where: \.isEmpty) else { return nil }
        var clock = ZonedClock(moment + 1, in: zone)
        let lastYear = clock.year + 5
        // Whether the smaller units are at their beginning.
        var isMoved = false
        search: while clock.year <= lastYear {
            while !months.contains(clock.month) {
                if !isMoved { clock.showStartOfMonth() }
                isMoved = true
                clock.advance(months: 1)
                if clock.month == 1 { continue search }
            }
            while !(daysOfMonth.contains(clock.day) && daysOfWeek.contains(clock.weekday)) {
                if !isMoved { clock.showStartOfDay() }
                isMoved = true
                clock.advance(days: 1)
                clock.settleAtMidnight()
                if clock.day == 1 { continue search }
            }
            while !hours.contains(clock.hour) {
                if !isMoved { clock.showStartOfHour() }
                isMoved = true
                let hour = clock.hour
                clock.pass(3600)
                if clock.hour == hour + 2, hours.contains(hour + 1) { break }
                if clock.hour == 0 { continue search }
            }
            while !minutes.contains(clock.minute) {
                if !isMoved { clock.dropSeconds() }
                isMoved = true
                clock.pass(60)
                if clock.minute == 0 { continue search }
            }
            if clock.second != 0 {
                clock.pass(60 - Int64(clock.second))
                continue search
            }
            return clock.moment
        }
        return nil
    }
}
