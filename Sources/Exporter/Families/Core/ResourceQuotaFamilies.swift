import KubernetesObjects

private typealias QuotaFamily = MetricFamily<ResourceQuota>

let resourceQuotaFamilies: [MetricFamily<ResourceQuota>] = [
    .created("kube_resourcequota_created"),
    QuotaFamily("kube_resourcequota", .stable, "Of each resource that the quota limits, the limit and what is used of it.") {
        quota, out in
        // What has been taken over from the spec; a limit that nothing enforces yet does not show.
        out.amounts("hard", quota.status.hard)
        out.amounts("used", quota.status.used)
    },
    .annotations("kube_resourcequota_annotations"),
    .labels("kube_resourcequota_labels"),
]

extension SampleWriter {
    fileprivate mutating func amounts(_ type: String, _ amounts: QuantityMap) {
        for (resource, amount) in amounts.sorted {
            sample(ResourceAmounts.fractional(amount)) { label in
                label("resource", resource)
                label("type", type)
            }
        }
    }
}
