import KubernetesObjects
import Testing

@testable import Exporter

/// The documented features one by one, each on a small object.
@Suite struct CustomResourceRuleTests {
    private func samples(_ metric: String, _ object: String, resource: String = "labelsFromPath: {name: [metadata, name]}") throws
        -> [String]
    {
        let exporter = try CustomResourcesUnderTest(metric: metric, resource: resource)
        #expect(exporter.complaints.isEmpty)
        exporter.upsert(try thing(object))
        return exporter.samples()
    }

    @Test("labels of whole maps come first, prefixes before names, and named ones override them")
    func stars() throws {
        let found = try samples(
            #"name: ready, commonLabels: {fixed: "yes"}, labelsFromPath: {"*": [metadata, labels], "lorem_*": [metadata, annotations], foo: [metadata, labels, other]}, each: {type: Gauge, gauge: {path: [status, sub], labelFromKey: kind, labelsFromPath: {active: [active]}, valueFrom: [ready]}}"#,
            #""status": {"sub": {"type-a": {"active": 1, "ready": 2}, "type-b": {"active": 3, "ready": 4}}}"#)
        // The object has neither labels nor annotations.
        #expect(
            found == [
                #"ready{active="1",…,fixed="yes",kind="type-a",name="one"} 2"#,
                #"ready{active="3",…,fixed="yes",kind="type-b",name="one"} 4"#,
            ])
    }

    @Test("labels and annotations are copied, their names made valid, and a digit does not begin one")
    func copies() throws {
        let exporter = try CustomResourcesUnderTest(
            metric:
                #"name: up, labelsFromPath: {"*": [metadata, labels], "anno_*": [metadata, annotations]}, each: {type: Gauge, gauge: {path: [spec, up]}}"#
        )
        exporter.upsert(
            try thing(
                #""spec": {"up": true}"#,
                metadata:
                    #""labels": {"app.kubernetes.io/name": "a", "9lives": "b", "name": "c", "team": "d"}, "annotations": {"x-y": "e"}"#))
        #expect(
            exporter.samples() == [#"up{_9lives="b",anno_x_y="e",app_kubernetes_io_name="a",…,name="one",team="d"} 1"#])
    }

    @Test("a list of values gives a sample each, with the value as a label by an empty path")
    func references() throws {
        #expect(
            try samples(
                #"name: ref_info, each: {type: Info, info: {path: [spec, refs], labelsFromPath: {ref: []}}}"#,
                #""spec": {"refs": ["b", "a"]}"#)
                == [#"ref_info{…,name="one",ref="a"} 1"#, #"ref_info{…,name="one",ref="b"} 1"#])
    }

    @Test("an Info without a path takes its labels from the object, and has no sample where none has a value")
    func infos() throws {
        let metric = #"name: version, each: {type: Info, info: {labelsFromPath: {version: [spec, version]}}}"#
        #expect(try samples(metric, #""spec": {"version": "v1.2.3"}"#) == [#"version{…,name="one",version="v1.2.3"} 1"#])
        #expect(try samples(metric, #""spec": {}"#).isEmpty)
    }

    @Test("a StateSet has a sample for each entry of its list, and none while the state is not there")
    func stateSets() throws {
        let metric = #"name: phase, each: {type: StateSet, stateSet: {labelName: phase, path: [status, phase], list: [Pending, Bar, Baz]}}"#
        #expect(
            try samples(metric, #""status": {"phase": "Bar"}"#)
                == [
                    #"phase{…,name="one",phase="Bar"} 1"#, #"phase{…,name="one",phase="Baz"} 0"#, #"phase{…,name="one",phase="Pending"} 0"#,
                ])
        #expect(try samples(metric, #""status": {}"#).isEmpty)
    }

    @Test("a StateSet of a list has labels of its elements; one of something else than a text is a failure")
    func stateSetsOfLists() throws {
        let exporter = try CustomResourcesUnderTest(
            metric:
                #"name: c, each: {type: stateset, stateSet: {labelName: status, labelsFromPath: {type: [type]}, path: [status, conditions], valueFrom: [status], list: ["True", "False"]}}"#
        )
        exporter.upsert(
            try thing(#""status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Odd", "status": 7}, {"type": "Late"}]}"#))
        #expect(
            exporter.samples() == [#"c{…,name="one",status="False",type="Ready"} 0"#, #"c{…,name="one",status="True",type="Ready"} 1"#])
        #expect(exporter.failures("kube_customresource_c") == "1")
    }

    @Test("valueFrom names a member of the map itself, and labels come from inside the member and from the map")
    func direct() throws {
        #expect(
            try samples(
                #"name: limit, each: {type: Gauge, gauge: {path: [spec], labelsFromPath: {unit: [unit]}, valueFrom: [limit]}}"#,
                #""spec": {"limit": "5k", "unit": "B", "other": {"unit": "x"}}"#) == [#"limit{…,name="one",unit="B"} 5000"#])
    }

    @Test("nilIsZero makes 0 of what is not there, and hides no value that is")
    func zero() throws {
        let metric = #"name: n, each: {type: Gauge, gauge: {path: [spec], valueFrom: [n], nilIsZero: true}}"#
        #expect(try samples(metric, #""spec": {"a": 1, "n": 4, "z": {}}"#) == [#"n{…,name="one"} 4"#])
        #expect(try samples(metric, #""spec": {"n": null}"#) == [#"n{…,name="one"} 0"#])
        #expect(try samples(metric, #""x": 1"#) == [#"n{…,name="one"} 0"#])
        #expect(
            try samples(#"name: m, each: {type: Gauge, gauge: {path: [spec, n], nilIsZero: true}}"#, #""x": 1"#) == [#"m{…,name="one"} 0"#])
    }

    @Test("a path to scalars of a map gives one each, with labelFromKey")
    func scalars() throws {
        #expect(
            try samples(
                #"name: active, each: {type: Gauge, gauge: {path: [status, active], labelFromKey: type}}"#,
                #""status": {"active": {"b": 3, "a": "1"}}"#)
                == [#"active{…,name="one",type="a"} 1"#, #"active{…,name="one",type="b"} 3"#])
    }

    @Test("several values for one series give one, and a failure; with the same value none")
    func several() throws {
        let exporter = try CustomResourcesUnderTest(metric: "name: v, each: {type: Gauge, gauge: {path: [spec, list], valueFrom: [v]}}")
        exporter.upsert(try thing(#""spec": {"list": [{"v": 1}, {"v": 1}]}"#))
        #expect(exporter.samples() == [#"v{…,name="one"} 1"#])
        #expect(exporter.failures("kube_customresource_v") == nil)
        exporter.upsert(try thing(#""spec": {"list": [{"v": 5}, {"v": 6}]}"#, version: 2))
        #expect(exporter.samples() == [#"v{…,name="one"} 5"#])
        #expect(exporter.failures("kube_customresource_v") == "1")
    }

    @Test("a value that is no number is a failure of its rule alone")
    func failures() throws {
        let exporter = try CustomResourcesUnderTest(
            """
            spec:
              resources:
              - groupVersionKind: {group: example.dev, version: v1, kind: Thing}
                labelsFromPath: {name: [metadata, name]}
                metrics:
                - {name: bad, each: {type: Gauge, gauge: {path: [spec, text]}}}
                - {name: good, each: {type: Gauge, gauge: {path: [spec, number]}}}
            """)
        exporter.upsert(try thing(#""spec": {"text": "seven", "number": 7}"#))
        #expect(exporter.samples() == [#"good{…,name="one"} 7"#])
        #expect(exporter.failures("kube_customresource_bad") == "1")
        #expect(exporter.failures("kube_customresource_good") == nil)
    }

    @Test("the prefix is the resource's, or none, or the usual one")
    func prefixes() throws {
        for (prefix, name) in [
            ("metricNamePrefix: shop", "shop_up"), (#"metricNamePrefix: """#, "up"), ("metricNamePrefix:", "kube_customresource_up"),
        ] {
            let exporter = try CustomResourcesUnderTest(
                metric: "name: up, each: {type: Gauge, gauge: {path: [spec, up]}}", resource: prefix)
            exporter.upsert(try thing(#""spec": {"up": 1}"#))
            #expect(exporter.lines().first == "# TYPE \(name) gauge")
        }
    }

    @Test("kind and apiVersion are there for paths, whether the server sent them with the object or not")
    func types() throws {
        #expect(
            try samples(#"name: i, each: {type: Info, info: {labelsFromPath: {k: [kind], v: [apiVersion]}}}"#, #""spec": {}"#)
                == [#"i{…,k="Thing",name="one",v="example.dev/v1"} 1"#])
    }

    @Test("labels of the metric override those of the resource, and those of each value override both")
    func precedence() throws {
        #expect(
            try samples(
                #"name: p, commonLabels: {a: metric, b: metric}, labelsFromPath: {c: [spec, metric]}, each: {type: Gauge, gauge: {path: [spec, list], labelsFromPath: {b: [b]}, valueFrom: [v]}}"#,
                #""spec": {"metric": "m", "resource": "r", "list": [{"v": 1, "b": "each"}]}"#,
                resource: "commonLabels: {a: resource, d: resource}\n    labelsFromPath: {c: [spec, resource]}") == [
                    #"p{a="metric",b="each",c="m",…,d="resource"} 1"#
                ])
    }
}
