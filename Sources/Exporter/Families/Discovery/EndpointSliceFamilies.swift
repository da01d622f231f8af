import KubernetesObjects

private typealias EndpointSliceFamily = MetricFamily<EndpointSlice>

let endpointSliceFamilies: [MetricFamily<EndpointSlice>] = [
    EndpointSliceFamily("kube_endpointslice_info", .alpha, "Of which kind the addresses in the slice are.") { slice, out in
        out.info("addresstype", slice.addressType)
    },
    .created("kube_endpointslice_created", .alpha),
    EndpointSliceFamily(
        "kube_endpointslice_endpoints_hints", .alpha,
        "Each zone that is to be served by an endpoint of the slice, with the first address of that endpoint."
    ) { slice, out in
        slice.endpoints.forEach { endpoint in
            guard !endpoint.addresses.isEmpty else { return }
            endpoint.hints?.forZones.forEach { zone in
                out.info { label in
                    label("address", endpoint.addresses[0])
                    label("for_zone", zone.name)
                }
            }
        }
    },
    EndpointSliceFamily(
        "kube_endpointslice_endpoints", .alpha,
        "Each address of each endpoint of the slice: its conditions, where it is and the object that it belongs to."
    ) { slice, out in
        slice.endpoints.forEach { endpoint in
            endpoint.addresses.forEach { address in
                out.info { label in
                    label("ready", endpoint.conditions.ready.shown)
                    label("serving", endpoint.conditions.serving.shown)
                    label("hostname", endpoint.hostname.orEmpty)
                    label("terminating", endpoint.conditions.terminating.shown)
                    let target = endpoint.targetRef
                    label("targetref_kind", (target?.kind).orEmpty)
                    label("targetref_name", (target?.name).orEmpty)
                    label("targetref_namespace", (target?.namespace).orEmpty)
                    label("endpoint_nodename", endpoint.nodeName.orEmpty)
                    label("endpoint_zone", endpoint.zone.orEmpty)
                    label("address", address)
                }
            }
        }
    },
    EndpointSliceFamily("kube_endpointslice_ports", .alpha, "Each port of the slice; labels of what it leaves open are empty.") {
        slice, out in
        slice.ports.forEach { port in
            out.info { label in
                label("port_name", port.name.orEmpty)
                label("port_protocol", port.protocol.orEmpty)
                label("port_number", port.port.map(String.init) ?? "")
            }
        }
    },
    .annotations("kube_endpointslice_annotations"),
    .labels("kube_endpointslice_labels", .alpha),
]

extension Bool? {
    /// As a label; empty for a condition that nobody has stated.
    fileprivate var shown: String { self.map { $0 ? "true" : "false" } ?? "" }
}
