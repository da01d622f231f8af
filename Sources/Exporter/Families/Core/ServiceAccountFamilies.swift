import KubernetesObjects

private typealias AccountFamily = MetricFamily<ServiceAccount>

let serviceAccountFamilies: [MetricFamily<ServiceAccount>] = [
    AccountFamily(
        "kube_serviceaccount_info", .alpha, "Whether pods get a token of the account by themselves; empty where it does not say."
    ) { account, out in
        out.info("automount_token", account.automountServiceAccountToken.map { $0 ? "true" : "false" } ?? "")
    },
    .created("kube_serviceaccount_created", .alpha),
    .deleted("kube_serviceaccount_deleted"),
    AccountFamily("kube_serviceaccount_secret", .alpha, "Each secret that pods of the account may use.") { account, out in
        account.secrets.forEach { secret in out.info("name", secret.name) }
    },
    AccountFamily(
        "kube_serviceaccount_image_pull_secret", .alpha, "Each secret with which images of the account's pods are fetched."
    ) { account, out in
        account.imagePullSecrets.forEach { secret in out.info("name", secret.name) }
    },
    .annotations("kube_serviceaccount_annotations"),
    .labels("kube_serviceaccount_labels", .alpha),
]
