import KubernetesObjects
import Testing

@testable import Exporter

/// Autoscalers in cases that the captured cluster does not have.
@Suite struct AutoscalingFamiliesTests {
    private func show(_ family: String, _ body: String) throws -> [String] {
        try samples("kube_horizontalpodautoscaler_\(family)", of: .horizontalPodAutoscalers, body)
    }

    @Test("what is scaled has a label for its API version only if it names one")
    func targets() throws {
        #expect(
            try show("info", #""spec":{"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"}}"#)
                == [#"scaletargetref_api_version="apps/v1",scaletargetref_kind="Deployment",scaletargetref_name="d" 1"#])
        #expect(
            try show("info", #""spec":{"scaleTargetRef":{"kind":"ReplicationController","name":"r"}}"#)
                == [#"scaletargetref_kind="ReplicationController",scaletargetref_name="r" 1"#])
        #expect(try show("info", "") == [#"scaletargetref_kind="",scaletargetref_name="" 1"#])
    }

    @Test("without a lower limit it is 1; 0 is a limit")
    func minimum() throws {
        #expect(try show("spec_min_replicas", "") == ["1"])
        #expect(try show("spec_min_replicas", #""spec":{"minReplicas":null}"#) == ["1"])
        #expect(try show("spec_min_replicas", #""spec":{"minReplicas":0}"#) == ["0"])
        #expect(try show("spec_max_replicas", "") == ["0"])
    }

    /// Of each kind of metric one, as a rule and as it was found.
    private static let kinds: [(type: String, member: String, name: String, container: String)] = [
        ("Object", #""object":{"metric":{"name":"hits"},"WHAT":AMOUNTS}"#, "hits", ""),
        ("Pods", #""pods":{"metric":{"name":"rps"},"WHAT":AMOUNTS}"#, "rps", ""),
        ("Resource", #""resource":{"name":"cpu","WHAT":AMOUNTS}"#, "cpu", ""),
        ("ContainerResource", #""containerResource":{"name":"memory","container":"c","WHAT":AMOUNTS}"#, "memory", "c"),
        ("External", #""external":{"metric":{"name":"queue"},"WHAT":AMOUNTS}"#, "queue", ""),
    ]

    @Test(
        "each amount of a metric is a sample: rules and what was found", arguments: 0..<5,
        [("spec_target_metric", #""spec":{"metrics":["#, "target"), ("status_target_metric", #""status":{"currentMetrics":["#, "current")])
    func amounts(kind: Int, family: (name: String, body: String, what: String)) throws {
        let (type, member, name, container) = Self.kinds[kind]
        func show(_ amounts: String, type: String = type) throws -> [String] {
            let metric = member.replacing("WHAT", with: family.what).replacing("AMOUNTS", with: amounts)
            return try self.show(family.name, #"\#(family.body){"type":"\#(type)",\#(metric)}]}"#)
        }
        func sample(_ type: String, _ value: String) -> String {
            #"metric_name="\#(name)",metric_target_type="\#(type)",container="\#(container)" \#(value)"#
        }
        #expect(
            try show(#"{"value":"10k","averageValue":"1500m","averageUtilization":60}"#)
                == [sample("value", "10000"), sample("utilization", "60"), sample("average", "1.5")])
        #expect(try show(#"{"averageUtilization":0}"#) == [sample("utilization", "0")])
        #expect(try show(#"{"value":"0"}"#) == [sample("value", "0")])
        // Thousandths are the finest there is, rounded up, and left out where they would not fit 64 bits.
        #expect(try show(#"{"value":"1n"}"#) == [sample("value", "0.001")])
        #expect(try show(#"{"averageValue":"9223372036854775"}"#) == [sample("average", "9.223372036854774e+15")])
        #expect(try show(#"{"averageValue":"9223372036854776"}"#) == [sample("average", "9.223372036854776e+15")])
        #expect(try show(#"{"averageValue":"8Ei"}"#) == [sample("average", "9.223372036854776e+18")])
        #expect(try show("{}") == [])
        // A type that is not the member's says that there is no metric.
        #expect(try show(#"{"value":"1"}"#, type: type == "Pods" ? "Object" : "Pods") == [])
        #expect(try show(#"{"value":"1"}"#, type: "Unheard") == [])
    }

    @Test("the same metric twice is there twice")
    func repeated() throws {
        let metric = #"{"type":"External","external":{"metric":{"name":"q","selector":{}},"target":{"averageValue":"5"}}}"#
        let sample = #"metric_name="q",metric_target_type="average",container="" 5"#
        #expect(try show("spec_target_metric", #""spec":{"metrics":[\#(metric),\#(metric)]}"#) == [sample, sample])
    }

    @Test(
        "a tolerance is whole digits times a power of ten, as kube-state-metrics computes it",
        arguments: [
            ("0", "0"), ("100m", "0.1"), ("50m", "0.05"), ("86m", "0.08600000000000001"), ("350m", "0.35000000000000003"), ("1", "1"),
            ("1500m", "1.5"), ("2k", "2000"), ("1u", "1e-06"), ("3n", "3.0000000000000004e-09"), ("1Ki", "1024"),
        ])
    func tolerances(text: String, value: String) throws {
        let up = #""spec":{"behavior":{"scaleUp":{"tolerance":"\#(text)"},"scaleDown":{"policies":[]}}}"#
        #expect(try show("spec_behavior_scale_up_tolerance", up) == [value])
        #expect(try show("spec_behavior_scale_down_tolerance", up) == [])
        let down = #""spec":{"behavior":{"scaleDown":{"tolerance":"\#(text)"}}}"#
        #expect(try show("spec_behavior_scale_up_tolerance", down) == [])
        #expect(try show("spec_behavior_scale_down_tolerance", down) == [value])
    }

    @Test("each condition is three samples; one with another status is none of them")
    func conditions() throws {
        let status = #""status":{"conditions":[{"type":"AbleToScale","status":"True"},{"type":"Odd","status":"Maybe"}]}"#
        #expect(
            try show("status_condition", status) == [
                #"condition="AbleToScale",status="true" 1"#, #"condition="AbleToScale",status="false" 0"#,
                #"condition="AbleToScale",status="unknown" 0"#, #"condition="Odd",status="true" 0"#, #"condition="Odd",status="false" 0"#,
                #"condition="Odd",status="unknown" 0"#,
            ])
        #expect(try show("status_condition", "") == [])
        #expect(try show("status_current_replicas", "") == ["0"])
        #expect(try show("status_desired_replicas", #""status":{"currentReplicas":2,"desiredReplicas":3}"#) == ["3"])
    }
}
