import KubernetesObjects

private typealias LeaseFamily = MetricFamily<Lease>

let leaseFamilies: [MetricFamily<Lease>] = [
    LeaseFamily("kube_lease_owner", .alpha, "Each owner of the lease, and who holds it; one sample with empty labels if it has no owner.") {
        lease, out in
        let (namespace, holder) = (lease.metadata.namespace.string, lease.spec.holderIdentity.string ?? "")
        out.owners(of: lease.metadata) { label, _ in
            label("namespace", namespace)
            label("lease_holder", holder)
        } ifNone: { label in
            label("namespace", namespace)
            label("lease_holder", holder)
        }
    },
    LeaseFamily("kube_lease_renew_time", .alpha, "When the lease was last renewed, in whole seconds since 1970.") { lease, out in
        if let renewal = lease.spec.renewTime { out.sample(Double(renewal.seconds), "namespace", lease.metadata.namespace) }
    },
]
