import KubernetesObjects
import Testing

@testable import Exporter

/// Budgets, leases and certificate requests, in cases that the captured cluster does not have.
@Suite struct SmallGroupFamiliesTests {
    @Test("each number of a budget's status is its own; an empty status is zeros")
    func budgets() throws {
        let status = #"""
            "status":{"observedGeneration":1,"disruptionsAllowed":2,"currentHealthy":3,"desiredHealthy":4,"expectedPods":5}
            """#
        for (name, value) in [
            ("observed_generation", "1"), ("pod_disruptions_allowed", "2"), ("current_healthy", "3"), ("desired_healthy", "4"),
            ("expected_pods", "5"),
        ] {
            let family = "kube_poddisruptionbudget_status_\(name)"
            #expect(try samples(family, of: .podDisruptionBudgets, status) == [value], "\(family)")
            #expect(try samples(family, of: .podDisruptionBudgets) == ["0"], "\(family)")
        }
        #expect(try samples("kube_poddisruptionbudget_deletion_timestamp", of: .podDisruptionBudgets) == [])
        #expect(
            try samples(
                "kube_poddisruptionbudget_deletion_timestamp", of: .podDisruptionBudgets,
                metadata: #""deletionTimestamp":"2024-02-04T14:32:37Z""#) == ["1.707057157e+09"])
    }

    @Test("a lease has a sample for each owner with its holder, and one without owners; nobody's lease has an empty holder")
    func leaseOwners() throws {
        func owners(_ metadata: String, _ spec: String) throws -> [String] {
            try samples("kube_lease_owner", of: .leases, #""spec":{\#(spec)}"#, metadata: metadata)
        }
        let holder = #""holderIdentity":"node-1""#
        #expect(
            try owners("", holder) == [#"owner_kind="",owner_name="",namespace="n",lease_holder="node-1" 1"#])
        #expect(try owners("", "") == [#"owner_kind="",owner_name="",namespace="n",lease_holder="" 1"#])
        #expect(
            try owners(#""ownerReferences":[{"kind":"Node","name":"node-1"},{"kind":"Tenant","name":"t","controller":true}]"#, holder) == [
                #"owner_kind="Node",owner_name="node-1",namespace="n",lease_holder="node-1" 1"#,
                #"owner_kind="Tenant",owner_name="t",namespace="n",lease_holder="node-1" 1"#,
            ])
    }

    @Test("a renewal is in whole seconds; a lease that was never renewed has none")
    func renewals() throws {
        func renewal(_ spec: String) throws -> [String] { try samples("kube_lease_renew_time", of: .leases, #""spec":{\#(spec)}"#) }
        #expect(try renewal(#""renewTime":"2024-02-04T14:32:37.999999Z""#) == [#"namespace="n" 1.707057157e+09"#])
        #expect(try renewal(#""renewTime":null"#) == [])
        #expect(try renewal("") == [])
    }

    @Test("a request counts its conditions of each type, whatever their status, and the bytes of its certificate")
    func requests() throws {
        func show(_ family: String, _ status: String) throws -> [String] {
            try samples(
                "kube_certificatesigningrequest_\(family)", of: .certificateSigningRequests,
                #""spec":{"signerName":"example.com/signer"},"status":{\#(status)}"#)
        }
        let signer = #"signer_name="example.com/signer""#
        #expect(
            try show("condition", "") == [
                #"\#(signer),condition="approved" 0"#, #"\#(signer),condition="denied" 0"#, #"\#(signer),condition="failed" 0"#,
            ])
        let conditions = #"""
            "conditions":[{"type":"Approved","status":"False"},{"type":"Failed","status":"True"},{"type":"Failed","status":"Unknown"},
            {"type":"Odd","status":"True"}]
            """#
        #expect(
            try show("condition", conditions) == [
                #"\#(signer),condition="approved" 1"#, #"\#(signer),condition="denied" 0"#, #"\#(signer),condition="failed" 2"#,
            ])
        #expect(try show("cert_length", "") == [#"\#(signer) 0"#])
        #expect(try show("cert_length", #""certificate":null"#) == [#"\#(signer) 0"#])
        #expect(try show("cert_length", #""certificate":"aGVsbG8gd29ybGQ=""#) == [#"\#(signer) 11"#])
        #expect(
            try samples("kube_certificatesigningrequest_cert_length", of: .certificateSigningRequests) == [#"signer_name="" 0"#])
    }
}
