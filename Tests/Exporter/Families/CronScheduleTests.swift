import Foundation
import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct CronScheduleTests {
    private static let tokyo = TimeZone(identifier: "Asia/Tokyo") ?? .gmt

    /// `2024-02-04T14:32:37Z` → what is next, in the same notation; `never`, or `invalid` for a schedule that cannot be read.
    private func next(_ schedule: String, _ zone: String? = nil, after moment: String, local: TimeZone = .gmt) throws -> String {
        guard let schedule = CronSchedule(schedule, timeZone: zone, local: local) else { return "invalid" }
        return schedule.next(after: try #require(Timestamp(moment)))?.text() ?? "never"
    }

    @Test(
        "the examples of robfig/cron's documentation",
        arguments: [
            ("30 * * * *", "2024-02-04T15:30:00Z"), ("30 3-6,20-23 * * *", "2024-02-04T20:30:00Z"),
            ("CRON_TZ=Asia/Tokyo 30 04 * * *", "2024-02-04T19:30:00Z"), ("TZ=Asia/Tokyo 30 04 * * *", "2024-02-04T19:30:00Z"),
            ("CRON_TZ=Asia/Tokyo 0 6 * * ?", "2024-02-04T21:00:00Z"), ("3-59/15 * * * *", "2024-02-04T14:33:00Z"),
            ("0 0 * * mon-FRI", "2024-02-05T00:00:00Z"), ("0 0 1 jan *", "2025-01-01T00:00:00Z"),
            ("@yearly", "2025-01-01T00:00:00Z"), ("@annually", "2025-01-01T00:00:00Z"), ("@monthly", "2024-03-01T00:00:00Z"),
            ("@weekly", "2024-02-11T00:00:00Z"), ("@daily", "2024-02-05T00:00:00Z"), ("@midnight", "2024-02-05T00:00:00Z"),
            ("@hourly", "2024-02-04T15:00:00Z"), ("@every 1h30m10s", "2024-02-04T16:02:47Z"),
        ])
    func documentation(schedule: String, due: String) throws {
        #expect(try next(schedule, after: "2024-02-04T14:32:37Z") == due)
    }

    @Test(
        "where clocks change, a time that they skip is due an hour later, and one that they show twice is due twice",
        arguments: [
            ("30 2 * * *", "Europe/Paris", "2024-03-30T12:00:00Z", "2024-03-31T01:30:00Z"),
            ("30 2 * * *", "Europe/Paris", "2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z"),
            ("30 2 * * *", "Europe/Paris", "2024-10-26T12:00:00Z", "2024-10-27T00:30:00Z"),
            ("30 2 * * *", "Europe/Paris", "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z"),
            ("30 2 * * *", "Europe/Paris", "2024-10-27T01:30:00Z", "2024-10-28T01:30:00Z"),
            ("*/20 2 * * *", "America/New_York", "2024-03-10T06:00:00Z", "2024-03-10T07:00:00Z"),
            ("*/20 * * * *", "Australia/Lord_Howe", "2024-10-05T15:25:00Z", "2024-10-05T15:40:00Z"),
            // A zone without changes, half an hour off.
            ("30 3 * * *", "Asia/Kolkata", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"),
        ])
    func changes(schedule: String, zone: String, moment: String, due: String) throws {
        #expect(try next(schedule, zone, after: moment) == due)
    }

    @Test("a day whose midnight is skipped is passed over, as kube-state-metrics does")
    func skippedMidnight() throws {
        #expect(try next("0 0 * * *", "America/Sao_Paulo", after: "2018-11-04T02:30:00Z") == "2018-11-05T02:00:00Z")
        #expect(try next("0 5 31 3 *", "Asia/Beirut", after: "2024-03-29T22:00:00Z") == "2025-03-31T02:00:00Z")
    }

    @Test("without a time zone the clocks are those of the process; Local means them, too")
    func local() throws {
        let moment = "2024-02-04T14:32:37Z"
        #expect(try next("0 6 * * *", after: moment, local: Self.tokyo) == "2024-02-04T21:00:00Z")
        #expect(try next("TZ=Local 0 6 * * *", after: moment, local: Self.tokyo) == "2024-02-04T21:00:00Z")
        #expect(try next("0 6 * * *", "UTC", after: moment, local: Self.tokyo) == "2024-02-05T06:00:00Z")
    }

    @Test("a schedule is due after the moment, never at it, and always on the second")
    func seconds() throws {
        #expect(try next("30 14 * * *", after: "2024-02-04T14:29:59Z") == "2024-02-04T14:30:00Z")
        #expect(try next("30 14 * * *", after: "2024-02-04T14:29:59.999Z") == "2024-02-04T14:30:00Z")
        #expect(try next("30 14 * * *", after: "2024-02-04T14:30:00Z") == "2024-02-05T14:30:00Z")
        #expect(try next("@every 90s", after: "2024-02-04T14:30:00.75Z") == "2024-02-04T14:31:30Z")
    }

    @Test("what never comes is sought for five years; a moment that Kubernetes cannot write has nothing after it")
    func never() throws {
        #expect(try next("0 0 30 2 *", after: "2024-02-04T14:32:37Z") == "never")
        #expect(try next("0 0 29 2 *", after: "2096-03-01T00:00:00Z") == "never")
        #expect(try next("0 0 29 2 *", after: "2099-01-01T00:00:00Z") == "2104-02-29T00:00:00Z")
        let hourly = try #require(CronSchedule("@hourly", local: .gmt))
        #expect(hourly.next(after: Timestamp(seconds: .max)) == nil)
        #expect(hourly.next(after: Timestamp(seconds: .min)) == nil)
    }

    /// Tests/Fixtures/object-metrics/cron-schedules.tsv: what go-cron 0.15, the library of kube-state-metrics 2.20, answered in a process
    /// whose time zone was Asia/Tokyo. `-` is a cron job without a time zone, `\t` a tab.
    @Test("schedules are read as kube-state-metrics' library reads them, and give the same times")
    func recorded() throws {
        let rows = try CapturedCluster.text("cron-schedules.tsv").split(separator: "\n").dropFirst()
        #expect(rows.count > 600)
        for row in rows {
            let columns = row.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            try #require(columns.count == 4, "\(row)")
            let text = columns[2].replacing("\\t", with: "\t")
            let got: String
            if let schedule = CronSchedule(text, timeZone: columns[1] == "-" ? nil : columns[1], local: Self.tokyo) {
                let due = schedule.next(after: Timestamp(seconds: try #require(Int64(columns[0]))))
                got = due.map { String($0.seconds) } ?? "never"
            } else {
                got = "invalid"
            }
            if got != columns[3] { Issue.record("\(row): \(got)") }
        }
    }
}
