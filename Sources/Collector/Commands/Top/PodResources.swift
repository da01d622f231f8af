import KubernetesObjects

/// CPU and memory that something asks for, may use, or has; nil where nothing is said.
struct ResourceAmounts: Hashable, Sendable, Codable {
    /// Billionths of a core.
    var cpuNanos: Int64?
    var memoryBytes: Int64?

    init(cpuNanos: Int64? = nil, memoryBytes: Int64? = nil) { (self.cpuNanos, self.memoryBytes) = (cpuNanos, memoryBytes) }

    init(_ amounts: borrowing QuantityMap) {
        cpuNanos = amounts["cpu"].map { Int64(clamping: $0.nanos) }
        memoryBytes = amounts["memory"].map(\.value)
    }

    /// What is not said counts as nothing beside what is.
    static func + (left: Self, right: Self) -> Self { left.combined(right) { Int64(clamping: Int128($0) + Int128($1)) } }

    func orMore(_ other: Self) -> Self { combined(other, max) }

    /// What `other` says, and of the rest what this says.
    func overridden(by other: Self) -> Self {
        Self(cpuNanos: other.cpuNanos ?? cpuNanos, memoryBytes: other.memoryBytes ?? memoryBytes)
    }

    private func combined(_ other: Self, _ combine: (Int64, Int64) -> Int64) -> Self {
        func both(_ left: Int64?, _ right: Int64?) -> Int64? {
            guard let left else { return right }
            return right.map { combine(left, $0) } ?? left
        }
        return Self(cpuNanos: both(cpuNanos, other.cpuNanos), memoryBytes: both(memoryBytes, other.memoryBytes))
    }
}

/// What a pod asks for and may use as a whole, as the scheduler counts it.
///
/// Containers run together; init containers before them and one after another, except for those that are restarted always (sidecars, KEP-753),
/// which go on running beside all that come later. Where the pod says for itself (pod-level resources, KEP-2837), that holds in place of its
/// containers'. What the pod's runtime needs (overhead, KEP-688) comes on top; of limits only where there is one.
struct PodResources: Hashable, Sendable {
    struct Container: Hashable, Sendable {
        var name: String
        var requests: ResourceAmounts
        var limits: ResourceAmounts
    }

    var requests: ResourceAmounts
    var limits: ResourceAmounts
    /// Those that run as long as the pod: sidecars too.
    var containers: [Container]

    /// - Parameter initContainers: in their order, each with whether it is a sidecar.
    init(
        containers: [Container], initContainers: [(container: Container, isSidecar: Bool)] = [], pod: Container? = nil,
        overhead: ResourceAmounts = ResourceAmounts()
    ) {
        let sidecars = initContainers.filter(\.isSidecar).map(\.container)
        self.containers = containers + sidecars
        func whole(_ amounts: (Container) -> ResourceAmounts) -> ResourceAmounts {
            let together = (containers + sidecars).reduce(ResourceAmounts()) { $0 + amounts($1) }
            var (running, most) = (ResourceAmounts(), ResourceAmounts())
            for (container, isSidecar) in initContainers {
                let during = running + amounts(container)
                most = most.orMore(during)
                if isSidecar { running = during }
            }
            let counted = together.orMore(most)
            return pod.map { counted.overridden(by: amounts($0)) } ?? counted
        }
        requests = whole(\.requests) + overhead
        let bare = whole(\.limits)
        limits = ResourceAmounts(
            cpuNanos: bare.cpuNanos.map { $0 + (overhead.cpuNanos ?? 0) },
            memoryBytes: bare.memoryBytes.map { $0 + (overhead.memoryBytes ?? 0) })
    }

    init(_ spec: Core.PodSpec) {
        var containers: [Container] = []
        spec.containers.forEach { containers.append(Container($0)) }
        var initContainers: [(Container, Bool)] = []
        spec.initContainers.forEach { initContainers.append((Container($0), $0.restartPolicy.orEmpty == "Always")) }
        var pod: Container?
        if let own = spec.resources {
            pod = Container(name: "", requests: ResourceAmounts(own.requests), limits: ResourceAmounts(own.limits))
        }
        self.init(containers: containers, initContainers: initContainers, pod: pod, overhead: ResourceAmounts(spec.overhead))
    }
}

extension PodResources.Container {
    init(_ container: Core.Container) {
        name = container.name.string
        (requests, limits) = (ResourceAmounts(container.resources.requests), ResourceAmounts(container.resources.limits))
    }
}
