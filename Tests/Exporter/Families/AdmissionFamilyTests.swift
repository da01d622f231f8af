import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct AdmissionFamilyTests {
    private func samples(_ resource: Resource, _ rest: String) throws -> [String] {
        let exporter = try ExporterUnderTest(["--resources=\(resource.plural)"])
        exporter.upsert(try object(resource, #"{"metadata":{"name":"x","uid":"u","resourceVersion":"7"},\#(rest)}"#))
        return exporter.lines().filter { !$0.hasPrefix("#") && !$0.contains("resource_version") }
    }

    @Test(
        "each webhook is a sample, with the service it is reached by or with empty labels; no webhooks are none",
        arguments: [(Resource.mutatingWebhookConfigurations, "mutating"), (.validatingWebhookConfigurations, "validating")])
    func webhooks(resource: Resource, kind: String) throws {
        let identity = #"{namespace="",\#(kind)webhookconfiguration="x""#
        let info = "kube_\(kind)webhookconfiguration_info\(identity)} 1"
        let start = "kube_\(kind)webhookconfiguration_webhook_clientconfig_service\(identity),webhook_name="
        let got = try samples(
            resource,
            #"""
            "webhooks":[
              {"name":"a.example","clientConfig":{"service":{"name":"s","namespace":"n","path":"/p","port":443}}},
              {"name":"b.example","clientConfig":{"url":"https://b.example"}},
              {"name":"c.example","clientConfig":{"service":{"name":"s"}}},
              {}]
            """#)
        #expect(
            got == [
                info, start + #""a.example",service_name="s",service_namespace="n"} 1"#,
                start + #""b.example",service_name="",service_namespace=""} 1"#,
                start + #""c.example",service_name="s",service_namespace=""} 1"#,
                start + #""",service_name="",service_namespace=""} 1"#,
            ])
        #expect(try samples(resource, #""webhooks":null"#) == [info])
    }

    @Test(
        "a policy shows the kind of its parameters and what it does on failure; what it leaves open is empty",
        arguments: [
            (#""spec":{}"#, "", "", ""),
            (#""spec":{"paramKind":{"apiVersion":"v1","kind":"ConfigMap"},"failurePolicy":"Ignore"}"#, "v1", "ConfigMap", "Ignore"),
            (#""spec":{"paramKind":{"kind":"ConfigMap"}}"#, "", "ConfigMap", ""),
            (#""spec":{"paramKind":null,"failurePolicy":"Fail"}"#, "", "", "Fail"),
        ])
    func policies(spec: String, version: String, kind: String, failure: String) throws {
        let labels = #"param_api_version="\#(version)",param_kind="\#(kind)",failure_policy="\#(failure)""#
        #expect(
            try samples(.validatingAdmissionPolicies, spec)
                == [#"kube_validatingadmissionpolicy_info{namespace="",validatingadmissionpolicy="x",\#(labels)} 1"#])
        #expect(
            try samples(.mutatingAdmissionPolicies, spec) == [
                #"kube_mutatingadmissionpolicy_info{namespace="",mutatingadmissionpolicy="x",\#(labels),reinvocation_policy=""} 1"#
            ])
    }

    @Test("a mutating policy shows whether it may run again")
    func reinvocation() throws {
        let got = try samples(.mutatingAdmissionPolicies, #""spec":{"reinvocationPolicy":"IfNeeded"}"#)
        #expect(got.count == 1 && got[0].hasSuffix(#",reinvocation_policy="IfNeeded"} 1"#))
    }

    @Test(
        "a binding shows its policy and the object it gives it; one that selects objects by labels shows none",
        arguments: [
            (#""policyName":"p""#, "p", "", "", ""),
            (
                #""policyName":"p","paramRef":{"name":"c","namespace":"n","parameterNotFoundAction":"Deny"}"#,
                "p", "c", "n", "Deny"
            ),
            (
                #""policyName":"p","paramRef":{"selector":{"matchLabels":{"a":"b"}},"parameterNotFoundAction":"Allow"}"#, "p", "", "",
                "Allow"
            ),
            (#""paramRef":{"name":"c"}"#, "", "c", "", ""),
        ])
    func bindings(spec: String, policy: String, name: String, namespace: String, action: String) throws {
        let labels =
            #"policy_name="\#(policy)",param_name="\#(name)",param_namespace="\#(namespace)",param_not_found_action="\#(action)""#
        for (resource, kind) in [
            (Resource.mutatingAdmissionPolicyBindings, "mutating"), (.validatingAdmissionPolicyBindings, "validating"),
        ] {
            #expect(
                try samples(resource, #""spec":{\#(spec)}"#)
                    == [#"kube_\#(kind)admissionpolicybinding_info{namespace="",\#(kind)admissionpolicybinding="x",\#(labels)} 1"#])
        }
    }

    @Test("each validation action of a binding is a sample, in the binding's order")
    func actions() throws {
        let got = try samples(.validatingAdmissionPolicyBindings, #""spec":{"validationActions":["Warn","Audit"]}"#)
        let start = #"kube_validatingadmissionpolicybinding_validation_action{namespace="",validatingadmissionpolicybinding="x",action="#
        #expect(got.dropFirst() == [start + #""Warn"} 1"#, start + #""Audit"} 1"#])
    }

    @Test(
        "an object that is being deleted keeps every sample it had, and gets none",
        arguments: [
            Resource.ingresses, .ingressClasses, .networkPolicies, .endpointSlices, .storageClasses, .volumeAttachments, .roles,
            .roleBindings, .clusterRoles, .clusterRoleBindings, .mutatingWebhookConfigurations, .validatingWebhookConfigurations,
            .validatingAdmissionPolicies, .validatingAdmissionPolicyBindings, .mutatingAdmissionPolicies,
            .mutatingAdmissionPolicyBindings,
        ])
    func deleted(resource: Resource) throws {
        let lines = { (metadata: String) in
            let exporter = try ExporterUnderTest(["--resources=\(resource.plural)"])
            let common = #""name":"x","namespace":"n","uid":"u","resourceVersion":"7","creationTimestamp":"2026-01-01T00:00:00Z""#
            exporter.upsert(try object(resource, #"{"metadata":{\#(common)\#(metadata)}}"#))
            return exporter.lines()
        }
        let before = try lines("")
        #expect(try lines(#","deletionTimestamp":"2026-01-02T00:00:00Z","finalizers":["example.com/f"]"#) == before)
        #expect(before.contains { $0.hasSuffix(" 1.7672256e+09") })
    }
}
