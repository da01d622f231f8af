import Foundation
import KubernetesObjects
import Testing

@testable import Exporter

/// Cases that the captured cluster does not have; what is expected is what kube-state-metrics' source does with them.
@Suite struct CoreFamiliesTests {
    @Test("a limit range has a sample for each constraint of each resource, resources under their own names")
    func limitRanges() throws {
        let limits = #"""
            {"type":"Container","min":{"cpu":"50m"},"max":{"memory":"1536Mi","cpu":2},"default":{"example.com/dongle":"3"},
            "defaultRequest":{"cpu":"1n"},"maxLimitRequestRatio":{"cpu":"2500m"}},
            {"type":"PersistentVolumeClaim","max":{"storage":"9E"}},{"type":"Pod"}
            """#
        #expect(
            try samples("kube_limitrange", of: .limitRanges, #""spec":{"limits":[\#(limits)]}"#) == [
                #"resource="cpu",type="Container",constraint="min" 0.05"#,
                #"resource="cpu",type="Container",constraint="max" 2"#,
                #"resource="memory",type="Container",constraint="max" 1.610612736e+09"#,
                #"resource="example.com/dongle",type="Container",constraint="default" 3"#,
                #"resource="cpu",type="Container",constraint="defaultRequest" 0.001"#,
                #"resource="cpu",type="Container",constraint="maxLimitRequestRatio" 2.5"#,
                #"resource="storage",type="PersistentVolumeClaim",constraint="max" 9e+18"#,
            ])
        #expect(try samples("kube_limitrange", of: .limitRanges, #""spec":{}"#) == [])
    }

    @Test("a quota has what its status says, whatever its spec wants")
    func quotas() throws {
        let status = #"""
            "spec":{"hard":{"pods":"9"}},
            "status":{"hard":{"requests.cpu":"1500m","pods":"0"},"used":{"requests.cpu":"0","count/jobs.batch":"7"}}
            """#
        #expect(
            try samples("kube_resourcequota", of: .resourceQuotas, status) == [
                #"resource="pods",type="hard" 0"#, #"resource="requests.cpu",type="hard" 1.5"#,
                #"resource="count/jobs.batch",type="used" 7"#, #"resource="requests.cpu",type="used" 0"#,
            ])
        #expect(try samples("kube_resourcequota", of: .resourceQuotas, #""spec":{"hard":{"pods":"9"}}"#) == [])
    }

    @Test(
        "a namespace has both phases always, also without one and with one that is not known",
        arguments: [
            ("", 0, 0), (#""status":{}"#, 0, 0), (#""status":{"phase":"Active"}"#, 1, 0), (#""status":{"phase":"Terminating"}"#, 0, 1),
            (#""status":{"phase":"Frozen"}"#, 0, 0),
        ])
    func namespacePhases(body: String, active: Int, terminating: Int) throws {
        #expect(
            try samples("kube_namespace_status_phase", of: .namespaces, body) == [
                #"phase="Active" \#(active)"#, #"phase="Terminating" \#(terminating)"#,
            ])
    }

    @Test("each condition has a sample for each status, none of which is 1 for a status that is not known")
    func conditions() throws {
        let status = #"""
            "status":{"conditions":[{"type":"NamespaceContentRemaining","status":"True"},{"type":"Odd","status":"true"},
            {"type":"NamespaceDeletionDiscoveryFailure","status":"Unknown"}]}
            """#
        let expected = [
            #"condition="NamespaceContentRemaining",status="true" 1"#, #"condition="NamespaceContentRemaining",status="false" 0"#,
            #"condition="NamespaceContentRemaining",status="unknown" 0"#, #"condition="Odd",status="true" 0"#,
            #"condition="Odd",status="false" 0"#, #"condition="Odd",status="unknown" 0"#,
            #"condition="NamespaceDeletionDiscoveryFailure",status="true" 0"#,
            #"condition="NamespaceDeletionDiscoveryFailure",status="false" 0"#,
            #"condition="NamespaceDeletionDiscoveryFailure",status="unknown" 1"#,
        ]
        #expect(try samples("kube_namespace_status_condition", of: .namespaces, status) == expected)
        #expect(try samples("kube_persistentvolumeclaim_status_condition", of: .persistentVolumeClaims, status) == expected)
        #expect(try samples("kube_node_status_condition", of: .nodes, status) == expected)
        #expect(try samples("kube_namespace_status_condition", of: .namespaces, "") == [])
    }

    @Test(
        "of a config map or secret the version counts only where it is a number",
        arguments: [
            ("12345678901", ["1.2345678901e+10"]), ("0", ["0"]), ("", []), ("v7", []), ("1e999", []),
            ("9007199254740993", ["9.007199254740992e+15"]),
        ])
    func versions(version: String, expected: [String]) throws {
        let metadata = #""resourceVersion":"\#(version)""#
        #expect(try samples("kube_configmap_metadata_resource_version", of: .configMaps, metadata: metadata) == expected)
        #expect(try samples("kube_secret_metadata_resource_version", of: .secrets, metadata: metadata) == expected)
    }

    @Test(
        "times that are not set have no sample; a deletion that waits for finalizers has its own",
        arguments: [
            (Resource.configMaps, "kube_configmap_created", nil), (.endpoints, "kube_endpoint_created", nil),
            (.limitRanges, "kube_limitrange_created", nil), (.namespaces, "kube_namespace_created", nil),
            (.nodes, "kube_node_created", "kube_node_deletion_timestamp"),
            (.persistentVolumes, "kube_persistentvolume_created", "kube_persistentvolume_deletion_timestamp"),
            (.persistentVolumeClaims, "kube_persistentvolumeclaim_created", "kube_persistentvolumeclaim_deletion_timestamp"),
            (.pods, "kube_pod_created", "kube_pod_deletion_timestamp"),
            (.replicationControllers, "kube_replicationcontroller_created", nil),
            (.resourceQuotas, "kube_resourcequota_created", nil), (.secrets, "kube_secret_created", nil),
            (.serviceAccounts, "kube_serviceaccount_created", "kube_serviceaccount_deleted"),
            (.services, "kube_service_created", "kube_service_deletion_timestamp"),
            (.deployments, "kube_deployment_created", "kube_deployment_deletion_timestamp"),
        ] as [(Resource, String, String?)])
    func times(resource: Resource, created: String, deleted: String?) throws {
        let times = #""creationTimestamp":"2026-01-02T03:04:05Z","deletionTimestamp":"2026-01-02T03:05:35Z""#
        #expect(try samples(created, of: resource, metadata: times) == ["1.767323045e+09"])
        #expect(try samples(created, of: resource, metadata: #""creationTimestamp":null"#) == [])
        guard let deleted else { return }
        #expect(try samples(deleted, of: resource, metadata: times) == ["1.767323135e+09"])
        #expect(try samples(deleted, of: resource, metadata: #""creationTimestamp":"2026-01-02T03:04:05Z""#) == [])
    }

    @Test(
        "a secret and a replication controller have a sample for each owner, and one with empty labels without any",
        arguments: [(Resource.secrets, "kube_secret_owner"), (.replicationControllers, "kube_replicationcontroller_owner")])
    func owners(resource: Resource, family: String) throws {
        let owners = #"""
            "ownerReferences":[{"kind":"Certificate","name":"a","controller":true},{"kind":"Issuer","name":"b","controller":false},
            {"kind":"Tenant","name":"c"}]
            """#
        #expect(
            try samples(family, of: resource, metadata: owners) == [
                #"owner_kind="Certificate",owner_name="a",owner_is_controller="true" 1"#,
                #"owner_kind="Issuer",owner_name="b",owner_is_controller="false" 1"#,
                #"owner_kind="Tenant",owner_name="c",owner_is_controller="false" 1"#,
            ])
        #expect(try samples(family, of: resource) == [#"owner_kind="",owner_name="",owner_is_controller="" 1"#])
    }

    @Test("a replication controller without a wanted number has no sample of it; other numbers are 0")
    func replicationControllers() throws {
        #expect(try samples("kube_replicationcontroller_spec_replicas", of: .replicationControllers, #""spec":{}"#) == [])
        #expect(try samples("kube_replicationcontroller_spec_replicas", of: .replicationControllers, #""spec":{"replicas":0}"#) == ["0"])
        let status = #"""
            "status":{"replicas":5,"fullyLabeledReplicas":4,"readyReplicas":3,"availableReplicas":2,"observedGeneration":8}
            """#
        for (family, value) in [
            ("status_replicas", "5"), ("status_fully_labeled_replicas", "4"), ("status_ready_replicas", "3"),
            ("status_available_replicas", "2"), ("status_observed_generation", "8"), ("metadata_generation", "9"),
        ] {
            let name = "kube_replicationcontroller_\(family)"
            #expect(try samples(name, of: .replicationControllers, status, metadata: #""generation":9"#) == [value])
            #expect(try samples(name, of: .replicationControllers) == ["0"])
        }
    }

    @Test("each port of a subset has each of its addresses, those that are not ready last; without ports there is nothing")
    func endpoints() throws {
        let subsets = #"""
            "subsets":[
            {"addresses":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}],"notReadyAddresses":[{"ip":"fd00::3"}],
             "ports":[{"name":"http","port":80,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]},
            {"addresses":[{"ip":"10.0.0.9"}]},
            {"ports":[{"name":"alone","port":1,"protocol":"SCTP"}]}]
            """#
        #expect(
            try samples("kube_endpoint_address", of: .endpoints, subsets) == [
                #"port_protocol="TCP",port_number="80",port_name="http",ip="10.0.0.1",ready="true" 1"#,
                #"port_protocol="TCP",port_number="80",port_name="http",ip="10.0.0.2",ready="true" 1"#,
                #"port_protocol="TCP",port_number="80",port_name="http",ip="fd00::3",ready="false" 1"#,
                #"port_protocol="UDP",port_number="53",port_name="",ip="10.0.0.1",ready="true" 1"#,
                #"port_protocol="UDP",port_number="53",port_name="",ip="10.0.0.2",ready="true" 1"#,
                #"port_protocol="UDP",port_number="53",port_name="",ip="fd00::3",ready="false" 1"#,
            ])
        #expect(
            try samples("kube_endpoint_ports", of: .endpoints, subsets) == [
                #"port_name="http",port_protocol="TCP",port_number="80" 1"#, #"port_name="",port_protocol="UDP",port_number="53" 1"#,
                #"port_name="alone",port_protocol="SCTP",port_number="1" 1"#,
            ])
        #expect(try samples("kube_endpoint_info", of: .endpoints) == ["1"])
    }

    @Test(
        "a service account that does not say whether pods get tokens differs from one that says no",
        arguments: [("", ""), (#""automountServiceAccountToken":false"#, "false"), (#""automountServiceAccountToken":true"#, "true")])
    func automaticTokens(body: String, value: String) throws {
        #expect(try samples("kube_serviceaccount_info", of: .serviceAccounts, body) == [#"automount_token="\#(value)" 1"#])
    }

    @Test("a service account has a sample for each secret, under the family of its use")
    func accountSecrets() throws {
        let body = #""secrets":[{"name":"a","namespace":"elsewhere"},{}],"imagePullSecrets":[{"name":"b"}]"#
        #expect(try samples("kube_serviceaccount_secret", of: .serviceAccounts, body) == [#"name="a" 1"#, #"name="" 1"#])
        #expect(try samples("kube_serviceaccount_image_pull_secret", of: .serviceAccounts, body) == [#"name="b" 1"#])
        #expect(try samples("kube_serviceaccount_secret", of: .serviceAccounts) == [])
    }
}

/// That nothing of what secrets and config maps hold shows.
@Suite struct DisclosureTests {
    private static let everything = [
        "--resources=secrets,configmaps", "--metric-labels-allowlist=*=[*]", "--metric-annotations-allowlist=*=[*]",
        "--metric-opt-in-list=.*",
    ]

    @Test("no value of a captured secret shows, in the clear or as it is written in JSON", arguments: [ObjectEncoding.protobuf, .json])
    func captured(encoding: ObjectEncoding) throws {
        let name = "cluster-a/lists/v1_secrets.\(encoding == .json ? "json" : "pb")"
        let value = encoding == .json ? Data("TOP-SECRET-VALUE".utf8).base64EncodedString() : "TOP-SECRET-VALUE"
        let body = try Data(contentsOf: CapturedCluster.fixtures.appending(path: name))
        #expect(body.range(of: Data(value.utf8)) != nil, "the fixture has lost what this test looks for")
        let exposition = try ExporterUnderTest(captured: Self.everything, encoding).exposition()
        #expect(exposition.contains("kube_secret_type{"))
        #expect(!exposition.contains(value))
        #expect(!exposition.contains("TOP-SECRET"))
    }

    @Test("neither data nor the copy of it that kubectl keeps in an annotation shows", arguments: [Resource.secrets, .configMaps])
    func applied(resource: Resource) throws {
        let exporter = try ExporterUnderTest(Self.everything)
        exporter.upsert(
            try object(
                resource,
                #"""
                {"metadata":{"name":"x","namespace":"n","uid":"u","labels":{"a":"b"},"annotations":{"c":"d",
                "kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"key\":\"VALUE\"}}"}},
                "type":"Opaque","data":{"key":"VALUE"},"stringData":{"key":"VALUE"},"binaryData":{"key":"VALUE"}}
                """#))
        let exposition = exporter.exposition()
        #expect(exposition.contains(#"annotation_c="d""#))
        #expect(exposition.contains(#"label_a="b""#))
        #expect(!exposition.contains("VALUE"))
        #expect(!exposition.contains("last_applied"))
    }

    @Test("a secret without a type has an empty one")
    func untyped() throws {
        #expect(try samples("kube_secret_type", of: .secrets) == [#"type="" 1"#])
        #expect(try samples("kube_secret_type", of: .secrets, #""type":"kubernetes.io/tls""#) == [#"type="kubernetes.io/tls" 1"#])
    }
}
