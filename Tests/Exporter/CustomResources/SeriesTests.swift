import KubernetesObjects
import Testing

@testable import Exporter

/// No series appears twice, whatever configuration and objects say, and families stand together.
@Suite struct SeriesTests {
    /// Nothing tells the objects apart.
    private static let nameless = "name: v, each: {type: Gauge, gauge: {path: [spec, v]}}"

    @Test("of objects that give one series the first by namespace and name has it; the next has it when that one goes")
    func objects() throws {
        let exporter = try CustomResourcesUnderTest(metric: Self.nameless, resource: "commonLabels: {}")
        let (one, two, three) = (
            try thing(#""spec": {"v": 1}"#, name: "b"), try thing(#""spec": {"v": 2}"#, name: "a"),
            try thing(#""spec": {"v": 3}"#, name: "c")
        )
        exporter.upsert(one)
        #expect(exporter.samples() == ["v{…} 1"])
        exporter.upsert(two)
        exporter.upsert(three)
        #expect(exporter.samples() == ["v{…} 2"])
        #expect(exporter.feed.suppressed == 2)
        exporter.delete(two)
        #expect(exporter.samples() == ["v{…} 1"])
        exporter.upsert(try thing(#""spec": {}"#, name: "b", version: 2))
        #expect(exporter.samples() == ["v{…} 3"])
        exporter.delete(three)
        #expect(exporter.samples().isEmpty)
        #expect(exporter.feed.suppressed == 0)
    }

    @Test("objects of one name in two namespaces share a series where only the name is a label, and no other sample is left out")
    func namespaces() throws {
        let exporter = try CustomResourcesUnderTest(
            metric: "name: v, each: {type: Gauge, gauge: {path: [spec], labelFromKey: key}}")
        exporter.upsert(try thing(#""spec": {"x": 1, "y": 2}"#, namespace: "n2"))
        exporter.upsert(try thing(#""spec": {"x": 3, "z": 4}"#, namespace: "n1"))
        #expect(Set(exporter.samples()) == [#"v{…,key="x",name="one"} 3"#, #"v{…,key="y",name="one"} 2"#, #"v{…,key="z",name="one"} 4"#])
    }

    @Test("rules with names and namespaces of objects need no comparison of series")
    func distinct() throws {
        let labels = "labelsFromPath: {name: [metadata, name], namespace: [metadata, namespace]}"
        #expect(try CustomResourcesUnderTest(metric: Self.nameless, resource: labels).layout.sections[0].shared.isEmpty)
        #expect(
            try CustomResourcesUnderTest(metric: Self.nameless, resource: "labelsFromPath: {id: [metadata, uid]}").layout.sections[0].shared
                .isEmpty)
        for metric in [
            "name: v, commonLabels: {customresource_version: x}, each: {type: Gauge, gauge: {path: [spec, v]}}",
            "name: v, each: {type: Gauge, gauge: {path: [spec, v], labelFromKey: name}}",
            #"name: v, labelsFromPath: {"*": [metadata, labels]}, each: {type: Gauge, gauge: {path: [spec, v]}}"#,
            "name: v, each: {type: Info, info: {path: [spec, v], labelsFromPath: {namespace: [other]}}}",
        ] {
            #expect(try CustomResourcesUnderTest(metric: metric, resource: labels).layout.sections[0].shared == [0], "\(metric)")
        }
    }

    @Test("two entries for one kind, and two metrics of one name, write one family")
    func merged() throws {
        let exporter = try CustomResourcesUnderTest(
            """
            spec:
              resources:
              - groupVersionKind: {group: example.dev, version: v1, kind: Thing}
                labelsFromPath: {name: [metadata, name]}
                metrics:
                - {name: v, help: memory, commonLabels: {resource: memory}, each: {type: Gauge, gauge: {path: [spec, memory]}}}
                - {name: v, help: processors, commonLabels: {resource: cpu}, each: {type: Gauge, gauge: {path: [spec, cpu]}}}
              - groupVersionKind: {group: example.dev, version: "*", kind: "*"}
                labelsFromPath: {name: [metadata, name]}
                metrics:
                - {name: v, help: again, commonLabels: {resource: cpu}, each: {type: Gauge, gauge: {path: [spec, cpu]}}}
                - {name: w, each: {type: Info, info: {labelsFromPath: {k: [kind]}}}}
            """)
        exporter.upsert(try thing(#""spec": {"cpu": "100m", "memory": "1Ki"}"#))
        #expect(
            exporter.samples().sorted() == [
                #"v{…,name="one",resource="cpu"} 0.1"#, #"v{…,name="one",resource="memory"} 1024"#, #"w{…,k="Thing",name="one"} 1"#,
            ])
        #expect(exporter.lines().filter { $0.hasPrefix("# TYPE") }.count == 2)
    }

    @Test("a family of several types is a gauge, in OpenMetrics too")
    func types() throws {
        let exporter = try CustomResourcesUnderTest(
            """
            spec:
              resources:
              - groupVersionKind: {group: example.dev, version: v1, kind: Thing}
                metrics:
                - {name: v, each: {type: Info, info: {labelsFromPath: {a: [spec, a]}}}}
                - {name: v, each: {type: Gauge, gauge: {path: [spec, b]}}}
            """)
        exporter.upsert(try thing(#""spec": {"a": "x", "b": 1}"#))
        #expect(exporter.lines(.openMetrics).contains("# TYPE kube_customresource_v gauge"))
    }

    @Test("an object that is no JSON object any more is taken away, and an object that moves takes its samples along")
    func undecodable() throws {
        let exporter = try CustomResourcesUnderTest(metric: Self.nameless)
        let good = try thing(#""spec": {"v": 1}"#)
        exporter.upsert(good)
        #expect(exporter.samples().count == 1)
        var bad = good
        bad.object = EncodedObject(encoding: .protobuf, bytes: Array(#"{"spec": {}}"#.utf8))
        exporter.upsert(bad)
        #expect(exporter.samples().isEmpty)
        exporter.upsert(try thing(#""spec": {"v": 2}"#, version: 3))
        #expect(exporter.samples() == [#"v{…,name="one"} 2"#])
    }

    @Test("a resource that leaves the stream takes its samples along, and no other's")
    func dropped() throws {
        let exporter = try CustomResourcesUnderTest(
            "spec: {resources: [{groupVersionKind: {group: example.dev}, metrics: [{name: v, each: {type: Gauge, gauge: {path: [spec, v]}}}]}]}"
        )
        var older = things
        older.version = "v1beta1"
        exporter.upsert(try thing(#""spec": {"v": 1}"#))
        exporter.upsert(try thing(#""spec": {"v": 1}"#, of: older))
        #expect(exporter.lines().filter { !$0.hasPrefix("#") }.count == 2)
        exporter.feed.drop(older)
        #expect(exporter.samples() == ["v{…} 1"])
    }
}
