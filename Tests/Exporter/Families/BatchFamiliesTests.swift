import KubernetesObjects
import Testing

@testable import Exporter

/// Jobs and cron jobs in cases that the captured cluster does not have.
@Suite struct BatchFamiliesTests {
    private static let created = #""creationTimestamp":"2024-02-04T14:32:37Z""#

    private func next(_ members: String, metadata: String = Self.created) throws -> [String] {
        try samples("kube_cronjob_next_schedule_time", of: .cronJobs, members, metadata: metadata)
    }

    private func isInvalid(_ spec: String) throws -> Bool {
        let samples = try samples("kube_cronjob_schedule_invalid", of: .cronJobs, #""spec":{\#(spec)}"#)
        #expect(samples == [] || samples == ["1"])
        return !samples.isEmpty
    }

    @Test("the next time follows the last job, and where there was none the creation; without either there is none")
    func nextTime() throws {
        let spec = #""spec":{"schedule":"0 6 * * *","timeZone":"Asia/Shanghai"}"#
        #expect(try next(spec) == ["1.707084e+09"])
        #expect(try next(#"\#(spec),"status":{"lastScheduleTime":"2024-03-01T00:00:00Z"}"#) == ["1.7093304e+09"])
        #expect(try next(#"\#(spec),"status":{"lastScheduleTime":null}"#) == ["1.707084e+09"])
        #expect(try next(spec, metadata: "") == [])
        #expect(try next(#"\#(spec),"status":{"lastScheduleTime":"2024-03-01T00:00:00Z"}"#, metadata: "") == ["1.7093304e+09"])
    }

    @Test("a suspended cron job has no next time, but its schedule is still read")
    func suspended() throws {
        let suspended = #""suspend":true,"timeZone":"UTC","#
        #expect(try next(#""spec":{\#(suspended)"schedule":"@daily"}"#) == [])
        #expect(try next(#""spec":{"suspend":false,"timeZone":"UTC","schedule":"@daily"}"#) == ["1.7070912e+09"])
        #expect(try next(#""spec":{"suspend":null,"timeZone":"UTC","schedule":"@daily"}"#) == ["1.7070912e+09"])
        #expect(try isInvalid(#"\#(suspended)"schedule":"@dayly""#))
        #expect(try !isInvalid(#"\#(suspended)"schedule":"@daily""#))
        for (suspend, value) in [("true", "1"), ("false", "0"), ("null", "0")] {
            #expect(try samples("kube_cronjob_spec_suspend", of: .cronJobs, #""spec":{"suspend":\#(suspend)}"#) == [value])
        }
        #expect(try samples("kube_cronjob_spec_suspend", of: .cronJobs) == ["0"])
    }

    @Test("a schedule that never comes is due at the beginning of the year 1, as Go writes a time that is not set")
    func never() throws {
        #expect(try next(#""spec":{"schedule":"@manual"}"#) == ["-6.21355968e+10"])
        #expect(try next(#""spec":{"schedule":"0 0 30 2 *"}"#) == ["-6.21355968e+10"])
        #expect(try !isInvalid(#""schedule":"@manual""#))
    }

    @Test(
        "a schedule or a time zone that cannot be read says so, and gives no next time",
        arguments: [
            #""schedule":"""#, #""schedule":"* * * *""#, #""schedule":"*/60 * * * *""#, #""schedule":"@daily","timeZone":"Nowhere/City""#,
            #""schedule":"@daily","timeZone":"""#, #""schedule":"TZ=UTC @daily","timeZone":"UTC""#, #""schedule":"TZ=UTC""#, "",
        ])
    func invalid(spec: String) throws {
        #expect(try isInvalid(spec))
        #expect(try next(#""spec":{\#(spec)}"#) == [])
    }

    @Test("a cron job without a time zone runs by local clocks; an empty name is a name")
    func timeZones() throws {
        func info(_ spec: String) throws -> [String] { try samples("kube_cronjob_info", of: .cronJobs, #""spec":{\#(spec)}"#) }
        #expect(
            try info(#""schedule":"@daily","concurrencyPolicy":"Allow""#) == [
                #"schedule="@daily",concurrency_policy="Allow",timezone="local" 1"#
            ])
        #expect(try info(#""timeZone":"Europe/Paris""#) == [#"schedule="",concurrency_policy="",timezone="Europe/Paris" 1"#])
        #expect(try info(#""timeZone":"""#) == [#"schedule="",concurrency_policy="",timezone="" 1"#])
    }

    @Test(
        "limits of a cron job that are left open have no sample; 0 is a limit",
        arguments: [
            ("kube_cronjob_spec_starting_deadline_seconds", "startingDeadlineSeconds"),
            ("kube_cronjob_spec_successful_job_history_limit", "successfulJobsHistoryLimit"),
            ("kube_cronjob_spec_failed_job_history_limit", "failedJobsHistoryLimit"),
        ])
    func cronJobLimits(family: String, field: String) throws {
        #expect(try samples(family, of: .cronJobs) == [])
        #expect(try samples(family, of: .cronJobs, #""spec":{"\#(field)":null}"#) == [])
        #expect(try samples(family, of: .cronJobs, #""spec":{"\#(field)":0}"#) == ["0"])
    }

    @Test(
        "limits of a job that are left open have no sample; 0 is a limit",
        arguments: [
            ("kube_job_spec_parallelism", "parallelism"), ("kube_job_spec_completions", "completions"),
            ("kube_job_spec_active_deadline_seconds", "activeDeadlineSeconds"),
        ])
    func jobLimits(family: String, field: String) throws {
        #expect(try samples(family, of: .jobs) == [])
        #expect(try samples(family, of: .jobs, #""spec":{"\#(field)":0}"#) == ["0"])
        #expect(try samples(family, of: .jobs, #""spec":{"\#(field)":3}"#) == ["3"])
    }

    @Test(
        "failed pods are counted without a reason until the job fails; then known reasons are told apart",
        arguments: [
            ("", ["0"]), (#""failed":3"#, [#"reason="" 3"#]),
            (#""failed":3,"conditions":[{"type":"Complete","status":"True","reason":"Evicted"}]"#, [#"reason="" 3"#]),
            // Without failed pods, whatever the conditions say.
            (#""conditions":[{"type":"Failed","status":"True","reason":"DeadlineExceeded"}]"#, ["0"]),
            (
                #""failed":3,"conditions":[{"type":"Failed","status":"True","reason":"DeadlineExceeded"}]"#,
                [#"reason="BackoffLimitExceeded" 0"#, #"reason="DeadlineExceeded" 1"#, #"reason="Evicted" 0"#]
            ),
            (
                #""failed":3,"conditions":[{"type":"Failed","status":"False","reason":"PodFailurePolicy"}]"#,
                [
                    #"reason="BackoffLimitExceeded" 0"#, #"reason="DeadlineExceeded" 0"#, #"reason="Evicted" 0"#, #"reason="" 3"#,
                ]
            ),
        ] as [(String, [String])])
    func failures(status: String, want: [String]) throws {
        #expect(try samples("kube_job_status_failed", of: .jobs, #""status":{\#(status)}"#) == want)
    }

    @Test("completion and failure show once there is a condition, for each status one sample; suspension shows what its condition says")
    func conditions() throws {
        func show(_ family: String, _ conditions: String) throws -> [String] {
            try samples(family, of: .jobs, #""status":{"conditions":[\#(conditions)]}"#)
        }
        let conditions =
            #"{"type":"FailureTarget","status":"True"},{"type":"Failed","status":"Unknown"},{"type":"Suspended","status":"False"}"#
        #expect(try show("kube_job_complete", conditions) == [])
        #expect(try show("kube_job_failed", conditions) == [#"condition="true" 0"#, #"condition="false" 0"#, #"condition="unknown" 1"#])
        #expect(try show("kube_job_status_suspended", conditions) == ["0"])
        #expect(try show("kube_job_status_suspended", #"{"type":"Suspended","status":"True"}"#) == ["1"])
        #expect(try show("kube_job_status_suspended", "") == [])
        #expect(
            try show("kube_job_complete", #"{"type":"Complete","status":"True"}"#)
                == [#"condition="true" 1"#, #"condition="false" 0"#, #"condition="unknown" 0"#])
    }

    @Test("a job without counts has none of each, and no times")
    func emptyStatus() throws {
        for family in ["kube_job_status_active", "kube_job_status_succeeded", "kube_job_status_failed", "kube_job_status_ready"] {
            #expect(try samples(family, of: .jobs) == ["0"], "\(family)")
        }
        #expect(try samples("kube_job_status_ready", of: .jobs, #""status":{"ready":2}"#) == ["2"])
        for family in ["kube_job_status_start_time", "kube_job_status_completion_time", "kube_job_created"] {
            #expect(try samples(family, of: .jobs) == [], "\(family)")
        }
        #expect(try samples("kube_job_info", of: .jobs) == ["1"])
    }

    @Test("each owner of a job is a sample, none a sample with empty labels")
    func owners() throws {
        #expect(try samples("kube_job_owner", of: .jobs) == [#"owner_kind="",owner_name="",owner_is_controller="" 1"#])
        let owners =
            #""ownerReferences":[{"kind":"CronJob","name":"c","controller":true},{"kind":"Tenant","name":"t"},{"kind":"A","name":"a","controller":false}]"#
        #expect(
            try samples("kube_job_owner", of: .jobs, metadata: owners) == [
                #"owner_kind="CronJob",owner_name="c",owner_is_controller="true" 1"#,
                #"owner_kind="Tenant",owner_name="t",owner_is_controller="false" 1"#,
                #"owner_kind="A",owner_name="a",owner_is_controller="false" 1"#,
            ])
    }
}
