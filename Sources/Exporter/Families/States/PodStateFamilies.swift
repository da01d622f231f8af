/// A container as counters name it.
struct CountedContainer: Hashable, Sendable, Comparable {
    enum Kind: UInt8, Sendable {
        /// Sidecars are init containers.
        case regular = 0, initial, ephemeral

        /// The label's value.
        var text: String {
            switch self {
            case .regular: "container"
            case .initial: "init"
            case .ephemeral: "ephemeral"
            }
        }
    }

    var name: String
    var kind: Kind

    static func < (left: Self, right: Self) -> Bool { (left.name, left.kind.rawValue) < (right.name, right.kind.rawValue) }
}

/// One thing that is counted.
struct CountedState: Hashable, Sendable, Comparable {
    enum Family: UInt8, CaseIterable, Sendable {
        case terminations = 1, waits, restarts, phases, reasons, disruptions

        /// As the exporter's own metrics call it.
        var text: String { "\(self)" }
    }

    var family: Family
    /// nil where the pod is meant.
    var container: CountedContainer?
    /// A phase or a reason; empty where there is none.
    var reason = ""

    static func < (left: Self, right: Self) -> Bool {
        if left.family != right.family { return left.family.rawValue < right.family.rawValue }
        if left.container == right.container { return left.reason < right.reason }
        guard let one = left.container, let other = right.container else { return left.container == nil }
        return one < other
    }
}

/// How often the pods of one owner have been in which states, since this was first counted.
struct OwnerStates: Hashable, Sendable {
    var owner: PodOwner
    var counts: [CountedState: UInt64] = [:]
}

/// Mizzen's own families: states that pods have passed through, whether a scrape has met them or not.
let podStateFamilies: [MetricFamily<OwnerStates>] = [
    .counting(
        .terminations, "mizzen_pod_container_terminations_total",
        "How often containers have ended, by reason; Unknown where only the number of restarts tells of it."),
    .counting(
        .waits, "mizzen_pod_container_waits_total",
        "How often containers have begun to wait for being started, by reason."),
    .counting(.restarts, "mizzen_pod_container_restarts_total", "How often containers have been started again."),
    .counting(.phases, "mizzen_pod_phase_entries_total", "How often pods have entered each phase."),
    .counting(
        .reasons, "mizzen_pod_status_reasons_total",
        "How often pods have got a reason in their status, such as Evicted, NodeLost or Shutdown."),
    .counting(
        .disruptions, "mizzen_pod_disruptions_total",
        "How often something other than itself has begun to end a pod, by reason: preemption, an eviction by the API, a taint."),
]

extension MetricFamily<OwnerStates> {
    fileprivate static func counting(_ family: CountedState.Family, _ name: String, _ help: String) -> Self {
        Self(name, .alpha, type: .counter, isOptIn: true, help) { states, out in
            // The order tells nothing, but the same counts are the same text.
            for (state, count) in states.counts.filter({ $0.key.family == family }).sorted(by: { $0.key < $1.key }) {
                out.sample(Double(count)) { label in
                    if let container = state.container {
                        label("container", container.name)
                        label("container_type", container.kind.text)
                    }
                    if family == .phases { label("phase", state.reason) } else if family != .restarts { label("reason", state.reason) }
                }
            }
        }
    }
}
