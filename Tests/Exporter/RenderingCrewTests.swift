import ArgumentParser
import DeltaStream
import KubernetesObjects
import Logging
import ProcessRuntime
import Synchronization
import Testing

@testable import Exporter

@Suite struct RenderingCrewTests {
    @Test("every element is transformed once, and the results stand in the elements' order", arguments: [1, 2, 3, 8])
    func order(threads: Int) {
        for count in [0, 1, 7, 8, 15, 16, 17, 64, 1000] {
            let calls = Atomic(0)
            let made = RenderingCrew(threads: threads).compactMap(Array(0..<count)) { number -> Int? in
                calls.add(1, ordering: .relaxed)
                return number % 3 == 0 ? nil : number * 2
            }
            #expect(made == (0..<count).filter { $0 % 3 != 0 }.map { $0 * 2 })
            #expect(calls.load(ordering: .relaxed) == count)
        }
    }

    @Test("snapshots and changes give the same bytes whoever renders them, also with objects that cannot be decoded", arguments: [2, 5])
    func bytes(threads: Int) throws {
        var store = StreamStore(streamID: 1)
        for copy in 0..<8 {
            for var object in try CapturedCluster.objects(.pods) {
                object.identity.uid += "-\(copy)"
                if object.identity.name.utf8.count % 11 == copy { object.object.bytes.append(0xff) }
                _ = store.upsert(object, commitTime: 1)
            }
        }
        let deltas = (UInt8.min...UInt8.max).flatMap { store.snapshot(.pods, bucket: $0)?.objects ?? [] }
        func fed(_ threads: Int) throws -> (text: String, count: Int, undecodable: Bool) {
            let command = try ExporterCommand.parse(["--resources=pods"])
            let telemetry = ExporterTelemetry()
            let feed = ObjectFeed(
                try ExporterConfiguration(command.selection), telemetry: telemetry,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, crew: RenderingCrew(threads: threads))
            // In two buckets that are larger than those of a small cluster.
            for (bucket, objects) in [(UInt8(3), deltas[..<300]), (9, deltas[300...])] {
                feed.replaceBucket(.pods, bucket: bucket, objects: Array(objects))
            }
            let counted = String(decoding: telemetry.registry.render(), as: UTF8.self)
            return (
                ExporterUnderTest.exposition(feed.sections), feed.sections[0].store.count,
                !counted.contains(#"undecodable_objects_total{resource="pods"} 0"#)
            )
        }
        let (one, several) = (try fed(1), try fed(threads))
        #expect(one.count > 400 && one.count < deltas.count && one.count == several.count)
        #expect(one.undecodable && several.undecodable)
        let isSame = one.text == several.text
        #expect(isSame, "the texts differ")
    }

    @Test("a change renders the object that changes, and no other")
    func counted() throws {
        let rendered = Mutex<[String]>([])
        let command = try ExporterCommand.parse(["--resources=pods"])
        var configuration = try ExporterConfiguration(command.selection)
        configuration.renderers = configuration.renderers.map { renderer in
            ResourceRenderer(resource: renderer.resource, families: renderer.families) { (object) throws(ObjectDecodingError) in
                let name = try object.read(as: Pod.self) { $0.metadata.name.string }
                rendered.withLock { $0.append(name) }
                return try renderer.record(object)
            }
        }
        let feed = ObjectFeed(
            configuration, telemetry: ExporterTelemetry(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var store = StreamStore(streamID: 1)
        for number in 0..<300 { _ = store.upsert(try pod("p\(number)"), commitTime: 1) }
        for bucket in UInt8.min...UInt8.max {
            feed.replaceBucket(.pods, bucket: bucket, objects: store.snapshot(.pods, bucket: bucket)?.objects ?? [])
        }
        #expect(rendered.withLock { $0.count } == 300)
        let delta = try #require(store.upsert(try pod("p77", version: 2, #""status":{"phase":"Running"}"#), commitTime: 2))
        feed.apply(delta)
        _ = ExporterUnderTest.exposition(feed.sections)
        #expect(rendered.withLock { Array($0.dropFirst(300)) } == ["p77"])
    }
}
