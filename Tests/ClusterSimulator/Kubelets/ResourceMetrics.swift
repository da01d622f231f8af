import KubernetesObjects
import MizzenSystem

/// `/metrics/resource` of one node: CPU counters that grow with time and memory that breathes, made up from the UIDs of
/// the pods so that they are the same in every run.
struct ResourceMetrics {
    var pods: [StoredObject]
    var now: Instant

    private struct Usage {
        var cpuSeconds: Double
        var memoryBytes: Int64
        var startSeconds: Int64
    }

    func render() -> String {
        let running = pods.filter { $0.podFacts.phase == "Running" }
        var node = Usage(cpuSeconds: 0, memoryBytes: 512 << 20, startSeconds: 0)
        var byPod: [(labels: String, usage: Usage)] = []
        var byContainer: [(labels: String, usage: Usage)] = []
        for pod in running {
            var total = Usage(cpuSeconds: 0, memoryBytes: 0, startSeconds: 0)
            for container in pod.podFacts.containers {
                let usage = usage(of: container, in: pod)
                total.cpuSeconds += usage.cpuSeconds
                total.memoryBytes += usage.memoryBytes
                byContainer.append(
                    ("container=\"\(container)\",namespace=\"\(pod.namespace)\",pod=\"\(pod.name)\"", usage))
            }
            byPod.append(("namespace=\"\(pod.namespace)\",pod=\"\(pod.name)\"", total))
            node.cpuSeconds += total.cpuSeconds
            node.memoryBytes += total.memoryBytes
        }
        // The system itself takes a twentieth of a core.
        node.cpuSeconds += Double(now.millisecondsSinceEpoch % (365 * 86_400_000)) / 1000 * 0.05
        let time = now.millisecondsSinceEpoch
        var text = ""
        family("container_cpu_usage_seconds_total", "counter", byContainer, to: &text) { "\($0.cpuSeconds) \(time)" }
        family("container_memory_working_set_bytes", "gauge", byContainer, to: &text) { "\($0.memoryBytes) \(time)" }
        family("container_start_time_seconds", "gauge", byContainer, to: &text) {
            "\($0.startSeconds) \($0.startSeconds * 1000)"
        }
        family("node_cpu_usage_seconds_total", "counter", [("", node)], to: &text) { "\($0.cpuSeconds) \(time)" }
        family("node_memory_working_set_bytes", "gauge", [("", node)], to: &text) { "\($0.memoryBytes) \(time)" }
        family("pod_cpu_usage_seconds_total", "counter", byPod, to: &text) { "\($0.cpuSeconds) \(time)" }
        family("pod_memory_working_set_bytes", "gauge", byPod, to: &text) { "\($0.memoryBytes) \(time)" }
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

    /// Between 1 and 200 millicores, and between 16 and 272 MiB that swing by a tenth within ten minutes.
    private func usage(of container: String, in pod: StoredObject) -> Usage {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in pod.uid.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        for byte in container.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        var random = SeededRandom(seed: hash)
        let cores = Double(1 + random.next() % 200) / 1000
        let base = Int64(16 + random.next() % 256) << 20
        let start = pod.podFacts.startedAt.flatMap { Instant($0) }?.secondsSinceEpoch ?? now.secondsSinceEpoch - 3600
        let milliseconds = max(0, now.millisecondsSinceEpoch - start * 1000)
        let phase = (now.secondsSinceEpoch + Int64(hash % 600)) % 600
        let swing = base / 10 * (phase < 300 ? phase : 600 - phase) / 300
        return Usage(
            cpuSeconds: (Double(milliseconds) * cores).rounded() / 1000, memoryBytes: base + swing, startSeconds: start)
    }
}
