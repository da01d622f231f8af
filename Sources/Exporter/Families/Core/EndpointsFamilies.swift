import KubernetesObjects

private typealias EndpointsFamily = MetricFamily<Endpoints>

let endpointsFamilies: [MetricFamily<Endpoints>] = [
    EndpointsFamily("kube_endpoint_info", .stable, "1 for each endpoints object there is.") { _, out in out.sample(1) },
    .created("kube_endpoint_created"),
    .annotations("kube_endpoint_annotations"),
    .labels("kube_endpoint_labels"),
    EndpointsFamily(
        "kube_endpoint_address", .stable, "Each address on each of its ports, and whether what is there is ready."
    ) { endpoints, out in
        endpoints.subsets.forEach { subset in
            subset.ports.forEach { port in
                out.addresses(subset.addresses, on: port, isReady: "true")
                out.addresses(subset.notReadyAddresses, on: port, isReady: "false")
            }
        }
    },
    EndpointsFamily(
        "kube_endpoint_ports", .stable,
        "Each port of the endpoints. Deprecated since kube-state-metrics 2.14: kube_endpoint_address has them too."
    ) { endpoints, out in
        endpoints.subsets.forEach { subset in
            subset.ports.forEach { port in
                out.info { label in
                    label("port_name", port.name)
                    label("port_protocol", port.protocol)
                    label("port_number", String(port.port))
                }
            }
        }
    },
]

extension SampleWriter {
    fileprivate mutating func addresses(
        _ addresses: MessageList<Core.EndpointAddress>, on port: Core.EndpointPort, isReady: String
    ) {
        addresses.forEach { address in
            info { label in
                label("port_protocol", port.protocol)
                label("port_number", String(port.port))
                label("port_name", port.name)
                label("ip", address.ip)
                label("ready", isReady)
            }
        }
    }
}
