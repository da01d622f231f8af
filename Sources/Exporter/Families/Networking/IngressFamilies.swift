import KubernetesObjects

private typealias IngressFamily = MetricFamily<Ingress>

let ingressFamilies: [MetricFamily<Ingress>] = [
    IngressFamily("kube_ingress_info", .stable, "The class of the ingress; _default if it names none.") { ingress, out in
        // Older than the field, and where both are there it is the one that dashboards know.
        if let ingressClass = ingress.metadata.annotations["kubernetes.io/ingress.class"] {
            out.info("ingressclass", ingressClass)
        } else if let ingressClass = ingress.spec.ingressClassName {
            out.info("ingressclass", ingressClass)
        } else {
            out.info("ingressclass", "_default")
        }
    },
    .annotations("kube_ingress_annotations"),
    .labels("kube_ingress_labels"),
    .created("kube_ingress_created"),
    .resourceVersion("kube_ingress_metadata_resource_version"),
    IngressFamily(
        "kube_ingress_path", .stable,
        "Each path of each rule of the ingress, with the service or the other object behind it; a port that is known by name is 0."
    ) { ingress, out in
        ingress.spec.rules.forEach { rule in
            rule.ingressRuleValue.http?.paths.forEach { path in
                out.info { label in
                    label("host", rule.host)
                    label("path", path.path)
                    label("path_type", path.pathType.orEmpty)
                    label.backend(path.backend)
                }
            }
        }
    },
    IngressFamily(
        "kube_ingress_tls", .stable, "Each host that the ingress ends TLS for, with the secret that holds its certificate."
    ) { ingress, out in
        ingress.spec.tls.forEach { tls in
            tls.hosts.forEach { host in
                out.info { label in
                    label("tls_host", host)
                    label("secret", tls.secretName)
                }
            }
        }
    },
]

extension SampleLabels {
    fileprivate mutating func backend(_ backend: Networking.IngressBackend) {
        if let service = backend.service {
            self("service_name", service.name)
            self("service_port", String(service.port.number))
        } else {
            // API servers take no path with neither; it would still be a path.
            let resource = backend.resource
            self("resource_api_group", (resource?.apiGroup).orEmpty)
            self("resource_kind", (resource?.kind).orEmpty)
            self("resource_name", (resource?.name).orEmpty)
        }
    }
}
