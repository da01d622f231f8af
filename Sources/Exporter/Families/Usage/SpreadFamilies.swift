/// What containers used at least, on average and at most. Only while one of these is served are measurements kept (``UsageHistory``).
let containerSpreadFamilies: [MetricFamily<PodUsage>] =
    spreadFamilies("mizzen_container_cpu_usage", unit: "cores", "CPU that the container used", "in cores") { $0.cpu }
    + spreadFamilies("mizzen_container_memory_working_set", unit: "bytes", "of the container's memory that cannot be reclaimed", "in bytes")
{
    $0.memory
}

private func spreadFamilies(
    _ name: String, unit: String, _ what: String, _ inUnit: String, _ spread: @escaping @Sendable (ContainerSpread) -> Spread?
) -> [MetricFamily<PodUsage>] {
    let rows: [(name: String, help: String, value: @Sendable (Spread) -> Double)] = [
        ("min", "The least", { $0.least }), ("avg", "The average", { $0.average }), ("max", "The most", { $0.most }),
    ]
    return rows.map { row in
        MetricFamily(
            "\(name)_\(row.name)_\(unit)", .alpha, isOptIn: true, "\(row.help) \(what), within the last 1 and 5 minutes, \(inUnit)."
        ) { pod, out in
            for container in pod.spreads {
                guard let spread = spread(container) else { continue }
                out.sample(row.value(spread), labels: [("container", container.container), ("window", container.window.name)])
            }
        }
    }
}
