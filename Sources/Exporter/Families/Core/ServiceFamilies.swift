import KubernetesObjects

private typealias ServiceFamily = MetricFamily<Service>

let serviceFamilies: [MetricFamily<Service>] = [
    ServiceFamily("kube_service_info", .stable, "Where the service is reached, and how traffic from outside goes.") {
        service, out in
        out.info { label in
            label("cluster_ip", service.spec.clusterIP)
            label("external_name", service.spec.externalName)
            label("load_balancer_ip", service.spec.loadBalancerIP)
            label("external_traffic_policy", service.spec.externalTrafficPolicy)
        }
    },
    .created("kube_service_created"),
    ServiceFamily("kube_service_spec_type", .stable, "Of which type the service is.") { service, out in
        out.info("type", service.spec.type)
    },
    .annotations("kube_service_annotations"),
    .labels("kube_service_labels"),
    ServiceFamily("kube_service_spec_external_ip", .stable, "Each external address that the service claims.") {
        service, out in
        service.spec.externalIPs.forEach { address in out.info("external_ip", address) }
    },
    ServiceFamily(
        "kube_service_status_load_balancer_ingress", .stable, "Each address that a load balancer gave the service."
    ) { service, out in
        service.status.loadBalancer.ingress.forEach { ingress in
            out.info { label in
                label("ip", ingress.ip)
                label("hostname", ingress.hostname)
            }
        }
    },
    .deleted("kube_service_deletion_timestamp"),
]
