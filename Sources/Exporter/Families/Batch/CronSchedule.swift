import Foundation
import KubernetesObjects
import MizzenSystem

/// When a cron job is due: `30 2 * * 1-5`, `@daily`, `@every 90m`, each also with a time zone before it, `TZ=Europe/Paris @daily`.
///
/// Read as by kube-state-metrics 2.20, that is by go-cron 0.15, and not as by Kubernetes' own controller, which uses robfig/cron 3.
/// Where these two disagree, so do the metrics and what Kubernetes does:
/// - A day has to be right as a day of the month and as a day of the week; the controller asks for one of them if neither is `*`.
/// - Steps as long as their range are refused (`*/60`), and so is `@every` with less than a second; the controller takes both.
/// - Ranges may go past the end (`22-2`, `FRI-MON`), 7 is Sunday, and `@manual` is never; the controller refuses these.
/// - A time that clocks skip is due an hour later by them; the controller leaves it out.
struct CronSchedule: Sendable {
    private enum Rule: Sendable {
        case calendar(CronCalendar)
        case interval(seconds: Int64)
        case never
    }

    private let rule: Rule

    /// nil for what cannot be read.
    /// - Parameters:
    ///   - timeZone: of the cron job, if it names one; a schedule with another one in it is then refused.
    ///   - local: where the schedule names no time zone either.
    init?(_ schedule: String, timeZone: String? = nil, local: TimeZone = .current) {
        let text = timeZone.map { "CRON_TZ=\($0) \(schedule)" } ?? schedule
        guard text.utf8.count <= Self.longest else { return nil }
        var rest = Substring(text).unicodeScalars
        var zone = local
        if rest.starts(with: "TZ=".unicodeScalars) || rest.starts(with: "CRON_TZ=".unicodeScalars) {
            guard let end = rest.firstIndex(of: " ") else { return nil }
            guard let named = Self.zone(Substring(rest[..<end]), local: local) else { return nil }
            zone = named
            rest = rest[end...]
            while rest.first?.properties.isWhitespace == true { rest.removeFirst() }
            while rest.last?.properties.isWhitespace == true { rest.removeLast() }
        }
        if rest.first == "@" {
            guard let rule = Self.named(String(rest), in: zone) else { return nil }
            self.rule = rule
        } else {
            guard let calendar = CronCalendar(fields: rest.split(whereSeparator: \.properties.isWhitespace).map(Substring.init), in: zone)
            else { return nil }
            rule = .calendar(calendar)
        }
    }

    /// The first time that comes after `moment`, on the second; nil if there is none in the five years that follow.
    func next(after moment: Timestamp) -> Timestamp? {
        // The years that Kubernetes can write.
        guard (-62_135_596_800...253_402_300_799).contains(moment.seconds) else { return nil }
        switch rule {
        case .calendar(let calendar): return calendar.next(after: moment.seconds).map { Timestamp(seconds: $0) }
        case .interval(let seconds): return Timestamp(seconds: moment.seconds + seconds)
        case .never: return nil
        }
    }

    /// Bytes of a schedule with its time zone.
    private static let longest = 1024

    /// - Parameter assignment: `TZ=NAME`, the name also in quotes.
    private static func zone(_ assignment: Substring, local: TimeZone) -> TimeZone? {
        var name = assignment.drop { $0 != "=" }.dropFirst()
        if name.count >= 2, let quote = name.first, quote == name.last, quote == "\"" || quote == "'" {
            name = name.dropFirst().dropLast()
        }
        return name == "Local" ? local : TimeZone(databaseName: String(name))
    }

    private static func named(_ name: String, in zone: TimeZone) -> Rule? {
        func calendar(_ fields: String) -> Rule? {
            CronCalendar(fields: fields.split(separator: " "), in: zone).map { .calendar($0) }
        }
        switch name {
        case "@yearly", "@annually": return calendar("0 0 1 1 *")
        case "@monthly": return calendar("0 0 1 * *")
        case "@weekly": return calendar("0 0 * * 0")
        case "@daily", "@midnight": return calendar("0 0 * * *")
        case "@hourly": return calendar("0 * * * *")
        case "@triggered", "@manual", "@none": return .never
        default:
            let every = "@every "
            guard name.hasPrefix(every), let nanoseconds = GoDurationText.parse(name.dropFirst(every.count)) else { return nil }
            let seconds = nanoseconds / 1_000_000_000
            return seconds < 1 ? nil : .interval(seconds: seconds)
        }
    }
}

extension TimeZone {
    /// The zone of this name in the time zone database (IANA's tzdata); nil for other names, also for those that Foundation knows beside it.
    fileprivate init?(databaseName name: String) {
        if Self.namesOfUTC.contains(name) {
            self = .gmt
            return
        }
        // Names such as GMT+2 and GMT-0330 are Foundation's; those of tzdata with an offset begin with Etc/, and count the other way.
        guard !name.hasPrefix("GMT+"), !name.hasPrefix("GMT-"), !Self.namesOfICU.contains(name), let zone = TimeZone(identifier: name),
            zone.identifier == name
        else { return nil }
        self = zone
    }

    /// Names for which Foundation's identifier is another one.
    private static let namesOfUTC: Set = ["UTC", "GMT+0", "GMT-0"]

    /// Abbreviations that ICU took over from Java; tzdata never had them.
    private static let namesOfICU: Set = [
        "ACT", "AET", "AGT", "ART", "AST", "BET", "BST", "CAT", "CNT", "CST", "CTT", "EAT", "ECT", "IET", "IST", "JST", "MIT", "NET", "NST",
        "PLT", "PNT", "PRT", "PST", "SST", "VST",
    ]
}
