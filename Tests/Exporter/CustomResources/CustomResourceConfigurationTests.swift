import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct CustomResourceConfigurationTests {
    private func complaints(_ yaml: String) throws -> [String] {
        try CustomResourceConfiguration(yaml: yaml).complaints.map { $0.about.description }
    }

    @Test("a rule that cannot be taken is named with its place and line, and harms no other")
    func faults() throws {
        let configuration = try CustomResourceConfiguration(
            yaml: """
                kind: CustomResourceStateMetrics
                spec:
                  resources:
                  - groupVersionKind: {group: example.dev, version: v1, kind: Thing}
                    metrics:
                    - {name: a, each: {type: Counter, counter: {path: [x]}}}
                    - {name: b, each: {type: Gauge}}
                    - {name: c, each: {type: Gauge, gauge: {path: [x, "[y]"]}}}
                    - {name: d, each: {type: StateSet, stateSet: {path: [x], list: [A]}}}
                    - {name: e, each: {type: gauge, gauge: {path: x}}}
                    - {each: {type: Gauge, gauge: {path: [x]}}}
                    - {name: g, each: {type: GAUGE, gauge: {path: [x, 0, true], nilIsZero: "yes"}}}
                  - groupVersionKind: {version: v1, kind: Other}
                    metrics: [{name: h, each: {type: Gauge, gauge: {path: [x]}}}]
                  - groupVersionKind: {group: "*", version: v1, kind: Other}
                  - metrics: []
                """)
        #expect(configuration.entries.map { $0.rules.map(\.name) } == [["kube_customresource_g"]])
        let places = configuration.complaints.map { "\($0.about.place) \($0.about.line ?? 0)" }
        #expect(
            places == [
                "spec.resources[0].metrics[0].each 6", "spec.resources[0].metrics[1].each 7",
                "spec.resources[0].metrics[2].each.gauge.path 8",
                "spec.resources[0].metrics[3].each.stateSet 9", "spec.resources[0].metrics[4].each.gauge.path 10",
                "spec.resources[0].metrics[5] 11", "spec.resources[1].groupVersionKind 13", "spec.resources[2].groupVersionKind 15",
                "spec.resources[3] 16",
            ])
    }

    @Test("names that Prometheus does not take are changed, and the change is told")
    func names() throws {
        let configuration = try CustomResourceConfiguration(
            yaml: """
                spec:
                  resources:
                  - groupVersionKind: {group: example.dev}
                    metricNamePrefix: ""
                    commonLabels: {my-label: a, 2nd: b}
                    metrics:
                    - {name: 5xx-rate, each: {type: StateSet, stateSet: {labelName: my state, path: [x], list: [A]}}}
                    - {name: "job:rate", each: {type: Gauge, gauge: {path: [x], labelFromKey: a.b}}}
                """)
        let rules = configuration.entries.flatMap(\.rules)
        #expect(rules.map(\.name) == ["_5xx_rate", "job:rate"])
        #expect(rules[0].commonLabels == ["my_label": "a", "_2nd": "b"])
        #expect(configuration.complaints.map(\.isFault) == [false])
    }

    @Test("anchors, merged maps and other documents of YAML are understood")
    func yaml() throws {
        let configuration = try CustomResourceConfiguration(
            yaml: """
                spec:
                  resources:
                  - groupVersionKind: &kind {group: a.dev, version: v1, kind: One}
                    labelsFromPath: &labels
                      name: [metadata, name]
                    metrics: &metrics
                    - name: up
                      each: &each {type: Gauge, gauge: {path: [spec, up]}}
                    - {name: down, each: {<<: *each, gauge: {path: [spec, down]}}}
                  - groupVersionKind: {<<: *kind, kind: Two}
                    labelsFromPath: {<<: [*labels], other: [x]}
                    metrics: *metrics
                ---
                spec: {resources: nonsense}
                """)
        #expect(configuration.complaints.isEmpty)
        #expect(configuration.entries.map { $0.rules.count } == [2, 2])
        var two = things
        (two.group, two.kind) = ("a.dev", "Two")
        #expect(configuration.entries.map { $0.selector.matches(two) } == [false, true])
    }

    @Test(
        "what is no configuration at all is refused, with the line",
        arguments: ["", "a: [", "spec: {resources: 5}", "spec: 7", "a: 1\na: 2"])
    func refused(yaml: String) {
        #expect(throws: ConfigurationError.self) { try CustomResourceConfiguration(yaml: yaml) }
    }

    @Test("a configuration that asks for nothing is one")
    func nothing() throws {
        for yaml in ["spec: {resources: []}", "spec:", "{}", "kind: CustomResourceStateMetrics\nspec:\n  resources:\n"] {
            #expect(try CustomResourceConfiguration(yaml: yaml).entries.isEmpty)
        }
    }

    @Test("nesting without end is refused before it is read")
    func nesting() {
        for text in [
            String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000), String(repeating: "{a: ", count: 5000),
        ] {
            #expect(throws: ConfigurationError.self) { try CustomResourceConfiguration(yaml: text) }
        }
    }

    @Test("errors are for whoever looks for them where errorLogV says so, of the metric or of the resource")
    func verbosity() throws {
        let configuration = try CustomResourceConfiguration(
            yaml: """
                spec:
                  resources:
                  - groupVersionKind: {group: a.dev}
                    errorLogV: 5
                    metrics: [{name: a, each: {type: Info, info: {}}}, {name: b, errorLogV: 10, each: {type: Info, info: {}}}]
                  - groupVersionKind: {group: b.dev}
                    metrics: [{name: a, each: {type: Info, info: {}}}, {name: b, errorLogV: 10, each: {type: Info, info: {}}}]
                """)
        #expect(configuration.entries.map { $0.rules.map(\.isQuiet) } == [[true, true], [false, true]])
    }

    @Test("metrics that lists of names leave out, or that Kubernetes' own objects have, are left out")
    func filters() throws {
        let yaml = """
            spec:
              resources:
              - groupVersionKind: {group: example.dev}
                metricNamePrefix: kube
                metrics: [{name: pod_info, each: {type: Info, info: {}}}, {name: thing_info, each: {type: Info, info: {}}}, {name: thing_up, each: {type: Info, info: {}}}]
            """
        let exporter = try CustomResourcesUnderTest(yaml, filter: FamilyFilter(denyList: ["thing_up"]), taken: ["kube_pod_info"])
        #expect(exporter.layout.sections.flatMap(\.families).map(\.name) == ["kube_thing_info"])
        #expect(exporter.complaints.count == 1)
    }

    @Test("selectors by name mean all versions, one version, or a whole group")
    func selectors() throws {
        func matches(_ name: String) -> Bool? { CustomResourceSelector(name: name)?.matches(things) }
        #expect(matches("things.example.dev") == true)
        #expect(matches("things.v1.example.dev") == true)
        #expect(matches("*.example.dev") == true)
        #expect(matches("things.v2.example.dev") == false)
        #expect(matches("*.dev") == false)
        #expect(matches("others.example.dev") == false)
        for name in ["things", "", "*", ".example.dev", "th*.example.dev", "things.*.dev", "a b.dev"] {
            #expect(matches(name) == nil, "\(name)")
        }
    }
}
