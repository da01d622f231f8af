import DeltaStream
import KubernetesObjects
import Testing

@testable import Exporter

@Suite("What is counted of pods' states")
struct StateLedgerTests {
    @Test("a container that ends, backs off and is started again: each end, wait and restart once, however many deltas show it")
    func life() throws {
        var pods = CountedPods()
        try pods.put(status: Status.pod("Pending", Status.waiting("ContainerCreating")))
        try pods.put(status: Status.pod("Running", Status.running()))
        try pods.put(status: Status.pod("Running", Status.ended("OOMKilled", "i0")))
        try pods.put(status: Status.pod("Running", Status.ended("OOMKilled", "i0"), rest: #","message":"the same again""#))
        try pods.put(status: Status.pod("Running", Status.running(1, last: Status.end("OOMKilled", "i0"))))
        try pods.put(status: Status.pod("Running", Status.ended("Error", "i1", restarts: 1, last: Status.end("OOMKilled", "i0"))))
        try pods.put(status: Status.pod("Running", Status.backingOff(1, last: Status.end("Error", "i1"), id: "i1")))
        try pods.put(
            status: Status.pod("Running", Status.backingOff(1, last: Status.end("Error", "i1"), id: "i1"), rest: #","message":"m""#))
        try pods.put(status: Status.pod("Running", Status.running(2, last: Status.end("Error", "i1"))))
        #expect(
            pods.counts == [
                "phases Pending": 1, "phases Running": 1, "waits c ContainerCreating": 1, "waits c CrashLoopBackOff": 1,
                "terminations c OOMKilled": 1, "terminations c Error": 1, "restarts c": 2,
            ])
        try pods.delete(status: Status.pod("Failed", Status.ended("Completed", "i2", restarts: 2, last: Status.end("Error", "i1"))))
        #expect(pods.counts["terminations c Completed"] == 1)
        #expect(pods.counts["phases Failed"] == 1)
        #expect(pods.ledger.pods == 0)
    }

    /// Everything that a crashing container goes through, in the order in which a kubelet says it.
    private static let crashes: [String] = (0..<5).flatMap { n -> [String] in
        let before = n == 0 ? nil : Status.end("Error", "i\(n - 1)")
        return [
            Status.running(n, last: before), Status.ended("Error", "i\(n)", restarts: n, last: before),
            Status.backingOff(n, last: Status.end("Error", "i\(n)"), id: "i\(n)"),
        ]
    }

    @Test("whatever deltas are left out, as many ends and restarts are counted as there were", arguments: 0..<200)
    func leftOut(seed: UInt64) throws {
        var random = SystemRandomNumberGenerator()
        _ = seed
        var pods = CountedPods()
        var shown = 0
        for (step, status) in Self.crashes.enumerated() where step == 0 || Bool.random(using: &random) {
            shown = step
            try pods.put(status: Status.pod("Running", status))
            let ends = pods.counts.filter { $0.key.hasPrefix("terminations") }.values.reduce(0, +)
            #expect(ends == UInt64((step + 2) / 3), "after step \(step)")
            #expect(pods.counts["restarts c"] ?? 0 == UInt64(step / 3))
        }
        let named = pods.counts["terminations c Error"] ?? 0
        #expect(named <= UInt64((shown + 2) / 3))
    }

    @Test("ends of which only the number of restarts tells have the reason Unknown")
    func unseen() throws {
        var pods = CountedPods()
        try pods.put(status: Status.pod("Running", Status.running()))
        try pods.put(status: Status.pod("Running", Status.running(4, last: Status.end("OOMKilled", "i3"))))
        #expect(pods.counts["terminations c OOMKilled"] == 1)
        #expect(pods.counts["terminations c Unknown"] == 3)
        #expect(pods.counts["restarts c"] == 4)
        // The next one is named again.
        try pods.put(status: Status.pod("Running", Status.ended("Error", "i4", restarts: 4, last: Status.end("OOMKilled", "i3"))))
        #expect(pods.counts["terminations c Error"] == 1)
        #expect(pods.counts["terminations c Unknown"] == 3)
    }

    @Test("without container IDs an end is known by its times; a number of restarts that falls counts on from there")
    func withoutIdentity() throws {
        func status(_ restarts: Int, _ second: Int) -> String {
            Status.pod(
                "Running",
                #"{"name":"c","restartCount":\#(restarts),"state":{"running":{}},"#
                    + #""lastState":{"terminated":{"reason":"Error","finishedAt":"2026-11-27T00:00:0\#(second)Z"}}}"#)
        }
        var pods = CountedPods()
        try pods.put(status: status(1, 1))
        try pods.put(status: status(1, 1))
        #expect(pods.counts["terminations c Error"] == 1)
        try pods.put(status: status(2, 2))
        #expect(pods.counts["terminations c Error"] == 2)
        try pods.put(status: status(0, 2))
        #expect(pods.counts["restarts c"] == 2)
        try pods.put(status: status(1, 3))
        #expect(pods.counts["restarts c"] == 3)
        #expect(pods.counts["terminations c Error"] == 3)
        try pods.put(status: status(-7, 3))
        try pods.put(status: status(Int(Int32.max), 4))
        #expect(pods.counts["restarts c"] == 3 + UInt64(Int32.max))
        #expect(pods.counts["terminations c Unknown"] == UInt64(Int32.max) - 1)
    }

    @Test("a wait counts when it begins: for another reason, and for the same one after the container has run")
    func waits() throws {
        var pods = CountedPods()
        for reason in ["ErrImagePull", "ImagePullBackOff", "ErrImagePull", "ErrImagePull"] {
            try pods.put(status: Status.pod("Pending", Status.waiting(reason)))
        }
        #expect(pods.counts["waits c ErrImagePull"] == 2)
        #expect(pods.counts["waits c ImagePullBackOff"] == 1)
        try pods.put(status: Status.pod("Running", Status.backingOff(1, last: Status.end("Error", "i1"), id: "i1")))
        try pods.put(status: Status.pod("Running", Status.backingOff(2, last: Status.end("Error", "i2"), id: "i2")))
        #expect(pods.counts["waits c CrashLoopBackOff"] == 2)
    }

    @Test("init, sidecar and ephemeral containers count for themselves, under one name too")
    func kinds() throws {
        var pods = CountedPods()
        try pods.put(
            status: #"{"phase":"Running","containerStatuses":[\#(Status.ended("Error", "a"))],"initContainerStatuses":["#
                + #"\#(Status.ended("Completed", "b")),\#(Status.ended("OOMKilled", "s", name: "sidecar"))],"#
                + #""ephemeralContainerStatuses":[\#(Status.ended("Completed", "d", name: "debug"))]}"#)
        #expect(
            pods.counts.filter { $0.key.hasPrefix("terminations") } == [
                "terminations c Error": 1, "terminations c/init Completed": 1, "terminations sidecar/init OOMKilled": 1,
                "terminations debug/ephemeral Completed": 1,
            ])
    }

    @Test("reasons in a pod's status and disruptions count when they come")
    func evictions() throws {
        var pods = CountedPods()
        let disrupted = #","conditions":[{"type":"DisruptionTarget","status":"True","reason":"EvictionByEvictionAPI"}]"#
        try pods.put(status: #"{"phase":"Running"}"#)
        try pods.put(status: #"{"phase":"Running"\#(disrupted)}"#)
        try pods.put(status: #"{"phase":"Failed","reason":"Evicted"\#(disrupted)}"#)
        try pods.put("other", uid: "o", "", status: #"{"phase":"Failed","reason":"\#(String(repeating: "x", count: 129))"}"#)
        #expect(
            pods.counts == [
                "phases Running": 1, "phases Failed": 2, "reasons Evicted": 1, "reasons Other": 1,
                "disruptions EvictionByEvictionAPI": 1,
            ])
    }

    @Test("what was there before counting began is not counted, and what it does from then on is")
    func beginning() throws {
        var pods = CountedPods(joined: false)
        let ended = Status.end("OOMKilled", "i6")
        _ = try pods.hide(status: Status.pod("Running", Status.running(7, last: ended)))
        pods.join()
        #expect(pods.counts.isEmpty)
        #expect(pods.ledger.pods == 1 && pods.ledger.gaps == 0)
        try pods.put(status: Status.pod("Running", Status.ended("Error", "i7", restarts: 7, last: ended)))
        #expect(pods.counts == ["terminations c Error": 1])
    }

    @Test("a bucket that comes as objects counts what they still show, and says that something may be missing")
    func gap() throws {
        var pods = CountedPods()
        try pods.put(status: Status.pod("Running", Status.running()))
        let bucket = Topic.bucket(ofUID: "uid-web-5d4f-x")
        #expect(pods.snapshot(bucket) == false)
        let since = try #require(pods.ledger.since(.all))
        pods.now += 100
        _ = try pods.hide(status: Status.pod("Running", Status.running(2, last: Status.end("OOMKilled", "i1"))))
        // One that came and went is in no snapshot; one that came meanwhile is new.
        var candidate = 0
        while Topic.bucket(ofUID: "n\(candidate)") != bucket { candidate += 1 }
        _ = try pods.hide("new", uid: "n\(candidate)", "", status: Status.pod("Running", Status.running(1, last: Status.end("Error", "z"))))
        #expect(pods.snapshot(bucket) == true)
        #expect(
            pods.counts == [
                "phases Running": 2, "restarts c": 3, "terminations c OOMKilled": 1, "terminations c Unknown": 1,
                "terminations c Error": 1,
            ])
        #expect(pods.ledger.gaps == 1)
        #expect(pods.ledger.since(.all) == since + 100)
        #expect(pods.ledger.since(BucketSet([bucket &+ 1])) == since)
    }

    @Test("what a new watcher comes upon in its first list is not taken for new, nor what it has not come upon yet for gone")
    func partial() throws {
        var pods = CountedPods()
        let crashed = Status.pod("Running", Status.running(5, last: Status.end("OOMKilled", "i4")))
        try pods.put(status: crashed)
        try pods.put("gone", uid: "gone", "", status: Status.pod("Running", Status.running()))
        let before = pods.counts
        pods.store = StreamStore(streamID: 8)
        pods.store.announce(.pods)
        pods.join()
        #expect(pods.ledger.pods == 2 && pods.ledger.since(.all) == nil && pods.ledger.positions.isEmpty)
        try pods.put(status: crashed)
        try pods.put("never seen", uid: "n", "", status: Status.pod("Running", Status.running(9, last: Status.end("Error", "e"))))
        #expect(pods.counts == before && pods.ledger.pods == 3)
        pods.beat()
        #expect(pods.ledger.since(.all) == nil)
        pods.store.markSynced(.pods, resourceVersion: "5")
        pods.beat()
        #expect(pods.counts == before && pods.ledger.pods == 2)
        #expect(pods.ledger.since(.all) == pods.now && pods.ledger.positions.count == 256)
        try pods.put("new", uid: "new", "", status: Status.pod("Running", Status.running(1, last: Status.end("Error", "f"))))
        try pods.put(status: Status.pod("Running", Status.ended("Error", "i5", restarts: 5, last: Status.end("OOMKilled", "i4"))))
        #expect(pods.counts["terminations c Error"] == 2)
        #expect(pods.counts["restarts c"] == (before["restarts c"] ?? 0) + 1)
    }

    @Test("a list that ends while a part of it is on its way is told from what comes after it by the heartbeat's sequences")
    func lateList() throws {
        var pods = CountedPods()
        pods.store = StreamStore(streamID: 8)
        pods.store.announce(.pods)
        pods.join()
        let crashed = Status.pod("Running", Status.running(5, last: Status.end("OOMKilled", "i4")))
        let listed = try #require(try pods.hide(status: crashed))
        pods.store.markSynced(.pods, resourceVersion: "5")
        pods.beat()
        #expect(pods.ledger.positions.count == 255)
        pods.ledger.apply(listed, now: pods.now)
        #expect(pods.counts.isEmpty && pods.ledger.positions.count == 256)
        try pods.put(status: Status.pod("Running", Status.running(6, last: Status.end("OOMKilled", "i5"))))
        #expect(pods.counts == ["terminations c OOMKilled": 1, "restarts c": 1])
    }

    @Test("an object that cannot be read leaves what is known of the pod as it is")
    func unreadable() throws {
        var pods = CountedPods()
        try pods.put(status: Status.pod("Running", Status.running(1, last: Status.end("Error", "i0"))))
        let before = pods.counts
        let broken = Delta(
            streamID: 7, sequence: 2, change: .modified, resource: .pods,
            identity: ObjectIdentity(namespace: "shop", name: "web-5d4f-x", uid: "uid-web-5d4f-x", resourceVersion: "9"),
            commitTime: 0, object: EncodedObject(encoding: .protobuf, bytes: [0xff, 0xff]))
        pods.ledger.apply(broken, now: 0)
        #expect(pods.ledger.pods == 1 && pods.counts == before)
        #expect(pods.ledger.positions[broken.bucket]?.sequence == 2)
    }

    // MARK: Whose they are

    enum Owned: CaseIterable {
        case nobody, deployment, hashWithoutDeployment, rollout, job, cronJob, dateInName, daemonSet, anotherController

        var metadata: String {
            func owner(_ kind: String, _ name: String, _ controller: Bool = true) -> String {
                #""ownerReferences":[{"kind":"\#(kind)","name":"\#(name)","controller":\#(controller)}]"#
            }
            let created = #""creationTimestamp":"2026-11-27T00:00:30Z""#
            return switch self {
            case .nobody: owner("Foo", "x", false)
            case .deployment: CountedPods.deployment
            case .hashWithoutDeployment: #""labels":{"pod-template-hash":"5d4f"},"# + owner("ReplicaSet", "web-77")
            case .rollout: #""labels":{"rollouts-pod-template-hash":"5d4f"},"# + owner("ReplicaSet", "web-5d4f")
            case .job: created + "," + owner("Job", "backup")
            // 2026-11-27 00:00 UTC is 1795737600, and 29928960 minutes.
            case .cronJob: created + "," + owner("Job", "backup-29928960")
            case .dateInName: created + "," + owner("Job", "backup-20261127")
            case .daemonSet: owner("DaemonSet", "agent")
            case .anotherController: owner("Rollout", "canary")
            }
        }

        var expected: (kind: String, name: String) {
            switch self {
            case .nobody: ("", "")
            case .deployment: ("Deployment", "web")
            case .hashWithoutDeployment: ("ReplicaSet", "web-77")
            case .rollout: ("ReplicaSet", "web-5d4f")
            case .job: ("Job", "backup")
            case .cronJob: ("CronJob", "backup")
            case .dateInName: ("Job", "backup-20261127")
            case .daemonSet: ("DaemonSet", "agent")
            case .anotherController: ("Rollout", "canary")
            }
        }
    }

    @Test("the owner is the controller at the top, as far as the pod tells for certain", arguments: Owned.allCases)
    func owners(owned: Owned) throws {
        let watched = try CountedPods.pod("p", owned.metadata, status: "{}")
        let owner = try watched.object.read(as: Pod.self) { PodOwner(of: $0) }
        #expect(owner == PodOwner(namespace: "shop", kind: owned.expected.kind, name: owned.expected.name))
    }

    @Test("a pod that gets another controller counts for that one from then on")
    func adopted() throws {
        var pods = CountedPods()
        try pods.put("p", uid: "u", "", status: Status.pod("Running", Status.running()))
        try pods.put("p", uid: "u", status: Status.pod("Running", Status.ended("Error", "i0")))
        let ends = pods.ledger.owners.compactMap { $0 }.filter {
            $0.states.counts.contains { $0.key.family == .terminations && $0.value > 0 }
        }
        #expect(ends.map(\.states.owner.name) == ["web"])
        #expect(pods.ledger.owners.compactMap { $0?.pods } == [0, 1])
    }

    // MARK: Bounds

    @Test("counters of an owner without pods stay for the stated time, and go then; a pod in time keeps them")
    func expiry() throws {
        var pods = CountedPods()
        try pods.put(status: Status.pod("Failed", Status.ended("Error", "i0")))
        try pods.delete(status: Status.pod("Failed", Status.ended("Error", "i0")))
        pods.now += StateLedger.lifetime - 1
        pods.ledger.sweep(now: pods.now)
        #expect(pods.counts["phases Failed"] == 1)
        try pods.put("web-5d4f-y", status: Status.pod("Running", Status.running()))
        pods.now += StateLedger.lifetime
        pods.ledger.sweep(now: pods.now)
        #expect(pods.counts["phases Failed"] == 1)
        try pods.delete("web-5d4f-y")
        pods.now += StateLedger.lifetime
        pods.ledger.sweep(now: pods.now)
        #expect(pods.counts.isEmpty && pods.ledger.series == 0)
        #expect(pods.ledger.owners.allSatisfy { $0 == nil })
        // Its place is used again.
        try pods.put("web-5d4f-z", status: Status.pod("Running", Status.running()))
        #expect(pods.ledger.owners.count == 1)
    }

    @Test("at the limit what exists counts on, what would be new is counted as overflow, and room is used again")
    func limit() throws {
        var pods = CountedPods(StateLedger(mostSeries: 40))
        for number in 0..<200 {
            try pods.put(
                "p\(number)", #""ownerReferences":[{"kind":"Job","name":"j\#(number)","controller":true}]"#, status: #"{"phase":"Running"}"#
            )
        }
        #expect(pods.ledger.series == 40)
        let counted = pods.counts["phases Running"] ?? 0
        let overflow = pods.ledger.overflow[.phases] ?? 0
        #expect(counted > 0 && overflow > 0 && counted + overflow == 200)
        try pods.put("p0", #""ownerReferences":[{"kind":"Job","name":"j0","controller":true}]"#, status: #"{"phase":"Pending"}"#)
        try pods.put("p0", #""ownerReferences":[{"kind":"Job","name":"j0","controller":true}]"#, status: #"{"phase":"Running"}"#)
        #expect(pods.counts["phases Running"] == counted + 1)
        for number in 0..<200 { try pods.delete("p\(number)") }
        pods.now += StateLedger.lifetime
        pods.ledger.sweep(now: pods.now)
        #expect(pods.ledger.series == 0)
        #expect(pods.ledger.owners.allSatisfy { $0 == nil })
    }

    @Test("statuses with ever new container names do not make a mark grow without end")
    func manyContainers() throws {
        var pods = CountedPods()
        for number in 0..<300 { try pods.put(status: Status.pod("Running", Status.running(name: "c\(number)"))) }
        let marks = pods.ledger.buckets.flatMap(\.pods.values)
        #expect(marks.count == 1 && (marks.first?.containers.count ?? 0) <= PodMark.mostForgotten + 1)
    }

    @Test("what is asked about before it happens is there with 0 from the first sight of a container")
    func zeros() throws {
        var pods = CountedPods()
        try pods.put(status: Status.pod("Running", Status.running()))
        let counts = pods.ledger.owners.first.flatMap { $0?.states.counts } ?? [:]
        let zeros = counts.filter { $0.value == 0 }.keys.map { "\($0.family) \($0.reason)" }.sorted()
        #expect(
            zeros == [
                "phases Failed", "reasons Evicted", "restarts ", "terminations Error", "terminations OOMKilled",
                "waits CrashLoopBackOff",
            ])
    }

    @Test("other namespaces, nodes and buckets than before: what is new to the ledger begins to be known, numbers stay")
    func selection() throws {
        var pods = CountedPods(StateLedger(mostSeries: 1_000, admission: .init(namespaces: ["other"])))
        try pods.put(status: Status.pod("Running", Status.running(3, last: Status.end("Error", "i2"))))
        #expect(pods.ledger.pods == 0 && pods.counts.isEmpty)
        pods.ledger.select(.init(namespaces: ["shop"]), .all, now: pods.now)
        #expect(pods.ledger.positions.isEmpty && pods.ledger.since(.all) == nil)
        pods.join()
        #expect(pods.ledger.pods == 1 && pods.counts.isEmpty)
        try pods.put(status: Status.pod("Running", Status.ended("Error", "i3", restarts: 3, last: Status.end("Error", "i2"))))
        #expect(pods.counts == ["terminations c Error": 1])
        let own = Topic.bucket(ofUID: "uid-web-5d4f-x")
        pods.ledger.select(.init(namespaces: ["shop"]), BucketSet([own]), now: pods.now)
        #expect(pods.ledger.pods == 1 && pods.ledger.positions.count == 1)
        pods.ledger.select(.init(namespaces: ["shop"]), BucketSet([own &+ 1]), now: pods.now)
        #expect(pods.ledger.pods == 0 && pods.counts == ["terminations c Error": 1])
        pods.ledger.select(.init(nodes: .named("n2")), .all, now: pods.now)
        pods.join()
        #expect(pods.ledger.pods == 0)
    }
}
