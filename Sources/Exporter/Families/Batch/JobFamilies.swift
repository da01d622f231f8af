import KubernetesObjects

private typealias JobFamily = MetricFamily<Job>

let jobFamilies: [MetricFamily<Job>] = jobIdentityFamilies + jobSpecFamilies + jobStatusFamilies

private let jobIdentityFamilies: [MetricFamily<Job>] = [
    .annotations("kube_job_annotations"),
    .labels("kube_job_labels"),
    JobFamily("kube_job_info", .stable, "One sample for each job.") { _, out in out.sample(1) },
    .created("kube_job_created"),
    .owner("kube_job_owner"),
]

private let jobSpecFamilies: [MetricFamily<Job>] = [
    JobFamily("kube_job_spec_parallelism", .stable, "How many pods of the job may run at once.") { job, out in
        if let parallelism = job.spec.parallelism { out.sample(Double(parallelism)) }
    },
    JobFamily("kube_job_spec_completions", .stable, "How many pods have to succeed for the job to be complete.") { job, out in
        if let completions = job.spec.completions { out.sample(Double(completions)) }
    },
    JobFamily(
        "kube_job_spec_active_deadline_seconds", .stable, "How long after its start the job is ended; absent if it may take any time."
    ) { job, out in
        if let deadline = job.spec.activeDeadlineSeconds { out.sample(Double(deadline)) }
    },
]

/// Reasons of failure that Kubernetes' job controller gives; only these become label values.
private let failureReasons = ["BackoffLimitExceeded", "DeadlineExceeded", "Evicted"]

private let jobStatusFamilies: [MetricFamily<Job>] = [
    JobFamily("kube_job_status_succeeded", .stable, "How many pods of the job have succeeded.") { job, out in
        out.sample(Double(job.status.succeeded))
    },
    JobFamily(
        "kube_job_status_failed", .stable,
        """
        How many pods of the job have failed; once the job itself has failed for a reason that is told apart, 1 for that reason and \
        0 for the others.
        """
    ) { job, out in
        guard job.status.failed != 0 else { return out.sample(0) }
        var isExplained = false
        job.status.conditions.forEach { condition in
            guard condition.type == "Failed" else { return }
            out.states(failureReasons, now: condition.reason, label: "reason")
            isExplained = isExplained || failureReasons.contains(condition.reason.string)
        }
        if !isExplained { out.sample(Double(job.status.failed), "reason", "") }
    },
    JobFamily("kube_job_status_active", .stable, "How many pods of the job have not ended yet.") { job, out in
        out.sample(Double(job.status.active))
    },
    JobFamily("kube_job_status_ready", .alpha, "How many pods of the job are ready; 0 where the cluster does not count them.") {
        job, out in out.sample(Double(job.status.ready ?? 0))
    },
    JobFamily(
        "kube_job_complete", .stable, "Whether the job is complete, one sample for each possible status; absent until it is known."
    ) { job, out in
        job.status.conditions.forEach { condition in
            if condition.type == "Complete" { out.condition(condition.status, label: "condition") }
        }
    },
    JobFamily(
        "kube_job_failed", .stable, "Whether the job has failed, one sample for each possible status; absent until it is known."
    ) { job, out in
        job.status.conditions.forEach { condition in
            if condition.type == "Failed" { out.condition(condition.status, label: "condition") }
        }
    },
    JobFamily("kube_job_status_start_time", .stable, "When the job controller took up the job, in seconds since 1970.") { job, out in
        out.time(job.status.startTime)
    },
    JobFamily("kube_job_status_completion_time", .stable, "When the job was complete, in seconds since 1970.") { job, out in
        out.time(job.status.completionTime)
    },
    JobFamily(
        "kube_job_status_suspended", .alpha, "Whether the job is suspended; absent for one that never was."
    ) { job, out in
        job.status.conditions.forEach { condition in
            if condition.type == "Suspended" { out.flag(condition.status == "True") }
        }
    },
]
