import MizzenSystem
import ProcessRuntime
import Synchronization

/// That a pod runs since lately, or one of its containers anew.
struct PodStart: Hashable, Sendable {
    var pod: UsageStore.PodKey
    var node: String
    /// Of its newest container: nanoseconds since 1970-01-01 UTC.
    var at: Int64
}

/// The pods that have started and have no usage yet: when their nodes' scrapes would tell of them, and how long it took.
///
/// A container is measured from its start once a measurement of it is ten seconds old (`UsageStore`). Kubelets measure every ten to fifteen
/// seconds and answer with the last measurement, so the first one that counts is made between ten and some twenty seconds after the start.
/// A scrape after twenty seconds finds it nearly always, the second, ten seconds later, always.
final class NewPods: Sendable {
    private struct Waiting {
        var start: Int64
        var attempts = 0
    }

    /// A scrape that tells of a pod for certain where kubelets measure every ten seconds.
    static let ripeAfter: Int64 = 20_000_000_000
    static let pause: Int64 = 10_000_000_000
    private static let mostAttempts = 2
    /// Of one node: more do not start at once than it has pods.
    private static let mostPods = 1000

    private let waiting = Mutex<[String: [UsageStore.PodKey: Waiting]]>([:])
    /// Nanoseconds. Pods that are older have been measured by the regular scrapes.
    private let interval: Int64
    private let seconds: Histogram?

    init(interval: Int64, registry: MetricsRegistry? = nil) {
        self.interval = interval
        seconds = registry?.histogram(
            "mizzen_collector_new_pod_seconds", help: "From the start of a pod's newest container to its first usage.",
            buckets: [5, 10, 15, 20, 25, 30, 40, 50, 60, 90, 120, 180])
    }

    /// - Returns: how long from now on a scrape of its node would tell of the pod; nil if it need not be waited for.
    func started(_ start: PodStart, at now: Int64) -> Int64? {
        // A kubelet whose clock is ahead has started it now at the latest.
        let age = max(0, now - start.at)
        guard age < interval + Self.ripeAfter else { return nil }
        waiting.withLock { waiting in
            guard waiting[start.node, default: [:]].count < Self.mostPods else { return }
            waiting[start.node, default: [:]][start.pod] = Waiting(start: now - age)
        }
        return age < interval ? max(0, Self.ripeAfter - age) : nil
    }

    /// A sample of the node has been taken.
    /// - Returns: how long from now on another scrape is wanted; nil if none is.
    func sampled(_ node: String, at now: Int64, isMeasured: (UsageStore.PodKey) -> Bool) -> Int64? {
        waiting.withLock { waiting in
            guard let pods = waiting[node] else { return nil }
            var wish: Int64?
            for (pod, var state) in pods {
                let age = now - state.start
                if isMeasured(pod) {
                    seconds?.observe(Double(max(0, age)) / 1e9)
                    waiting[node]?[pod] = nil
                } else if age > 2 * interval + Self.ripeAfter || age < 0 {
                    // It is gone, or its kubelet does not tell of it.
                    waiting[node]?[pod] = nil
                } else if age >= Self.ripeAfter, state.attempts + 1 < Self.mostAttempts, age < interval {
                    state.attempts += 1
                    waiting[node]?[pod] = state
                    wish = Self.pause
                } else if age < Self.ripeAfter {
                    wish = min(wish ?? .max, Self.ripeAfter - age)
                }
            }
            if waiting[node]?.isEmpty == true { waiting[node] = nil }
            return wish
        }
    }

    func forget(_ node: String) { waiting.withLock { _ = $0.removeValue(forKey: node) } }

    /// Pods that are waited for.
    var count: Int { waiting.withLock { $0.values.reduce(0) { $0 + $1.count } } }
}
