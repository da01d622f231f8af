import KubernetesObjects

private typealias IngressClassFamily = MetricFamily<IngressClass>

let ingressClassFamilies: [MetricFamily<IngressClass>] = [
    IngressClassFamily("kube_ingressclass_info", .alpha, "Which controller serves the ingresses of the class.") {
        ingressClass, out in
        out.info("controller", ingressClass.spec.controller)
    },
    .created("kube_ingressclass_created", .alpha),
    .annotations("kube_ingressclass_annotations"),
    .labels("kube_ingressclass_labels", .alpha),
]
