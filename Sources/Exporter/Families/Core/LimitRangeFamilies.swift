import KubernetesObjects

private typealias LimitRangeFamily = MetricFamily<LimitRange>

let limitRangeFamilies: [MetricFamily<LimitRange>] = [
    LimitRangeFamily(
        "kube_limitrange", .stable, "Each limit on a resource of pods, containers or claims: least, most, defaults, most by least."
    ) { range, out in
        range.spec.limits.forEach { item in
            out.constraint("min", of: item.type, item.min)
            out.constraint("max", of: item.type, item.max)
            out.constraint("default", of: item.type, item.default)
            out.constraint("defaultRequest", of: item.type, item.defaultRequest)
            out.constraint("maxLimitRequestRatio", of: item.type, item.maxLimitRequestRatio)
        }
    },
    .created("kube_limitrange_created"),
]

extension SampleWriter {
    fileprivate mutating func constraint(_ constraint: String, of type: Text, _ amounts: QuantityMap) {
        for (resource, amount) in amounts.sorted {
            sample(ResourceAmounts.fractional(amount)) { label in
                label("resource", resource)
                label("type", type)
                label("constraint", constraint)
            }
        }
    }
}
