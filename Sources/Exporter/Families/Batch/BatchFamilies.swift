import KubernetesObjects

/// The resources of `batch`.
let batchFamilies: [ResourceFamilies] = [
    ResourceFamilies(cronJobFamilies) { cronJob in .namespaced(cronJob.metadata, "cronjob") },
    // Not `job`, which Prometheus uses for what it scrapes.
    ResourceFamilies(jobFamilies) { job in .namespaced(job.metadata, "job_name") },
]
