import AsyncHTTPClient
import DeltaStream
import KubernetesObjects
import MizzenSystem
import NIOCore
import NIOHTTP1
import ProcessRuntime
import Testing

@testable import Exporter

/// Labels of objects, their namespaces and their owners on series, as the stream changes them.
@Suite struct LabelsOnSeriesTests {
    /// An object with labels and a controller.
    private func made(
        _ resource: Resource, _ name: String, namespace: String = "n", labels: [String: String] = [:],
        controller: (Resource, String)? = nil,
        isController: Bool = true, version: Int = 1, _ rest: String = ""
    ) throws -> WatchedObject {
        let labels = labels.sorted { $0.key < $1.key }.map { #""\#($0)":"\#($1)""# }.joined(separator: ",")
        let owner = controller.map {
            #","ownerReferences":[{"apiVersion":"\#($0.apiVersion)","kind":"\#($0.kind)","name":"\#($1)","uid":"\#($0.plural)-\#($1)""#
                + (isController ? #","controller":true}]"# : "}]")
        }
        let place = resource.isNamespaced ? #""namespace":"\#(namespace)","# : ""
        return try object(
            resource,
            #"{"metadata":{"name":"\#(name)",\#(place)"uid":"\#(resource.plural)-\#(name)","resourceVersion":"\#(version)","#
                + #""labels":{\#(labels)}\#(owner ?? "")}\#(rest)}"#)
    }

    private func exporter(_ labels: String, _ more: String...) throws -> ExporterUnderTest {
        try ExporterUnderTest(["--metric-labels-on=\(labels)"] + more)
    }

    /// Everything that is followed or served is whole.
    private func join(_ exporter: ExporterUnderTest) {
        for resource in Set(exporter.configuration.topics.map(\.resource)) { exporter.feed.joined(resource, synced: true) }
    }

    private func count(_ exporter: ExporterUnderTest, of resource: Resource = .pods) -> String? {
        String(decoding: exporter.telemetry.registry.render(), as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("mizzen_exporter_relabelled_objects_total{resource=\"\(resource.plural)\"}") }
            .flatMap { $0.split(separator: " ").last.map(String.init) }
    }

    private let identity = #"namespace="n",pod="p",uid="pods-p""#

    @Test(
        "an object's own labels stand on every sample of the chosen families, fan-out too, and on no others; a missing or empty one is absent"
    )
    func ownLabels() throws {
        let exporter = try exporter("kube_pod_(created|container_info|labels)=[team,zone,none]")
        let containers = #","spec":{"containers":[{"name":"a"},{"name":"b"}]},"status":{"containerStatuses":[{"name":"a"},{"name":"b"}]}"#
        exporter.upsert(try made(.pods, "p", labels: ["team": "a\\\"b", "zone": ""], containers))
        let shown = #"\#(identity),label_team="a\"b""#
        #expect(exporter.samples("kube_pod_container_info").count == 2)
        #expect(exporter.samples("kube_pod_container_info").allSatisfy { $0.hasPrefix("kube_pod_container_info{\(shown),container=") })
        #expect(
            exporter.samples("kube_pod_container_status_ready").allSatisfy {
                $0.hasPrefix("kube_pod_container_status_ready{\(identity),cont")
            })
        exporter.upsert(try made(.pods, "p", labels: ["team": "c"], version: 2, containers))
        #expect(exporter.samples("kube_pod_container_info").allSatisfy { $0.contains(#"label_team="c",container"#) })
        exporter.upsert(try made(.pods, "p", version: 3, containers))
        #expect(exporter.samples("kube_pod_container_info").allSatisfy { $0.contains(#"{\#(identity),container"#) })
        #expect(count(exporter) == nil)
    }

    @Test("kube_*_labels keep the labels that their allow list gives them, each once, and get those of namespaces and owners")
    func labelFamilies() throws {
        let exporter = try exporter("kube_pod_.*=[team,namespace:team]", "--metric-labels-allowlist=pods=[team]")
        exporter.upsert(try made(.namespaces, "n", labels: ["team": "x"]))
        exporter.upsert(try made(.pods, "p", labels: ["team": "y"]))
        join(exporter)
        #expect(exporter.samples("kube_pod_labels") == [#"kube_pod_labels{\#(identity),namespace_label_team="x",label_team="y"} 1"#])
    }

    @Test("a namespace's labels stand on what is in it, and on its own families; a change shows at once, in its own objects only")
    func namespaces() throws {
        let exporter = try exporter("kube_(pod_restart_policy|namespace_status_phase)=[namespace:team]")
        exporter.upsert(try made(.namespaces, "n", labels: ["team": "a"]))
        exporter.upsert(try made(.namespaces, "m", labels: ["team": "b"]))
        exporter.upsert(try made(.pods, "p"))
        exporter.upsert(try made(.pods, "q", namespace: "m"))
        join(exporter)
        let samples = exporter.samples("kube_pod_restart_policy")
        #expect(samples.count == 2 && samples[0].contains(#"namespace="m","#) && samples[0].contains(#"namespace_label_team="b","#))
        #expect(samples[1].hasPrefix(#"kube_pod_restart_policy{\#(identity),namespace_label_team="a","#))
        #expect(
            exporter.samples("kube_namespace_status_phase").filter { $0.contains(#"namespace="n",namespace_label_team="a",phase="#) }.count
                == 2)
        exporter.upsert(try made(.namespaces, "n", labels: ["team": "c"], version: 2))
        #expect(
            exporter.samples("kube_pod_restart_policy").contains {
                $0.hasPrefix(#"kube_pod_restart_policy{\#(identity),namespace_label_team="c","#)
            })
        #expect(
            exporter.samples("kube_namespace_status_phase").filter { $0.contains(#"namespace="n",namespace_label_team="c""#) }.count == 2)
        #expect(count(exporter) == "1")
        // What is not asked for changes nothing.
        exporter.upsert(try made(.namespaces, "n", labels: ["team": "c", "other": "x"], version: 3))
        #expect(count(exporter) == "1")
        exporter.delete(try made(.namespaces, "n", version: 4))
        #expect(exporter.samples("kube_pod_restart_policy").contains { $0.hasPrefix(#"kube_pod_restart_policy{\#(identity),type="#) })
        #expect(count(exporter) == "2")
    }

    @Test("controller is who controls the object, owner the last in that row; both follow changes of labels, of controllers and of the pod")
    func owners() throws {
        let exporter = try exporter("kube_pod_restart_policy=[controller:app,owner:team]", "--resources=pods")
        func shown() -> String {
            exporter.samples("kube_pod_restart_policy").joined().replacing("kube_pod_restart_policy{\(identity)", with: "")
        }
        let (set, deployment) = (
            try made(.replicaSets, "r", labels: ["app": "x", "team": "of the set"], controller: (.deployments, "d")),
            try made(.deployments, "d", labels: ["team": "a", "app": "none"])
        )
        // They may come in any order.
        exporter.upsert(try made(.pods, "p", controller: (.replicaSets, "r")))
        exporter.upsert(deployment)
        exporter.upsert(set)
        #expect(!shown().contains("team"), "the pods of an exporter that is not whole get their labels in one step")
        join(exporter)
        #expect(count(exporter) == "0")
        #expect(shown() == #",controller_label_app="x",owner_label_team="a",type=""} 1"#)
        exporter.upsert(try made(.deployments, "d", labels: ["team": "b"], version: 2))
        #expect(shown() == #",controller_label_app="x",owner_label_team="b",type=""} 1"#)
        #expect(count(exporter) == "1")
        exporter.delete(try made(.deployments, "d", version: 3))
        // The row ends at the set now.
        #expect(shown() == #",controller_label_app="x",owner_label_team="of the set",type=""} 1"#)
        exporter.upsert(try made(.replicaSets, "r", labels: ["app": "y"], version: 2))
        #expect(shown() == #",controller_label_app="y",type=""} 1"#)
        exporter.upsert(try made(.pods, "p", controller: (.statefulSets, "s"), version: 2))
        #expect(shown() == #",type=""} 1"#)
        exporter.upsert(try made(.statefulSets, "s", labels: ["team": "s"]))
        #expect(shown() == #",owner_label_team="s",type=""} 1"#)
        // Nobody of the old row concerns it any more.
        let before = count(exporter)
        exporter.upsert(try made(.replicaSets, "r", labels: ["app": "z"], version: 3))
        #expect(count(exporter) == before)
        #expect(!exporter.exposition().contains("kube_replicaset"), "what is followed only is not served")
    }

    @Test("an owner that does not control, one of another kind's group, and a circle of controllers give no labels and do no harm")
    func strangeOwners() throws {
        let exporter = try exporter("kube_pod_restart_policy=[owner:team]", "--resources=pods")
        exporter.upsert(try made(.replicaSets, "r", labels: ["team": "r"], controller: (.replicaSets, "s")))
        exporter.upsert(try made(.replicaSets, "s", labels: ["team": "s"], controller: (.replicaSets, "r")))
        exporter.upsert(try made(.pods, "p", controller: (.replicaSets, "r"), isController: false))
        var foreign = Resource.replicaSets
        foreign.group = "example.com"
        exporter.upsert(try made(.pods, "q", controller: (foreign, "r")))
        exporter.upsert(try made(.pods, "circle", controller: (.replicaSets, "r")))
        join(exporter)
        let samples = exporter.samples("kube_pod_restart_policy")
        #expect(samples.count == 3 && samples[0].contains(#"pod="circle",uid="pods-circle",owner_label_team="#))
        #expect(samples[1].contains(#"pod="p",uid="pods-p",type"#) && samples[2].contains(#"pod="q",uid="pods-q",type"#))
        // Each of the two concerns everybody below it.
        for (set, other) in [("r", "s"), ("s", "r")] {
            exporter.upsert(try made(.replicaSets, set, labels: ["team": "new"], controller: (.replicaSets, other), version: 2))
        }
        #expect(exporter.samples("kube_pod_restart_policy")[0].contains(#"owner_label_team="new""#))
        #expect(exporter.samples("kube_replicaset_created").isEmpty)
    }

    @Test("a change makes anew the chosen families of the objects that show it, in their own groups, and no bytes of samples")
    func nothingElse() throws {
        let exporter = try exporter("kube_pod_restart_policy=[owner:team]", "--resources=pods")
        for number in 0..<2 {
            exporter.upsert(try made(.daemonSets, "d\(number)", labels: ["team": "a"]))
            // One group each.
            for pod in 0..<TextGroup.size { exporter.upsert(try made(.pods, "p\(number)-\(pod)", controller: (.daemonSets, "d\(number)"))) }
        }
        join(exporter)
        let section = exporter.feed.sections[0]
        let before = section.store.snapshot()
        exporter.upsert(try made(.daemonSets, "d1", labels: ["team": "bb"], version: 2))
        let after = section.store.snapshot()
        #expect(before.count == 2 && after.count == 2 && count(exporter) == "\(TextGroup.size)")
        let chosen = try #require(section.families.firstIndex { $0.name == "kube_pod_restart_policy" })
        for group in 0..<2 {
            for family in section.families.indices {
                let (old, new) = (before[group].pieces[family], after[group].pieces[family])
                #expect((old === new) == !(group == 1 && family == chosen))
                #expect(old?.bytes == new?.bytes)
            }
        }
        #expect(exporter.samples("kube_pod_restart_policy").count { $0.contains(#"owner_label_team="bb""#) } == TextGroup.size)
        #expect(Exposition(exporter.feed.sections, format: .text).size == exporter.exposition().utf8.count)
    }

    @Test("buckets that are fetched again take labels with them, of objects and of those that are followed")
    func replacedBuckets() throws {
        let exporter = try exporter("kube_pod_restart_policy=[owner:team,team]", "--resources=pods")
        let set = try made(.daemonSets, "d", labels: ["team": "a"])
        exporter.upsert(set)
        let pod = try made(.pods, "p", labels: ["team": "own"], controller: (.daemonSets, "d"))
        exporter.upsert(pod)
        join(exporter)
        func delta(_ object: WatchedObject) -> Delta {
            Delta(
                streamID: 7, sequence: 1, change: .added, resource: object.resource, identity: object.identity, commitTime: 0,
                object: object.object)
        }
        let bucket = Topic.bucket(ofUID: "daemonsets-d")
        exporter.feed.replaceBucket(
            .daemonSets, bucket: bucket, objects: [delta(try made(.daemonSets, "d", labels: ["team": "b"], version: 2))])
        #expect(exporter.samples("kube_pod_restart_policy")[0].contains(#"owner_label_team="b",label_team="own""#))
        exporter.feed.replaceBucket(.daemonSets, bucket: bucket, objects: [])
        #expect(exporter.samples("kube_pod_restart_policy")[0].contains(#"{\#(identity),label_team="own""#))
        exporter.feed.replaceBucket(.pods, bucket: Topic.bucket(ofUID: "pods-p"), objects: [])
        #expect(exporter.samples("kube_pod_restart_policy").isEmpty)
        exporter.feed.replaceBucket(.pods, bucket: Topic.bucket(ofUID: "pods-p"), objects: [delta(pod)])
        exporter.upsert(try made(.daemonSets, "d", labels: ["team": "c"], version: 3))
        #expect(exporter.samples("kube_pod_restart_policy")[0].contains(#"owner_label_team="c",label_team="own""#))
    }

    @Test(
        "a shard shows the labels of owners in others' buckets, and serves none of those; together the shards show what one exporter does")
    func shards() throws {
        let options = ["--metric-labels-on=kube_.*=[team,app,namespace:team,owner:app,controller:app.kubernetes.io/name]"]
        func lines(_ more: [String]) throws -> [String] {
            try ExporterUnderTest(captured: options + more).lines().filter { !$0.hasPrefix("#") }
        }
        let whole = try lines([]).sorted()
        #expect(try (0..<3).flatMap { try lines(["--shard=\($0)", "--total-shards=3"]) }.sorted() == whole)
        #expect(whole.contains { $0.contains(#"owner_label_app="cedar""#) && $0.hasPrefix("kube_pod_info{") })
    }

    @Test("the captured cluster with labels everywhere: no label twice, no series twice, and without the labels the same samples as ever")
    func captured() throws {
        let resources = "--resources=\(Resource.all.map(\.plural).joined(separator: ","))"
        let allowed = "--metric-labels-allowlist=*=[*]"
        let plain = try ExporterUnderTest(captured: [resources, allowed])
        let labelled = try ExporterUnderTest(captured: [
            resources, allowed,
            "--metric-labels-on=kube_.*=[team,app,app.kubernetes.io/name,x,namespace:team,namespace:kubernetes.io/metadata.name,owner:app,controller:app]",
        ])
        var seen: Set<String> = []
        var stripped: [String] = []
        for line in labelled.lines() where !line.hasPrefix("#") {
            let sample = try #require(SampleLine(Array(line.utf8)[...]))
            let names = sample.labels.map { String(decoding: $0.name, as: UTF8.self) }
            #expect(Set(names).count == names.count, "\(line)")
            let name = String(decoding: sample.name, as: UTF8.self)
            let labels = sample.labels.map {
                "\(String(decoding: $0.name, as: UTF8.self))=\"\(String(decoding: $0.value, as: UTF8.self))\""
            }
            #expect(seen.insert("\(name){\(labels.sorted().joined(separator: ","))}").inserted, "\(line)")
            let kept = labels.filter { label in
                !LabelSource.allCases.contains { label.hasPrefix("\($0.namePrefix)_") && !($0 == .object && name.hasSuffix("_labels")) }
            }
            stripped.append("\(name){\(kept.joined(separator: ","))} \(String(decoding: sample.rest, as: UTF8.self))")
        }
        #expect(stripped.sorted() == plain.lines().filter { !$0.hasPrefix("#") }.sorted())
        #expect(seen.contains { $0.contains("namespace_label_kubernetes_io_metadata_name=") && $0.hasPrefix("kube_service_info{") })
        #expect(Exposition(labelled.feed.sections, format: .openMetrics).size == labelled.exposition(.openMetrics).utf8.count)
        let cost = ExpositionCost(Array(labelled.exposition().utf8))
        #expect(cost.families.first { $0.name == "kube_pod_info" }?.labels.contains { $0.name == "label_team" } == true)
    }

    @Test("JSON and protobuf objects show the same labels; protobuf expositions have them too")
    func encodings() throws {
        let options = ["--metric-labels-on=kube_pod_.*=[team,namespace:app,owner:app]"]
        let (protobuf, json) = (try ExporterUnderTest(captured: options), try ExporterUnderTest(captured: options, .json))
        #expect(protobuf.lines().sorted() == json.lines().sorted())
        let bytes = ExporterUnderTest.bytes(of: ProtobufExposition(protobuf.feed.sections))
        #expect(String(decoding: bytes, as: UTF8.self).contains("owner_label_app"))
    }

    @Test("a scrape waits until the namespaces and owners are whole whose labels it shows")
    func readiness() async throws {
        let exporter = try exporter("kube_pod_.*=[owner:team]", "--resources=pods,services")
        exporter.feed.joined(.pods, synced: true)
        exporter.feed.joined(.services, synced: true)
        for resource in exporter.configuration.topics.map(\.resource) where resource != .cronJobs {
            exporter.feed.joined(resource, synced: true)
        }
        #expect(exporter.telemetry.unreadiness == "not ready: waiting for cronjobs")
        #expect(exporter.feed.sections[0].needs.contains("cronjobs") && exporter.feed.sections[1].needs == ["services"])
        let metrics = String(decoding: exporter.telemetry.registry.render(), as: UTF8.self)
        #expect(metrics.contains(#"mizzen_exporter_stream_joined{resource="cronjobs"} 0"#))
        #expect(!metrics.contains(#"mizzen_exporter_objects{resource="cronjobs"}"#))
        try await exporter.serving { addresses in
            func status(_ query: String) async throws -> String {
                let response = try await HTTPClient.shared.execute(
                    HTTPClientRequest(url: "http://\(addresses.main)/metrics\(query)"), timeout: .seconds(30))
                return "\(response.status.code) \(String(buffer: try await response.body.collect(upTo: 1 << 26)).prefix(60))"
            }
            let (all, pods, services) = (
                try await status(""), try await status("?resources=pods"), try await status("?resources=services")
            )
            #expect([all, pods] == Array(repeating: "503 not whole yet: waiting for cronjobs\n", count: 2))
            #expect(services.hasPrefix("200"), "nothing else needs them")
            exporter.feed.joined(.cronJobs, synced: true)
            let whole = try await status("")
            #expect(whole.hasPrefix("200"))
        }
        #expect(exporter.telemetry.unreadiness == nil)
    }

    @Test("after any sequence of changes the series are those of an exporter that has just been started", arguments: 0..<3)
    func anySequence(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func started() throws -> ExporterUnderTest {
            try self.exporter(
                "kube_(pod_restart_policy|replicaset_status_replicas|namespace_status_phase)=[team,namespace:team,controller:team,owner:team]",
                "--resources=pods,replicasets,namespaces")
        }
        let exporter = try started()
        join(exporter)
        var objects: [String: WatchedObject] = [:]
        for step in 1...1200 {
            let number = Int.random(in: 0..<4, using: &random)
            let team = Int.random(in: 0..<4, using: &random)
            let labels = team == 0 ? [:] : ["team": "\(team)"]
            let owner = Bool.random(using: &random) ? "\(Int.random(in: 0..<4, using: &random))" : nil
            let object =
                switch Int.random(in: 0..<8, using: &random) {
                case 0: try made(.namespaces, "n\(number % 2)", labels: labels, version: step)
                case 1: try made(.deployments, "\(number)", labels: labels, version: step)
                case 2:
                    try made(.replicaSets, "\(number)", labels: labels, controller: owner.map { (.deployments, $0) }, version: step)
                default:
                    try made(
                        .pods, "\(Int.random(in: 0..<200, using: &random))", namespace: "n\(number % 2)", labels: labels,
                        controller: owner.map { (.replicaSets, $0) }, version: step)
                }
            let uid = object.identity.uid
            if let known = objects[uid], known.identity.namespace != object.identity.namespace || Int.random(in: 0..<4, using: &random) == 0
            {
                exporter.delete(known)
                objects[uid] = nil
            } else {
                exporter.upsert(object)
                objects[uid] = object
            }
            guard step % 150 == 0 else { continue }
            let fresh = try started()
            for object in objects.values.shuffled(using: &random) { fresh.upsert(object) }
            join(fresh)
            #expect(exporter.lines().sorted() == fresh.lines().sorted(), "step \(step)")
            #expect(Exposition(exporter.feed.sections, format: .text).size == exporter.exposition().utf8.count)
        }
    }

    @Test("a followed object whose metadata cannot be read is counted, and gives no labels")
    func undecodable() throws {
        let exporter = try exporter("kube_pod_restart_policy=[owner:team]", "--resources=pods")
        exporter.upsert(try made(.daemonSets, "d", labels: ["team": "a"]))
        exporter.upsert(try made(.pods, "p", controller: (.daemonSets, "d")))
        join(exporter)
        exporter.feed.apply(
            Delta(
                streamID: 7, sequence: 9, change: .modified, resource: .daemonSets,
                identity: ObjectIdentity(namespace: "n", name: "d", uid: "daemonsets-d", resourceVersion: "2"), commitTime: 0,
                object: EncodedObject(encoding: .protobuf, bytes: [0xff, 0xff, 0xff])))
        #expect(exporter.samples("kube_pod_restart_policy")[0].contains("{\(identity),type"))
        let metrics = String(decoding: exporter.telemetry.registry.render(), as: UTF8.self)
        #expect(metrics.contains("mizzen_exporter_undecodable_objects_total{resource=\"daemonsets\"} 1"))
    }
}
