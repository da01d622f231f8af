import ArgumentParser
import DeltaStream
import KubernetesObjects
import Logging
import Testing

@testable import Exporter

/// What an exported object costs in memory, by counting what is held: no clock and no allocator has a say in it.
@Suite struct FootprintTests {
    /// Of 10 copies of the captured cluster's objects of a resource, in groups as they are with many.
    private func held(_ resource: Resource) throws -> (store: ObjectStore, text: Int) {
        let command = try ExporterCommand.parse(["--resources=\(resource.plural)"])
        let feed = ObjectFeed(
            try ExporterConfiguration(command.selection), telemetry: ExporterTelemetry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var store = StreamStore(streamID: 1)
        for copy in 0..<10 {
            for var object in try CapturedCluster.objects(resource) {
                object.identity.uid += "-\(copy)"
                _ = store.upsert(object, commitTime: 1)
            }
        }
        for bucket in UInt8.min...UInt8.max {
            feed.replaceBucket(resource, bucket: bucket, objects: store.snapshot(resource, bucket: bucket)?.objects ?? [])
        }
        let section = feed.sections[0].store
        return (section, section.bytes)
    }

    /// Of the captured cluster's kinds; few objects share what a group and a bucket take. docs/operations.md has the figures of many.
    @Test(
        "an object takes no more bytes than are promised, and of its text no more than a share",
        arguments: [(Resource.pods, 3500, 0.45), (.services, 450, 0.85), (.nodes, 4500, 1.4)])
    func bounds(resource: Resource, bytes: Int, share: Double) throws {
        let (store, text) = try held(resource)
        let each = store.footprint / store.count
        #expect(each <= bytes)
        #expect(Double(store.footprint) / Double(text) <= share)
    }
}
