import KubernetesObjects
import Testing

@testable import Exporter

/// Daemon sets, replica sets and stateful sets in cases that the captured cluster does not have.
@Suite struct AppsFamiliesTests {
    private static let deleted = #""deletionTimestamp":"2024-02-04T14:32:37Z""#

    @Test(
        "numbers that are left open have no sample; 0 is a number",
        arguments: [
            ("kube_replicaset_spec_replicas", Resource.replicaSets, #""spec":{"replicas":"#, "}"),
            ("kube_replicaset_status_terminating_replicas", .replicaSets, #""status":{"terminatingReplicas":"#, "}"),
            ("kube_statefulset_replicas", .statefulSets, #""spec":{"replicas":"#, "}"),
            ("kube_statefulset_ordinals_start", .statefulSets, #""spec":{"ordinals":{"start":"#, "}}"),
        ])
    func open(family: String, resource: Resource, before: String, after: String) throws {
        #expect(try samples(family, of: resource) == [])
        #expect(try samples(family, of: resource, "\(before)0\(after)") == ["0"])
        #expect(try samples(family, of: resource, "\(before)5\(after)") == ["5"])
        if !after.hasPrefix("}}") { #expect(try samples(family, of: resource, "\(before)null\(after)") == []) }
    }

    @Test("ordinals that are there begin at 0 if they do not say where")
    func ordinals() throws {
        #expect(try samples("kube_statefulset_ordinals_start", of: .statefulSets, #""spec":{"ordinals":{}}"#) == ["0"])
        #expect(try samples("kube_statefulset_ordinals_start", of: .statefulSets, #""spec":{"ordinals":null}"#) == [])
    }

    @Test(
        "what becomes of claims shows if either half of it is said",
        arguments: [
            ("", []), (#""persistentVolumeClaimRetentionPolicy":{}"#, []),
            (#""persistentVolumeClaimRetentionPolicy":{"whenScaled":"Delete"}"#, [#"when_deleted="",when_scaled="Delete" 1"#]),
            (#""persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain"}"#, [#"when_deleted="Retain",when_scaled="" 1"#]),
        ] as [(String, [String])])
    func retention(spec: String, want: [String]) throws {
        #expect(
            try samples("kube_statefulset_persistentvolumeclaim_retention_policy", of: .statefulSets, #""spec":{\#(spec)}"#) == want)
    }

    @Test("an empty status is all zeros and empty revisions")
    func emptyStatus() throws {
        let sparse: Set = ["kube_replicaset_status_terminating_replicas"]
        for resource in [Resource.daemonSets, .replicaSets, .statefulSets] {
            let families = try #require(FamilyRegistry.families(of: resource)).families.map(\.name)
            for family in families where family.contains("_status_") && !sparse.contains(family) {
                let want = family.hasSuffix("_revision") ? #"revision="" 1"# : "0"
                #expect(try samples(family, of: resource) == [want], "\(family)")
            }
            #expect(try samples("kube_\(resource.plural.dropLast())_metadata_generation", of: resource) == ["0"])
        }
    }

    @Test("each number of a daemon set's status is its own")
    func daemonSetStatus() throws {
        let status = #"""
            "status":{"currentNumberScheduled":1,"numberMisscheduled":2,"desiredNumberScheduled":3,"numberReady":4,"observedGeneration":5,
            "updatedNumberScheduled":6,"numberAvailable":7,"numberUnavailable":8}
            """#
        for (family, value) in [
            ("current_number_scheduled", 1), ("number_misscheduled", 2), ("desired_number_scheduled", 3), ("number_ready", 4),
            ("observed_generation", 5), ("updated_number_scheduled", 6), ("number_available", 7), ("number_unavailable", 8),
        ] {
            #expect(try samples("kube_daemonset_status_\(family)", of: .daemonSets, status) == ["\(value)"], "\(family)")
        }
    }

    @Test("each number of a stateful set's status is its own")
    func statefulSetStatus() throws {
        let status = #"""
            "status":{"observedGeneration":1,"replicas":2,"readyReplicas":3,"currentReplicas":4,"updatedReplicas":5,"availableReplicas":6,
            "currentRevision":"web-1","updateRevision":"web-2"}
            """#
        for (family, value) in [
            ("observed_generation", "1"), ("replicas", "2"), ("replicas_ready", "3"), ("replicas_current", "4"), ("replicas_updated", "5"),
            ("replicas_available", "6"), ("current_revision", #"revision="web-1" 1"#), ("update_revision", #"revision="web-2" 1"#),
        ] {
            #expect(try samples("kube_statefulset_status_\(family)", of: .statefulSets, status) == [value], "\(family)")
        }
    }

    @Test("an object that is being deleted says until when it may take; replica sets have no such family")
    func deletion() throws {
        #expect(try samples("kube_daemonset_deletion_timestamp", of: .daemonSets, metadata: Self.deleted) == ["1.707057157e+09"])
        #expect(try samples("kube_statefulset_deletion_timestamp", of: .statefulSets, metadata: Self.deleted) == ["1.707057157e+09"])
        #expect(try samples("kube_statefulset_deletion_timestamp", of: .statefulSets) == [])
        #expect(try samples("kube_statefulset_status_replicas", of: .statefulSets, metadata: Self.deleted) == ["0"])
        let exporter = try ExporterUnderTest(["--resources=replicasets"])
        exporter.upsert(try object(.replicaSets, #"{"metadata":{"name":"x","namespace":"n","uid":"u",\#(Self.deleted)}}"#))
        #expect(!exporter.exposition().contains("deletion_timestamp"))
    }

    @Test("each owner of a replica set is a sample, none a sample with empty labels")
    func owners() throws {
        #expect(try samples("kube_replicaset_owner", of: .replicaSets) == [#"owner_kind="",owner_name="",owner_is_controller="" 1"#])
        let owners = #""ownerReferences":[{"kind":"Deployment","name":"d","controller":true},{"kind":"Tenant","name":"t"}]"#
        #expect(
            try samples("kube_replicaset_owner", of: .replicaSets, metadata: owners) == [
                #"owner_kind="Deployment",owner_name="d",owner_is_controller="true" 1"#,
                #"owner_kind="Tenant",owner_name="t",owner_is_controller="false" 1"#,
            ])
    }
}
