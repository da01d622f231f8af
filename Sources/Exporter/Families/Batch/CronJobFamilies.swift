import KubernetesObjects

private typealias CronJobFamily = MetricFamily<CronJob>

let cronJobFamilies: [MetricFamily<CronJob>] = [
    .annotations("kube_cronjob_annotations"),
    .labels("kube_cronjob_labels"),
    CronJobFamily("kube_cronjob_info", .stable, "The schedule of the cron job, its time zone, and whether its jobs may overlap.") {
        cronJob, out in
        out.info { label in
            label("schedule", cronJob.spec.schedule)
            label("concurrency_policy", cronJob.spec.concurrencyPolicy)
            if let zone = cronJob.spec.timeZone { label("timezone", zone) } else { label("timezone", "local") }
        }
    },
    .created("kube_cronjob_created"),
    CronJobFamily("kube_cronjob_status_active", .stable, "How many jobs of the cron job are running.") { cronJob, out in
        out.sample(Double(cronJob.status.active.count))
    },
    CronJobFamily("kube_cronjob_status_last_schedule_time", .stable, "When the last job was made, in seconds since 1970.") {
        cronJob, out in out.time(cronJob.status.lastScheduleTime)
    },
    CronJobFamily("kube_cronjob_status_last_successful_time", .stable, "When a job last succeeded, in seconds since 1970.") {
        cronJob, out in out.time(cronJob.status.lastSuccessfulTime)
    },
    CronJobFamily("kube_cronjob_spec_suspend", .stable, "Whether the cron job makes no jobs for now.") { cronJob, out in
        out.flag(cronJob.spec.suspend == true)
    },
    CronJobFamily(
        "kube_cronjob_spec_starting_deadline_seconds", .stable,
        "How late a job may still be started; absent if it may be at any time."
    ) { cronJob, out in
        if let deadline = cronJob.spec.startingDeadlineSeconds { out.sample(Double(deadline)) }
    },
    CronJobFamily(
        "kube_cronjob_next_schedule_time", .stable,
        """
        When the job that follows the last one is due, or the first one after the cron job was created, in seconds since 1970. \
        A time that has passed tells of a delay. Absent while the cron job is suspended.
        """
    ) { cronJob, out in
        guard cronJob.spec.suspend != true, let schedule = CronSchedule(of: cronJob),
            let last = cronJob.status.lastScheduleTime ?? cronJob.metadata.creationTimestamp
        else { return }
        out.requiredTime(schedule.next(after: last))
    },
    CronJobFamily(
        "kube_cronjob_schedule_invalid", .alpha, "1 for a cron job whose schedule or time zone cannot be read; absent for others."
    ) { cronJob, out in
        if CronSchedule(of: cronJob) == nil { out.sample(1) }
    },
    .resourceVersion("kube_cronjob_metadata_resource_version", .stable),
    CronJobFamily(
        "kube_cronjob_spec_successful_job_history_limit", .alpha, "How many jobs that succeeded are kept."
    ) { cronJob, out in
        if let limit = cronJob.spec.successfulJobsHistoryLimit { out.sample(Double(limit)) }
    },
    CronJobFamily("kube_cronjob_spec_failed_job_history_limit", .alpha, "How many jobs that failed are kept.") { cronJob, out in
        if let limit = cronJob.spec.failedJobsHistoryLimit { out.sample(Double(limit)) }
    },
]

extension CronSchedule {
    /// nil for a schedule or a time zone that cannot be read.
    fileprivate init?(of cronJob: CronJob) {
        self.init(cronJob.spec.schedule.string, timeZone: cronJob.spec.timeZone.string)
    }
}
