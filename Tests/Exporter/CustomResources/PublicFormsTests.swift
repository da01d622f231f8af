import KubernetesObjects
import Testing

@testable import Exporter

/// Forms that public configurations are written in: of Flux, Gateway API, cert-manager, Cluster API, Karpenter, Crossplane, the vertical
/// autoscaler. The names are others; what is asked of them is the same.
@Suite struct PublicFormsTests {
    private func samples(_ yaml: String, _ objects: [WatchedObject]) throws -> [String] {
        let exporter = try CustomResourcesUnderTest(yaml)
        #expect(exporter.complaints.isEmpty)
        for object in objects { exporter.upsert(object) }
        return exporter.lines().filter { !$0.hasPrefix("#") }.map { line in
            line.replacing(/customresource_\w+="[^"]*",?/, with: "").replacing(",}", with: "}")
        }.sorted()
    }

    private func resource(_ group: String, _ version: String, _ plural: String, _ kind: String) -> Resource {
        Resource(group: group, version: version, plural: plural, kind: kind, isNamespaced: true)
    }

    @Test("one Info family of several kinds, with a condition chosen from a list (Flux)")
    func manyKinds() throws {
        func entry(_ kind: String, _ source: String) -> String {
            """
              - groupVersionKind: {group: \(kind.lowercased()).deploy.example, version: v2, kind: \(kind)}
                metricNamePrefix: deploy
                metrics:
                  - name: "resource_info"
                    help: "The state of a deployed resource."
                    each:
                      type: Info
                      info:
                        labelsFromPath:
                          name: [metadata, name]
                    labelsFromPath:
                      exported_namespace: [metadata, namespace]
                      ready: [status, conditions, "[type=Ready]", status]
                      suspended: [spec, suspend]
                      source: \(source)

            """
        }
        let yaml =
            "kind: CustomResourceStateMetrics\nspec:\n  resources:\n" + entry("Chart", "[status, history, \"0\", version]")
            + entry("Patch", "[spec, ref, name]")
        let chart = resource("chart.deploy.example", "v2", "charts", "Chart")
        let patch = resource("patch.deploy.example", "v2", "patches", "Patch")
        #expect(
            try samples(
                yaml,
                [
                    thing(
                        #""spec": {"suspend": true}, "status": {"history": [{"version": "1.2"}], "conditions": [{"type": "Ready", "status": "False"}]}"#,
                        of: chart),
                    thing(
                        #""spec": {"ref": {"name": "git"}}, "status": {"conditions": [{"type": "Stalled", "status": "True"}]}"#, of: patch),
                ]) == [
                    #"deploy_resource_info{exported_namespace="default",name="one",ready="False",source="1.2",suspended="true"} 1"#,
                    #"deploy_resource_info{exported_namespace="default",name="one",source="git"} 1"#,
                ])
    }

    @Test("labels of a whole map below a path, nilIsZero of a time, lists of objects with deep paths (Gateway API)")
    func gateways() throws {
        let gateway = resource("net.example", "v1", "gateways", "Gateway")
        #expect(
            try samples(
                """
                spec:
                  resources:
                  - groupVersionKind: {group: net.example, kind: "Gateway", version: "v1"}
                    metricNamePrefix: gw
                    labelsFromPath: {name: [metadata, name]}
                    metrics:
                    - {name: "labels", each: {type: Info, info: {path: [metadata], labelsFromPath: {"*": [labels]}}}}
                    - {name: "deleted", each: {type: Gauge, gauge: {path: [metadata, deletionTimestamp], nilIsZero: true}}}
                    - {name: "listener_info", each: {type: Info, info: {path: [spec, listeners], labelsFromPath: {listener: ["name"], port: ["port"], mode: ["tls", "mode"]}}}}
                    - {name: "routes", each: {type: Gauge, gauge: {path: [status, listeners], labelsFromPath: {listener: [name]}, valueFrom: [attachedRoutes]}}}
                    - {name: "features", each: {type: Info, info: {path: [status, features], labelsFromPath: {feature: []}}}}
                """,
                [
                    thing(
                        #""spec": {"listeners": [{"name": "a", "port": 80}, {"name": "b", "port": 443, "tls": {"mode": "Terminate"}}]}, "status": {"listeners": [{"name": "b", "attachedRoutes": 5}], "features": ["x", {"name": "y"}]}"#,
                        metadata: #""labels": {"example.dev/team": "core"}"#, of: gateway)
                ]) == [
                    #"gw_deleted{name="one"} 0"#, #"gw_features{feature="map[name:y]",name="one"} 1"#,
                    #"gw_features{feature="x",name="one"} 1"#,
                    #"gw_labels{example_dev_team="core",name="one"} 1"#, #"gw_listener_info{listener="a",name="one",port="80"} 1"#,
                    #"gw_listener_info{listener="b",mode="Terminate",name="one",port="443"} 1"#, #"gw_routes{listener="b",name="one"} 5"#,
                ])
    }

    @Test("times, names of lists, conditions with reasons (cert-manager)")
    func certificates() throws {
        let certificate = resource("cert.example", "v1", "certificates", "Certificate")
        #expect(
            try samples(
                """
                spec:
                  resources:
                  - groupVersionKind: {group: cert.example, version: v1, kind: Certificate}
                    labelsFromPath: {name: [metadata, name], namespace: [metadata, namespace], issuer: [spec, issuerRef, name], dns: [spec, dnsNames]}
                    metrics:
                    - {name: not_after, each: {type: Gauge, gauge: {path: [status, notAfter]}}}
                    - {name: ready, each: {type: Gauge, gauge: {path: [status, conditions, "[type=Ready]"], labelsFromPath: {reason: [reason]}, valueFrom: [status]}}}
                """,
                [
                    thing(
                        #""spec": {"issuerRef": {"name": "ca"}, "dnsNames": ["a.test", "b.test"]}, "status": {"notAfter": "2026-03-01T00:00:00Z", "conditions": [{"type": "Ready", "status": "True", "reason": "Issued"}]}"#,
                        of: certificate)
                ]) == [
                    #"kube_customresource_not_after{dns="[a.test b.test]",issuer="ca",name="one",namespace="default"} 1.7723232e+09"#,
                    // The path ends at a map: valueFrom names a member of it, and its labels are those of the map.
                    #"kube_customresource_ready{dns="[a.test b.test]",issuer="ca",name="one",namespace="default",reason="Issued"} 1"#,
                ])
    }

    @Test("phases and conditions as state sets, owners, amounts by resource, quantities of containers (Cluster API, Karpenter, VPA)")
    func machines() throws {
        let machine = resource("infra.example", "v1beta1", "machines", "Machine")
        #expect(
            try samples(
                """
                spec:
                  resources:
                  - groupVersionKind: {group: infra.example, version: "*", kind: Machine}
                    metricNamePrefix: infra_machine
                    labelsFromPath: {name: [metadata, name], namespace: [metadata, namespace], uid: [metadata, uid]}
                    metrics:
                    - {name: status_phase, each: {type: StateSet, stateSet: {labelName: phase, path: [status, phase], list: [Pending, Running]}}}
                    - {name: condition, each: {type: StateSet, stateSet: {labelName: status, labelsFromPath: {type: [type]}, path: [status, conditions], valueFrom: [status], list: ["True", "False", "Unknown"]}}}
                    - {name: owner, each: {type: Info, info: {path: [metadata, ownerReferences], labelsFromPath: {owner_kind: [kind], owner_name: [name], owner_is_controller: [controller]}}}}
                    - {name: limit, each: {type: Gauge, gauge: {path: [spec, limits], labelFromKey: resource}}}
                    - {name: target, commonLabels: {unit: byte}, each: {type: Gauge, gauge: {path: [status, containers], labelsFromPath: {container: [containerName]}, valueFrom: [target, memory]}}}
                    - {name: target, commonLabels: {unit: core}, each: {type: Gauge, gauge: {path: [status, containers], labelsFromPath: {container: [containerName]}, valueFrom: [target, cpu]}}}
                """,
                [
                    thing(
                        #""spec": {"limits": {"cpu": "1000", "memory": "1Gi"}}, "status": {"phase": "Running", "conditions": [{"type": "Up", "status": "Unknown"}], "containers": [{"containerName": "c", "target": {"cpu": "25m", "memory": "262144k"}}]}"#,
                        metadata: #""ownerReferences": [{"kind": "Set", "name": "s", "controller": true}]"#, of: machine)
                ].map { $0 }) == [
                    #"infra_machine_condition{name="one",namespace="default",status="False",type="Up",uid="uid-default-one"} 0"#,
                    #"infra_machine_condition{name="one",namespace="default",status="True",type="Up",uid="uid-default-one"} 0"#,
                    #"infra_machine_condition{name="one",namespace="default",status="Unknown",type="Up",uid="uid-default-one"} 1"#,
                    #"infra_machine_limit{name="one",namespace="default",resource="cpu",uid="uid-default-one"} 1000"#,
                    #"infra_machine_limit{name="one",namespace="default",resource="memory",uid="uid-default-one"} 1.073741824e+09"#,
                    #"infra_machine_owner{name="one",namespace="default",owner_is_controller="true",owner_kind="Set",owner_name="s",uid="uid-default-one"} 1"#,
                    #"infra_machine_status_phase{name="one",namespace="default",phase="Pending",uid="uid-default-one"} 0"#,
                    #"infra_machine_status_phase{name="one",namespace="default",phase="Running",uid="uid-default-one"} 1"#,
                    #"infra_machine_target{container="c",name="one",namespace="default",uid="uid-default-one",unit="byte"} 2.62144e+08"#,
                    #"infra_machine_target{container="c",name="one",namespace="default",uid="uid-default-one",unit="core"} 0.025"#,
                ])
    }
}
