import DeltaStream
import KubernetesObjects
import ProcessRuntime
import Synchronization
import Testing

@testable import Exporter

@Suite struct FeedTests {
    private static let running =
        #""spec":{"nodeName":"n1","containers":[{"name":"c"}]},"status":{"phase":"Running","containerStatuses":[{"name":"c","ready":true,"restartCount":1}]}"#
    private static let ended =
        #""spec":{"nodeName":"n1","containers":[{"name":"c"}]},"status":{"phase":"Failed"}"#

    @Test("an updated object leaves none of its old lines")
    func updates() throws {
        let exporter = try ExporterUnderTest()
        exporter.upsert(try pod("a", version: 1, Self.running))
        #expect(exporter.samples("kube_pod_container_status_ready").count == 1)
        exporter.upsert(try pod("a", version: 2, Self.ended))
        #expect(exporter.samples("kube_pod_container_status_ready").isEmpty)
        #expect(exporter.samples("kube_pod_status_phase").filter { $0.hasSuffix(" 1") }.count == 1)
        #expect(exporter.samples("kube_pod_status_phase").contains { $0.contains("\"Failed\"} 1") })
        #expect(exporter.samples("kube_pod_info").count == 1)
    }

    @Test("a deleted object leaves no lines, and the last one of a resource takes the headers with it")
    func deletes() throws {
        let exporter = try ExporterUnderTest()
        let (first, second) = (try pod("a", Self.running), try pod("b", Self.running))
        exporter.upsert(first)
        exporter.upsert(second)
        exporter.delete(first)
        #expect(!exporter.exposition().contains("uid-a"))
        #expect(exporter.samples("kube_pod_info").count == 1)
        exporter.delete(second)
        #expect(exporter.exposition() == "")
    }

    @Test("an object that is made again under its name shows its new lines only")
    func recreated() throws {
        let exporter = try ExporterUnderTest()
        let old = try pod("a", uid: "old", Self.running)
        exporter.upsert(old)
        exporter.delete(old)
        exporter.upsert(try pod("a", uid: "new", version: 2, Self.running))
        #expect(exporter.samples("kube_pod_created").isEmpty)
        #expect(
            exporter.samples("kube_pod_restart_policy") == [#"kube_pod_restart_policy{namespace="default",pod="a",uid="new",type=""} 1"#])
    }

    @Test("a bucket that is fetched again drops what is not in it any more")
    func replacedBucket() throws {
        let exporter = try ExporterUnderTest()
        let pods = try (0..<40).map { try pod("p\($0)", Self.running) }
        for pod in pods { exporter.upsert(pod) }
        let bucket = Topic.bucket(ofUID: pods[0].identity.uid)
        let held = pods.count { Topic.bucket(ofUID: $0.identity.uid) == bucket }
        exporter.feed.replaceBucket(.pods, bucket: bucket, objects: [])
        #expect(exporter.samples("kube_pod_info").count == 40 - held)
    }

    @Test("an object that cannot be decoded is counted and left out, and its old lines go")
    func undecodable() throws {
        let exporter = try ExporterUnderTest()
        exporter.upsert(try pod("a", Self.running))
        exporter.feed.apply(
            Delta(
                streamID: 7, sequence: 9, change: .modified, resource: .pods,
                identity: ObjectIdentity(namespace: "default", name: "a", uid: "uid-a", resourceVersion: "2"),
                commitTime: 0, object: EncodedObject(encoding: .protobuf, bytes: [0xff, 0xff, 0xff])))
        #expect(exporter.samples("kube_pod_info").isEmpty)
        let metrics = String(decoding: exporter.telemetry.registry.render(), as: UTF8.self)
        #expect(metrics.contains("mizzen_exporter_undecodable_objects_total{resource=\"pods\"} 1"))
    }

    @Test("the shards together show what one exporter shows, each line once", arguments: [2, 3, 16])
    func shards(total: Int) throws {
        let whole = try ExporterUnderTest(captured: []).lines().filter { !$0.hasPrefix("#") }.sorted()
        let parts = try (0..<total).flatMap { shard in
            try ExporterUnderTest(captured: ["--shard=\(shard)", "--total-shards=\(total)"]).lines()
                .filter { !$0.hasPrefix("#") }
        }
        #expect(parts.sorted() == whole)
    }

    @Test("--node keeps the pods of one node, --track-unscheduled-pods those without")
    func nodes() throws {
        let all = try ExporterUnderTest(captured: ["--resources=pods"]).samples("kube_pod_info")
        let one = try ExporterUnderTest(captured: ["--resources=pods", "--node=s1-node-0"]).samples("kube_pod_info")
        #expect(one == all.filter { $0.contains("node=\"s1-node-0\"") })
        let none = try ExporterUnderTest(captured: ["--resources=pods", "--track-unscheduled-pods"]).samples("kube_pod_info")
        #expect(none == all.filter { $0.contains("node=\"\"") })
    }

    @Test("a scrape while objects change shows each object whole, as it was before or after a change")
    func churn() async throws {
        let exporter = try ExporterUnderTest()
        // Two states of each pod, with two and with three containers, all samples of a state with one value.
        func status(_ count: Int) -> String {
            let statuses = (0..<count).map { #"{"name":"c\#($0)","restartCount":\#(count)}"# }.joined(separator: ",")
            return #""status":{"containerStatuses":[\#(statuses)]}"#
        }
        let states = try (0..<20).map { index in
            [try pod("p\(index)", version: 1, status(2)), try pod("p\(index)", version: 2, status(3))]
        }
        for state in states { exporter.upsert(state[0]) }
        let deltas = states.map { state in
            state.map {
                Delta(
                    streamID: 7, sequence: 1, change: .modified, resource: .pods, identity: $0.identity, commitTime: 0,
                    object: $0.object)
            }
        }
        let feed = exporter.feed
        let isDone = Mutex(false)
        async let writer: Void = {
            var round = 0
            while !isDone.withLock({ $0 }) {
                round += 1
                for delta in deltas { feed.apply(delta[round % 2]) }
                await Task.yield()
            }
        }()
        for _ in 0..<60 {
            let lines = ExporterUnderTest.exposition(feed.sections).split(separator: "\n")
            func byPod(_ family: String) -> [Substring: [Substring]] {
                Dictionary(grouping: lines.filter { $0.hasPrefix(family + "{") }) { $0.split(separator: "\"")[3] }
            }
            let (restarts, ready) = (byPod("kube_pod_container_status_restarts_total"), byPod("kube_pod_container_status_ready"))
            #expect(restarts.count == 20)
            for (pod, lines) in restarts {
                #expect(lines.allSatisfy { $0.hasSuffix("} \(lines.count)") }, "\(lines)")
                #expect(ready[pod]?.count == lines.count, "half of \(pod) is older")
            }
            await Task.yield()
        }
        isDone.withLock { $0 = true }
        await writer
    }
}
