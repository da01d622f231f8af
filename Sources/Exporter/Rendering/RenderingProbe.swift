import ArgumentParser
package import DeltaStream
package import KubernetesObjects
import Logging

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

/// An exporter without sockets that follows one resource: what a benchmark measures of deltas and snapshots on their way into it.
package final class FeedProbe: Sendable {
    private let feed: ObjectFeed

    /// - Parameter threads: that share the rendering of snapshots; nil: as many as the process may keep busy.
    /// - Returns: nil for a resource that is not served.
    package init?(_ resource: Resource, threads: Int? = nil) {
        guard let command = try? ExporterCommand.parse(["--resources=\(resource.plural)"]),
            let configuration = try? ExporterConfiguration(command.selection)
        else { return nil }
        feed = ObjectFeed(
            configuration, telemetry: ExporterTelemetry(), logger: Logger(label: "probe") { _ in SwiftLogNoOpLogHandler() },
            crew: threads.map(RenderingCrew.init) ?? .ofThisProcess)
    }

    package func replaceBucket(_ resource: Resource, bucket: UInt8, objects: [Delta]) {
        feed.replaceBucket(resource, bucket: bucket, objects: objects)
    }

    package func apply(_ delta: Delta) { feed.apply(delta) }

    /// Bytes of memory that the samples take, by counting.
    package var footprint: Int { feed.sections.reduce(0) { $0 + $1.store.footprint } }

    /// Bytes of the text, as it is sent.
    package var bytes: Int { feed.sections.reduce(0) { $0 + $1.store.bytes } }
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
