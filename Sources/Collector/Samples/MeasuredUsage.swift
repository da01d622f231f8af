/// What is measured of a node: the same one for as long as no sample says anything new.
final class NodeUsage: Sendable {
    let points: PointPair

    init(points: PointPair) { self.points = points }

    /// - Returns: nil while there are not two measurements of one run.
    func item(_ node: CatalogNode) -> MetricsItem? {
        guard let (usage, window) = points.usage else { return nil }
        return MetricsItem(namespace: "", name: node.name, labels: node.labels, window: window, usage: .node(usage))
    }
}

/// What is measured of a pod: the same one for as long as no sample says anything new.
final class PodUsage: Sendable {
    struct Container: Hashable, Sendable {
        var name: String
        var points: PointPair
    }

    let node: String
    /// Sorted by name.
    let containers: [Container]

    init(node: String, containers: [Container]) {
        self.node = node
        self.containers = containers
    }

    /// - Parameter isPartial: a container without a second measurement leaves itself out, not its pod.
    /// - Returns: nil while nothing, or not enough, is measured.
    func item(_ pod: CatalogPod, isPartial: Bool) -> MetricsItem? {
        var measured: [MetricsItem.Container] = []
        measured.reserveCapacity(containers.count)
        var earliest: MeasuredWindow?
        for container in containers {
            guard isPartial || container.points.previous != nil else { return nil }
            // A counter that went backwards leaves its container out, not its pod.
            guard let (usage, window) = container.points.usage else { continue }
            measured.append(.init(name: container.name, usage: usage))
            if earliest.map({ window.end < $0.end }) ?? true { earliest = window }
        }
        guard let earliest else { return nil }
        return MetricsItem(namespace: pod.namespace, name: pod.name, labels: pod.labels, window: earliest, usage: .pod(measured))
    }
}
