import KubernetesObjects

private typealias BudgetFamily = MetricFamily<PodDisruptionBudget>

let podDisruptionBudgetFamilies: [MetricFamily<PodDisruptionBudget>] = [
    .annotations("kube_poddisruptionbudget_annotations"),
    .labels("kube_poddisruptionbudget_labels", .alpha),
    .created("kube_poddisruptionbudget_created"),
    BudgetFamily("kube_poddisruptionbudget_status_current_healthy", .stable, "How many of the protected pods are healthy.") {
        budget, out in out.sample(Double(budget.status.currentHealthy))
    },
    BudgetFamily(
        "kube_poddisruptionbudget_status_desired_healthy", .stable, "How many of the protected pods have to stay healthy."
    ) { budget, out in out.sample(Double(budget.status.desiredHealthy)) },
    BudgetFamily(
        "kube_poddisruptionbudget_status_pod_disruptions_allowed", .stable, "How many of the protected pods may be evicted now."
    ) { budget, out in out.sample(Double(budget.status.disruptionsAllowed)) },
    BudgetFamily("kube_poddisruptionbudget_status_expected_pods", .stable, "How many pods the budget protects.") { budget, out in
        out.sample(Double(budget.status.expectedPods))
    },
    BudgetFamily(
        "kube_poddisruptionbudget_status_observed_generation", .stable,
        "The newest generation of the budget that its status takes account of."
    ) { budget, out in out.sample(Double(budget.status.observedGeneration)) },
    .deleted("kube_poddisruptionbudget_deletion_timestamp"),
]
