import KubernetesObjects

private typealias AutoscalerFamily = MetricFamily<HorizontalPodAutoscaler>

let horizontalPodAutoscalerFamilies: [MetricFamily<HorizontalPodAutoscaler>] =
    autoscalerSpecFamilies + autoscalerStatusFamilies + [
        .annotations("kube_horizontalpodautoscaler_annotations"),
        .labels("kube_horizontalpodautoscaler_labels"),
        .created("kube_horizontalpodautoscaler_created", .alpha),
        .deleted("kube_horizontalpodautoscaler_deletion_timestamp"),
    ]

private let autoscalerSpecFamilies: [MetricFamily<HorizontalPodAutoscaler>] = [
    AutoscalerFamily("kube_horizontalpodautoscaler_info", .alpha, "What the autoscaler scales; without an API version, no label for it.") {
        autoscaler, out in
        let target = autoscaler.spec.scaleTargetRef
        out.info { label in
            if !target.apiVersion.isEmpty { label("scaletargetref_api_version", target.apiVersion) }
            label("scaletargetref_kind", target.kind)
            label("scaletargetref_name", target.name)
        }
    },
    .generation("kube_horizontalpodautoscaler_metadata_generation"),
    AutoscalerFamily("kube_horizontalpodautoscaler_spec_max_replicas", .stable, "The most pods that the autoscaler may ask for.") {
        autoscaler, out in out.sample(Double(autoscaler.spec.maxReplicas))
    },
    AutoscalerFamily(
        "kube_horizontalpodautoscaler_spec_min_replicas", .stable,
        "The fewest pods that the autoscaler may ask for; 1 if it does not say."
    ) { autoscaler, out in out.sample(Double(autoscaler.spec.minReplicas ?? 1)) },
    AutoscalerFamily(
        "kube_horizontalpodautoscaler_spec_target_metric", .alpha,
        "What the metrics that the autoscaler looks at are to be: in total, on average a pod, or in percent of what pods request."
    ) { autoscaler, out in
        autoscaler.spec.metrics.forEach { metric in
            switch metric.type.string {
            case "Object": if let source = metric.object { out.target(source.target, of: source.metric.name) }
            case "Pods": if let source = metric.pods { out.target(source.target, of: source.metric.name) }
            case "Resource": if let source = metric.resource { out.target(source.target, of: source.name) }
            case "ContainerResource":
                if let source = metric.containerResource { out.target(source.target, of: source.name, in: source.container) }
            case "External": if let source = metric.external { out.target(source.target, of: source.metric.name) }
            default: break
            }
        }
    },
    AutoscalerFamily(
        "kube_horizontalpodautoscaler_spec_behavior_scale_down_tolerance", .alpha,
        "By which share a metric may fall short of its target before pods are taken away; absent if the autoscaler leaves it open."
    ) { autoscaler, out in
        if let tolerance = autoscaler.spec.behavior?.scaleDown?.tolerance { out.sample(scaled(tolerance)) }
    },
    AutoscalerFamily(
        "kube_horizontalpodautoscaler_spec_behavior_scale_up_tolerance", .alpha,
        "By which share a metric may exceed its target before pods are added; absent if the autoscaler leaves it open."
    ) { autoscaler, out in
        if let tolerance = autoscaler.spec.behavior?.scaleUp?.tolerance { out.sample(scaled(tolerance)) }
    },
]

private let autoscalerStatusFamilies: [MetricFamily<HorizontalPodAutoscaler>] = [
    AutoscalerFamily(
        "kube_horizontalpodautoscaler_status_target_metric", .stable,
        "What the metrics that the autoscaler looks at were when it last counted."
    ) { autoscaler, out in
        autoscaler.status.currentMetrics.forEach { metric in
            switch metric.type.string {
            case "Object": if let source = metric.object { out.current(source.current, of: source.metric.name) }
            case "Pods": if let source = metric.pods { out.current(source.current, of: source.metric.name) }
            case "Resource": if let source = metric.resource { out.current(source.current, of: source.name) }
            case "ContainerResource":
                if let source = metric.containerResource { out.current(source.current, of: source.name, in: source.container) }
            case "External": if let source = metric.external { out.current(source.current, of: source.metric.name) }
            default: break
            }
        }
    },
    AutoscalerFamily(
        "kube_horizontalpodautoscaler_status_current_replicas", .stable, "How many pods there were when the autoscaler last counted."
    ) { autoscaler, out in out.sample(Double(autoscaler.status.currentReplicas)) },
    AutoscalerFamily(
        "kube_horizontalpodautoscaler_status_desired_replicas", .stable, "How many pods the autoscaler last asked for."
    ) { autoscaler, out in out.sample(Double(autoscaler.status.desiredReplicas)) },
    AutoscalerFamily(
        "kube_horizontalpodautoscaler_status_condition", .stable, "Conditions of the autoscaler, one sample for each possible status."
    ) { autoscaler, out in out.conditions(autoscaler.status.conditions) },
]

extension SampleWriter {
    fileprivate mutating func target(_ target: Autoscaling.MetricTarget, of metric: Text, in container: Text = .empty) {
        amounts(target.value, target.averageUtilization, target.averageValue, of: metric, in: container)
    }

    fileprivate mutating func current(_ current: Autoscaling.MetricValueStatus, of metric: Text, in container: Text = .empty) {
        amounts(current.value, current.averageUtilization, current.averageValue, of: metric, in: container)
    }

    /// A metric is one amount as a rule; each that is there has its sample.
    private mutating func amounts(_ value: Quantity?, _ utilization: Int32?, _ average: Quantity?, of metric: Text, in container: Text) {
        let amounts = [
            (value.map(ResourceAmounts.fractional), "value"), (utilization.map(Double.init), "utilization"),
            (average.map(ResourceAmounts.fractional), "average"),
        ]
        for case (let amount?, let type) in amounts {
            sample(amount) { label in
                label("metric_name", metric)
                label("metric_target_type", type)
                label("container", container)
            }
        }
    }
}

/// The amount as apimachinery's `AsApproximateFloat64` has it of the text that API servers send: `86m` is 86 × 0.001, which is not
/// the floating point number nearest to 0.086.
private func scaled(_ quantity: Quantity) -> Double {
    var (digits, factors) = (quantity.nanos, [1e-9, 1e-6, 1e-3, 1][...])
    while factors.count > 1, digits.isMultiple(of: 1000) {
        digits /= 1000
        factors.removeFirst()
    }
    return Double(digits) * factors[factors.startIndex]
}
