import KubernetesObjects
import Testing

@testable import Exporter

/// Pods, nodes, services and deployments in cases that the captured cluster does not have.
@Suite struct PodFamiliesTests {
    @Test("each address of a pod has its family; what is no address has no sample")
    func addresses() throws {
        let addresses = ["10.0.0.1", "fd00::1", "::ffff:10.0.0.2", "fe80::1%eth0", "010.0.0.1", "10.0.0", "", "10.0.0.1%eth0"]
        let status = addresses.map { #"{"ip":"\#($0)"}"# }.joined(separator: ",")
        #expect(
            try samples("kube_pod_ips", of: .pods, #""status":{"podIPs":[\#(status)]}"#) == [
                #"ip="10.0.0.1",ip_family="4" 1"#, #"ip="fd00::1",ip_family="6" 1"#, #"ip="::ffff:10.0.0.2",ip_family="4" 1"#,
                #"ip="fe80::1%eth0",ip_family="6" 1"#,
            ])
    }

    @Test("a toleration shows once, and one for 0 seconds differs from one without an end")
    func tolerations() throws {
        let tolerations = #"""
            {"key":"a","operator":"Exists"},{"key":"a","operator":"Exists","tolerationSeconds":0},{"operator":"Exists"},
            {"key":"a","operator":"Exists"},{"key":"a","operator":"Exists","tolerationSeconds":0},
            {"key":"a","operator":"Equal","value":"b","effect":"NoExecute","tolerationSeconds":300}
            """#
        #expect(
            try samples("kube_pod_tolerations", of: .pods, #""spec":{"tolerations":[\#(tolerations)]}"#) == [
                #"key="a",operator="Exists",value="",effect="",toleration_seconds="" 1"#,
                #"key="a",operator="Exists",value="",effect="",toleration_seconds="0" 1"#,
                #"key="",operator="Exists",value="",effect="",toleration_seconds="" 1"#,
                #"key="a",operator="Equal",value="b",effect="NoExecute",toleration_seconds="300" 1"#,
            ])
    }

    @Test("the creator of a pod is its controller; owners that control nothing show as owners")
    func owners() throws {
        let owners = #"""
            "ownerReferences":[{"kind":"Tenant","name":"t"},{"kind":"Job","name":"j","controller":true},
            {"kind":"Job","name":"k","controller":true}]
            """#
        #expect(
            try samples("kube_pod_owner", of: .pods, metadata: owners) == [
                #"owner_kind="Tenant",owner_name="t",owner_is_controller="false" 1"#,
                #"owner_kind="Job",owner_name="j",owner_is_controller="true" 1"#,
                #"owner_kind="Job",owner_name="k",owner_is_controller="true" 1"#,
            ])
        let info = #"host_ip="",pod_ip="",node="",created_by_kind="Job",created_by_name="j",priority_class="",host_network="false" 1"#
        #expect(try samples("kube_pod_info", of: .pods, metadata: owners) == [info])
    }

    @Test("a sidecar is an init container that is restarted; a container without a status has no infos")
    func sidecars() throws {
        let pod = #"""
            "spec":{"initContainers":[{"name":"proxy","image":"p:1","restartPolicy":"Always"},{"name":"setup","image":"s:1"},
            {"name":"later","image":"l:1"}],"containers":[{"name":"app","image":"a:1"}],
            "ephemeralContainers":[{"name":"debug","image":"d:1"}]},
            "status":{"initContainerStatuses":[{"name":"setup","image":"docker.io/s:1","imageID":"i","containerID":"c"},
            {"name":"proxy","image":"docker.io/p:1"}],"ephemeralContainerStatuses":[{"name":"debug","image":"d:1","restartCount":1}]}
            """#
        #expect(
            try samples("kube_pod_init_container_info", of: .pods, pod) == [
                #"container="proxy",image_spec="p:1",image="docker.io/p:1",image_id="",container_id="",restart_policy="Always" 1"#,
                #"container="setup",image_spec="s:1",image="docker.io/s:1",image_id="i",container_id="c",restart_policy="" 1"#,
            ])
        #expect(try samples("kube_pod_container_info", of: .pods, pod) == [])
        // Nothing tells of ephemeral containers.
        let exporter = try ExporterUnderTest(["--metric-opt-in-list=.*"])
        exporter.upsert(try object(.pods, #"{"metadata":{"name":"x","namespace":"n","uid":"u"},\#(pod)}"#))
        #expect(exporter.exposition().contains(#"container="proxy""#))
        #expect(!exporter.exposition().contains("debug"))
    }

    @Test("states of containers: what ended keeps its start, what is not said about an end is the beginning of time")
    func states() throws {
        let status = #"""
            "status":{"containerStatuses":[
            {"name":"run","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}},
             "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled","finishedAt":"2025-12-31T23:59:59Z"}}},
            {"name":"end","restartCount":2,"state":{"terminated":{"exitCode":0,"startedAt":"2026-01-01T00:00:01Z"}}},
            {"name":"wait","ready":true,"state":{"waiting":{}},"lastState":{"terminated":{"exitCode":-1}}},
            {"name":"none"}]}
            """#
        for (family, expected) in [
            ("state_started", [#"container="run" 1.7672256e+09"#, #"container="end" 1.767225601e+09"#]),
            ("status_running", [#"container="run" 1"#, #"container="end" 0"#, #"container="wait" 0"#, #"container="none" 0"#]),
            ("status_terminated", [#"container="run" 0"#, #"container="end" 1"#, #"container="wait" 0"#, #"container="none" 0"#]),
            ("status_waiting", [#"container="run" 0"#, #"container="end" 0"#, #"container="wait" 1"#, #"container="none" 0"#]),
            ("status_ready", [#"container="run" 0"#, #"container="end" 0"#, #"container="wait" 1"#, #"container="none" 0"#]),
            ("status_restarts_total", [#"container="run" 0"#, #"container="end" 2"#, #"container="wait" 0"#, #"container="none" 0"#]),
            ("status_terminated_reason", [#"container="end",reason="" 1"#]),
            ("status_waiting_reason", [#"container="wait",reason="" 1"#]),
            ("status_last_terminated_reason", [#"container="run",reason="OOMKilled" 1"#, #"container="wait",reason="" 1"#]),
            ("status_last_terminated_exitcode", [#"container="run" 137"#, #"container="wait" -1"#]),
            ("status_last_terminated_timestamp", [#"container="run" 1.767225599e+09"#, #"container="wait" -6.21355968e+10"#]),
        ] {
            #expect(try samples("kube_pod_container_\(family)", of: .pods, status) == expected, "\(family)")
            let ofInitContainers = status.replacing("containerStatuses", with: "initContainerStatuses")
            #expect(try samples("kube_pod_init_container_\(family)", of: .pods, ofInitContainers) == expected, "\(family)")
        }
    }

    @Test("a pod is complete when its last container ended, as far as that is said")
    func completion() throws {
        func completion(_ ends: String?...) throws -> [String] {
            let statuses = ends.map { end in
                #"{"name":"c","state":{"terminated":{\#(end.map { #""finishedAt":"\#($0)""# } ?? "")}}}"#
            }
            let status = #""status":{"containerStatuses":[\#(statuses.joined(separator: ","))]}"#
            return try samples("kube_pod_completion_time", of: .pods, status)
        }
        #expect(try completion() == [])
        #expect(try completion(nil) == [])
        #expect(try completion("2026-01-01T00:00:00Z", nil, "2026-01-01T00:00:09Z", "2026-01-01T00:00:01Z") == ["1.767225609e+09"])
        #expect(try completion("1960-01-01T00:00:00Z") == [])
    }

    @Test("the reason of a pod comes from its status, its conditions and its ended containers, each reason once")
    func reasons() throws {
        func reasons(_ status: String) throws -> [String] {
            try samples("kube_pod_status_reason", of: .pods, #""status":{\#(status)}"#)
        }
        let ended = #"{"state":{"terminated":{"reason":"Evicted"}}}"#
        #expect(try reasons(#""reason":"Evicted""#) == [#"reason="Evicted" 1"#])
        #expect(try reasons(#""reason":"Odd""#) == [#"reason="Other" 1"#])
        #expect(try reasons(#""conditions":[{"type":"PodScheduled","reason":"SchedulingGated"}]"#) == [#"reason="SchedulingGated" 1"#])
        #expect(try reasons(#""conditions":[{"type":"Ready","reason":"Odd"}]"#) == [])
        #expect(
            try reasons(
                #""reason":"Odd","conditions":[{"reason":"Shutdown"},{"reason":"Shutdown"}],"containerStatuses":[\#(ended)]"#
            ) == [#"reason="Evicted" 1"#, #"reason="Shutdown" 1"#, #"reason="Other" 1"#])
        #expect(try reasons(#""initContainerStatuses":[\#(ended)]"#) == [])
    }

    @Test("a disruption has a reason even where it is not said")
    func disruptions() throws {
        let conditions = #"{"type":"DisruptionTarget"},{"type":"DisruptionTarget","status":"False","reason":"DeletionByPodGC"}"#
        #expect(
            try samples("kube_pod_status_disruption_reason", of: .pods, #""status":{"conditions":[\#(conditions)]}"#) == [
                #"reason="Other" 1"#, #"reason="DeletionByPodGC" 1"#,
            ])
    }

    @Test("times of conditions show while the condition has its status; without a time it is the beginning of time")
    func transitions() throws {
        func status(_ status: String) -> String {
            #""status":{"conditions":[{"type":"PodScheduled","status":"\#(status)","lastTransitionTime":"2026-01-01T00:00:00Z"}]}"#
        }
        #expect(try samples("kube_pod_status_scheduled_time", of: .pods, status("True")) == ["1.7672256e+09"])
        #expect(try samples("kube_pod_status_scheduled_time", of: .pods, status("Unknown")) == [])
        #expect(try samples("kube_pod_status_unscheduled_time", of: .pods, status("False")) == ["1.7672256e+09"])
        #expect(try samples("kube_pod_status_unscheduled_time", of: .pods, status("Unknown")) == [])
        #expect(try samples("kube_pod_status_unschedulable", of: .pods, status("False")) == ["1"])
        #expect(try samples("kube_pod_status_unschedulable", of: .pods, status("True")) == [])
        let untimed = #""status":{"conditions":[{"type":"Ready","status":"True"}]}"#
        #expect(try samples("kube_pod_status_ready_time", of: .pods, untimed) == ["-6.21355968e+10"])
    }

    @Test("claims of a pod's volumes: of a volume with both sources the claim counts, an ephemeral one is named after the pod")
    func claims() throws {
        let volumes = #"""
            {"name":"a","persistentVolumeClaim":{"claimName":"data","readOnly":true}},{"name":"b","ephemeral":{}},
            {"name":"c","persistentVolumeClaim":{"claimName":"both"},"ephemeral":{}},{"name":"d","emptyDir":{}}
            """#
        let spec = #""spec":{"volumes":[\#(volumes)]}"#
        #expect(
            try samples("kube_pod_spec_volumes_persistentvolumeclaims_info", of: .pods, spec) == [
                #"volume="a",persistentvolumeclaim="data",ephemeral="false" 1"#,
                #"volume="b",persistentvolumeclaim="x-b",ephemeral="true" 1"#,
                #"volume="c",persistentvolumeclaim="both",ephemeral="false" 1"#,
            ])
        #expect(
            try samples("kube_pod_spec_volumes_persistentvolumeclaims_readonly", of: .pods, spec) == [
                #"volume="a",persistentvolumeclaim="data",ephemeral="false" 1"#,
                #"volume="b",persistentvolumeclaim="x-b",ephemeral="true" 0"#,
                #"volume="c",persistentvolumeclaim="both",ephemeral="false" 0"#,
            ])
    }

    @Test("a device claim that is made from a template has the name that the status tells, and none before")
    func deviceClaims() throws {
        let pod = #"""
            "spec":{"resourceClaims":[{"name":"a","resourceClaimName":"own"},{"name":"b","resourceClaimTemplateName":"t"},
            {"name":"c","resourceClaimTemplateName":"t"},{"name":"d"}]},
            "status":{"resourceClaimStatuses":[{"name":"b","resourceClaimName":"x-b-1"},{"name":"c"},{"name":"a","resourceClaimName":"no"}]}
            """#
        #expect(
            try samples("kube_pod_resourceclaim_info", of: .pods, pod) == [
                #"claim_name="a",resourceclaim_name="own",resourceclaim_template_name="" 1"#,
                #"claim_name="b",resourceclaim_name="x-b-1",resourceclaim_template_name="t" 1"#,
                #"claim_name="c",resourceclaim_name="",resourceclaim_template_name="t" 1"#,
            ])
    }

    @Test("amounts of containers are whole but for cores; a domain that begins like a native resource counts as both")
    func amounts() throws {
        let requests = #"""
            {"cpu":"1m","memory":"1500m","pods":"3","hugepages-2Mi":"4Mi","example.com/a-b":"1500m","requests.example.com/x":"1",
            "hugepages-x.example.com/y":"2","attachable-volumes-csi":"7","kubernetes.io/batch":"1","cpus":"1"}
            """#
        let container = #""spec":{"nodeName":"w","containers":[{"name":"c","resources":{"requests":\#(requests)}}]}"#
        let expected = [
            #"resource="attachable_volumes_csi",unit="byte" 7"#, #"resource="cpu",unit="core" 0.001"#,
            #"resource="example_com_a_b",unit="integer" 2"#, #"resource="hugepages_2Mi",unit="byte" 4.194304e+06"#,
            #"resource="hugepages_x_example_com_y",unit="byte" 2"#, #"resource="hugepages_x_example_com_y",unit="integer" 2"#,
            #"resource="memory",unit="byte" 2"#,
        ]
        #expect(
            try samples("kube_pod_container_resource_requests", of: .pods, container) == expected.map { #"container="c",node="w",\#($0)"# })
        #expect(try samples("kube_pod_container_resource_limits", of: .pods, container) == [])
        let node = #""status":{"capacity":\#(requests)}"#
        #expect(
            try samples("kube_node_status_capacity", of: .nodes, node) == [
                #"resource="attachable_volumes_csi",unit="byte" 7"#, #"resource="cpu",unit="core" 0.001"#,
                #"resource="example_com_a_b",unit="integer" 1.5"#, #"resource="hugepages_2Mi",unit="byte" 4.194304e+06"#,
                #"resource="hugepages_x_example_com_y",unit="byte" 2"#, #"resource="hugepages_x_example_com_y",unit="integer" 2"#,
                #"resource="memory",unit="byte" 1.5"#, #"resource="pods",unit="integer" 3"#,
            ])
    }

    @Test("what running a pod takes has a sample where it is said, even 0")
    func overhead() throws {
        let overhead = #""spec":{"overhead":{"cpu":"0","memory":"1500m","storage":"1"}}"#
        #expect(try samples("kube_pod_overhead_cpu_cores", of: .pods, overhead) == ["0"])
        #expect(try samples("kube_pod_overhead_memory_bytes", of: .pods, overhead) == ["2"])
        #expect(try samples("kube_pod_overhead_cpu_cores", of: .pods, #""spec":{"overhead":{"memory":"1"}}"#) == [])
    }

    @Test("infos of an empty pod are there with empty labels; what has no value has no sample")
    func emptyPod() throws {
        for (family, expected) in [
            ("kube_pod_restart_policy", [#"type="" 1"#]), ("kube_pod_scheduler", [#"name="" 1"#]),
            ("kube_pod_service_account", [#"service_account="" 1"#]), ("kube_pod_runtimeclass_name_info", []),
            ("kube_pod_start_time", []), ("kube_pod_status_phase", []), ("kube_pod_status_qos_class", []), ("kube_pod_ips", []),
            ("kube_pod_status_ready", []), ("kube_pod_status_scheduled", []),
        ] {
            #expect(try samples(family, of: .pods) == expected, "\(family)")
        }
        #expect(
            try samples("kube_pod_nodeselectors", of: .pods, flags: ["--metric-opt-in-list=kube_pod_nodeselectors"]) == ["1"])
    }
}

@Suite struct NodeFamiliesTests {
    @Test("of several internal addresses the last stands in the infos, and all stand by themselves")
    func addresses() throws {
        let status = #"""
            "status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"},{"type":"Hostname","address":"w"},
            {"type":"InternalIP","address":"fd00::1"}]}
            """#
        let info = try #require(try samples("kube_node_info", of: .nodes, status).first)
        #expect(info.hasSuffix(#",kubeproxy_version="deprecated",provider_id="",pod_cidr="",system_uuid="",internal_ip="fd00::1" 1"#))
        #expect(
            try samples("kube_node_status_addresses", of: .nodes, status) == [
                #"type="InternalIP",address="10.0.0.1" 1"#, #"type="Hostname",address="w" 1"#, #"type="InternalIP",address="fd00::1" 1"#,
            ])
    }

    @Test("a node has the roles that labels name, whatever the labels' values")
    func roles() throws {
        let labels = #"""
            "labels":{"node-role.kubernetes.io/worker":"false","node-role.kubernetes.io/":"","kubernetes.io/role":"master",
            "node-role.kubernetes.io/control-plane":""}
            """#
        #expect(
            try samples("kube_node_role", of: .nodes, metadata: labels) == [#"role="" 1"#, #"role="control-plane" 1"#, #"role="worker" 1"#])
    }

    @Test("taints and pod ranges have a sample each; a node that is not cordoned is schedulable")
    func spec() throws {
        let spec = #"""
            "spec":{"podCIDR":"10.1.0.0/24","podCIDRs":["10.1.0.0/24","fd01::/64"],"taints":[{"key":"a"},{"key":"a","effect":"NoExecute"}]}
            """#
        #expect(try samples("kube_node_spec_pod_cidrs", of: .nodes, spec) == [#"pod_cidr="10.1.0.0/24" 1"#, #"pod_cidr="fd01::/64" 1"#])
        #expect(
            try samples("kube_node_spec_taint", of: .nodes, spec) == [
                #"key="a",value="",effect="" 1"#, #"key="a",value="",effect="NoExecute" 1"#,
            ])
        #expect(try samples("kube_node_spec_unschedulable", of: .nodes, spec) == ["0"])
        #expect(try samples("kube_node_spec_unschedulable", of: .nodes, #""spec":{"unschedulable":true}"#) == ["1"])
    }
}

@Suite struct ServiceFamiliesTests {
    @Test("each address that a service claims or was given has a sample")
    func addresses() throws {
        let service = #"""
            "spec":{"externalIPs":["192.0.2.1","192.0.2.2"]},"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.1"},{"hostname":"lb"},{}]}}
            """#
        #expect(
            try samples("kube_service_spec_external_ip", of: .services, service) == [
                #"external_ip="192.0.2.1" 1"#, #"external_ip="192.0.2.2" 1"#,
            ])
        #expect(
            try samples("kube_service_status_load_balancer_ingress", of: .services, service) == [
                #"ip="198.51.100.1",hostname="" 1"#, #"ip="",hostname="lb" 1"#, #"ip="",hostname="" 1"#,
            ])
        #expect(try samples("kube_service_spec_type", of: .services) == [#"type="" 1"#])
        #expect(
            try samples("kube_service_info", of: .services, #""spec":{"clusterIP":"None","externalTrafficPolicy":"Local"}"#) == [
                #"cluster_ip="None",external_name="",load_balancer_ip="",external_traffic_policy="Local" 1"#
            ])
    }
}

@Suite struct DeploymentFamiliesTests {
    @Test(
        "how many pods an update may take away or add: percentages down or up, nothing for what is no percentage",
        arguments: [
            ("3", "3", "3"), (#""25%""#, "2", "3"), (#""0%""#, "0", "0"), (#""150%""#, "15", "15"), (#""+5%""#, "0", "1"),
            (#""-5%""#, "-1", "0"), (#""3000000000%""#, "3e+08", "3e+08"), (#""3""#, nil, nil), (#""x%""#, nil, nil),
            (#""2.5%""#, nil, nil),
            (#""""#, nil, nil), ("null", nil, nil), ("-2", "-2", "-2"),
        ] as [(String, String?, String?)])
    func shares(share: String, down: String?, up: String?) throws {
        let name = "kube_deployment_spec_strategy_rollingupdate_max"
        func body(_ replicas: String) -> String {
            #""spec":{\#(replicas)"strategy":{"rollingUpdate":{"maxUnavailable":\#(share),"maxSurge":\#(share)}}}"#
        }
        #expect(try samples("\(name)_unavailable", of: .deployments, body(#""replicas":10,"#)) == (down.map { [$0] } ?? []))
        #expect(try samples("\(name)_surge", of: .deployments, body(#""replicas":10,"#)) == (up.map { [$0] } ?? []))
        #expect(try samples("\(name)_surge", of: .deployments, body("")) == [])
    }

    @Test("reasons that Kubernetes does not give are unknown; one that is absent stays empty")
    func reasons() throws {
        let conditions = #"{"type":"Available","status":"True","reason":"Mine"},{"type":"Progressing","status":"False"}"#
        #expect(
            try samples("kube_deployment_status_condition", of: .deployments, #""status":{"conditions":[\#(conditions)]}"#) == [
                #"reason="unknown",condition="Available",status="true" 1"#, #"reason="unknown",condition="Available",status="false" 0"#,
                #"reason="unknown",condition="Available",status="unknown" 0"#, #"reason="",condition="Progressing",status="true" 0"#,
                #"reason="",condition="Progressing",status="false" 1"#, #"reason="",condition="Progressing",status="unknown" 0"#,
            ])
    }

    @Test("numbers that a deployment may lack have no sample without them, even where 0 has one")
    func numbers() throws {
        #expect(try samples("kube_deployment_spec_replicas", of: .deployments) == [])
        #expect(try samples("kube_deployment_spec_replicas", of: .deployments, #""spec":{"replicas":0}"#) == ["0"])
        let terminating = "kube_deployment_status_terminating_replicas"
        #expect(try samples(terminating, of: .deployments) == [])
        #expect(try samples(terminating, of: .deployments, #""status":{"terminatingReplicas":0}"#) == ["0"])
        #expect(try samples("kube_deployment_status_replicas_unavailable", of: .deployments) == ["0"])
        #expect(try samples("kube_deployment_metadata_generation", of: .deployments, metadata: #""generation":4"#) == ["4"])
        #expect(try samples("kube_deployment_owner", of: .deployments) == [#"owner_kind="",owner_name="" 1"#])
    }
}
