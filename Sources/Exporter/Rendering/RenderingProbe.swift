import DeltaStream
package import KubernetesObjects

/// What a benchmark measures of the way from a delta's object to the lines of a scrape.
package struct RenderingProbe: Sendable {
    private let renderer: ResourceRenderer

    /// With every family that is served by default; nil for a resource without families.
    package init?(_ resource: Resource) {
        guard let families = FamilyRegistry.families(of: resource), let filter = try? FamilyFilter() else { return nil }
        renderer = families.renderer(filter)
    }

    /// The size of the object's lines in bytes.
    package func render(_ object: EncodedObject) throws(ObjectDecodingError) -> Int {
        try renderer.record(object)?.samples.count ?? 0
    }
}

/// What a benchmark measures of counting the states that pods pass through: updates that bring nothing new, as most do.
package struct CountingProbe: Sendable {
    private var ledger = StateLedger(mostSeries: 100_000)
    private var deltas: [Delta] = []

    package init(_ pods: [EncodedObject]) throws(ObjectDecodingError) {
        for pod in pods {
            let identity = try ObjectIdentity(pod)
            deltas.append(
                Delta(streamID: 1, sequence: 1, change: .modified, resource: .pods, identity: identity, commitTime: 0, object: pod))
        }
    }

    /// One update of each pod.
    /// - Returns: how many series there are.
    package mutating func count() -> Int {
        for delta in deltas { ledger.apply(delta, now: 0) }
        ledger.changes.reset()
        return ledger.series
    }
}
