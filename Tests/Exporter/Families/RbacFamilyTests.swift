import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct RbacFamilyTests {
    @Test("a binding names its role, whether or not anybody is bound; without a role the labels are empty")
    func bindings() throws {
        let exporter = try ExporterUnderTest(["--resources=rolebindings,clusterrolebindings"])
        exporter.upsert(
            try object(
                .roleBindings,
                #"""
                {"metadata":{"name":"b","namespace":"n","uid":"u","resourceVersion":"7"},
                 "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"}}
                """#))
        exporter.upsert(
            try object(
                .clusterRoleBindings,
                #"""
                {"metadata":{"name":"b","uid":"u2","resourceVersion":"8"},
                 "subjects":[{"kind":"User","name":"a"},{"kind":"Group","name":"g"}]}
                """#))
        #expect(
            exporter.samples("kube_rolebinding_info")
                == [#"kube_rolebinding_info{namespace="n",rolebinding="b",roleref_kind="ClusterRole",roleref_name="view"} 1"#])
        #expect(
            exporter.samples("kube_clusterrolebinding_info")
                == [#"kube_clusterrolebinding_info{clusterrolebinding="b",roleref_kind="",roleref_name=""} 1"#])
    }

    @Test("a role without a time of creation and with a version that is no number has its info only")
    func sparse() throws {
        let exporter = try ExporterUnderTest(["--resources=roles,clusterroles"])
        exporter.upsert(
            try object(.roles, #"{"metadata":{"name":"r","namespace":"n","uid":"u","resourceVersion":"v7"},"rules":null}"#))
        exporter.upsert(try object(.clusterRoles, #"{"metadata":{"name":"r","uid":"u2","resourceVersion":"8"},"rules":[]}"#))
        #expect(
            exporter.lines().filter { !$0.hasPrefix("#") } == [
                #"kube_clusterrole_info{clusterrole="r"} 1"#,
                #"kube_clusterrole_metadata_resource_version{clusterrole="r"} 8"#,
                #"kube_role_info{namespace="n",role="r"} 1"#,
            ])
    }

    @Test("namespaces choose among roles, and not among cluster roles")
    func namespaces() throws {
        let exporter = try ExporterUnderTest(["--resources=roles,clusterroles", "--namespaces=n"])
        for namespace in ["n", "m"] {
            exporter.upsert(
                try object(
                    .roles, #"{"metadata":{"name":"r","namespace":"\#(namespace)","uid":"\#(namespace)","resourceVersion":"7"}}"#))
        }
        exporter.upsert(try object(.clusterRoles, #"{"metadata":{"name":"r","uid":"u","resourceVersion":"8"}}"#))
        #expect(exporter.samples("kube_role_info") == [#"kube_role_info{namespace="n",role="r"} 1"#])
        #expect(exporter.samples("kube_clusterrole_info") == [#"kube_clusterrole_info{clusterrole="r"} 1"#])
    }
}
