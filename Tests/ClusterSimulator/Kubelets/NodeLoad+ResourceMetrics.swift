extension NodeLoad {
    /// The answer to `/metrics/resource`.
    var resourceMetrics: String {
        let loads = loads
        // Sorted as kubelets do: by the labels' values in the order of their names, so that containers of one name stand together.
        let byPod = loads.map { ("namespace=\"\($0.pod.namespace)\",pod=\"\($0.pod.name)\"", $0.total) }.sorted { $0.0 < $1.0 }
        let byContainer = loads.flatMap { load in
            load.containers.map { name, usage in
                ("container=\"\(name)\",namespace=\"\(load.pod.namespace)\",pod=\"\(load.pod.name)\"", usage)
            }
        }.sorted { $0.0 < $1.0 }
        let node = [("", total(of: loads).usage)]
        let time = now.millisecondsSinceEpoch
        var text = ""
        for (subject, samples) in [("container", byContainer), ("node", node), ("pod", byPod)] {
            family("\(subject)_cpu_usage_seconds_total", "counter", samples, to: &text) { "\($0.cpuSeconds) \(time)" }
            family("\(subject)_memory_working_set_bytes", "gauge", samples, to: &text) { "\($0.memoryBytes) \(time)" }
            family("\(subject)_swap_usage_bytes", "gauge", samples, to: &text) { "\($0.swapBytes) \(time)" }
        }
        family("container_start_time_seconds", "gauge", byContainer, to: &text) {
            "\($0.startSeconds) \($0.startSeconds * 1000)"
        }
        text += "# TYPE resource_scrape_error gauge\nresource_scrape_error 0\n"
        return text
    }

    private func family(
        _ name: String, _ type: String, _ samples: [(labels: String, usage: Usage)], to text: inout String,
        _ value: (Usage) -> String
    ) {
        text += "# TYPE \(name) \(type)\n"
        for sample in samples {
            text += sample.labels.isEmpty ? "\(name) " : "\(name){\(sample.labels)} "
            text += "\(value(sample.usage))\n"
        }
    }
}
