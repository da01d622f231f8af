import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct NetworkingFamilyTests {
    private func ingress(metadata: String = "", spec: String) throws -> ExporterUnderTest {
        let exporter = try ExporterUnderTest(["--resources=ingresses"])
        exporter.upsert(
            try object(
                .ingresses,
                #"{"metadata":{"name":"i","namespace":"n","uid":"u","resourceVersion":"7"\#(metadata)},"spec":{\#(spec)}}"#))
        return exporter
    }

    @Test(
        "the old annotation names an ingress's class, even with nothing, before the field does; without both it is _default",
        arguments: [
            ("", "", "_default"),
            ("", #""ingressClassName":"field""#, "field"),
            ("", #""ingressClassName":"""#, ""),
            (#","annotations":{"kubernetes.io/ingress.class":"old"}"#, #""ingressClassName":"field""#, "old"),
            (#","annotations":{"kubernetes.io/ingress.class":""}"#, #""ingressClassName":"field""#, ""),
            (#","annotations":{"other":"old"}"#, "", "_default"),
        ])
    func ingressClass(metadata: String, spec: String, want: String) throws {
        let exporter = try ingress(metadata: metadata, spec: spec)
        #expect(exporter.samples("kube_ingress_info") == [#"kube_ingress_info{namespace="n",ingress="i",ingressclass="\#(want)"} 1"#])
    }

    @Test("each path of an ingress is a sample, whatever is behind it and however little is said of it")
    func paths() throws {
        let exporter = try ingress(
            spec: #"""
                "defaultBackend":{"service":{"name":"fallback","port":{"number":1}}},
                "rules":[
                  {"host":"none.example"},
                  {"host":"empty.example","http":{"paths":[]}},
                  {"host":"a.example","http":{"paths":[
                    {"path":"/number","pathType":"Exact","backend":{"service":{"name":"s","port":{"number":80}}}},
                    {"path":"/name","pathType":"","backend":{"service":{"name":"s","port":{"name":"web"}}}},
                    {"backend":{"resource":{"kind":"Bucket","name":"b"}}}]}},
                  {"http":{"paths":[
                    {"path":"/","pathType":"Prefix","backend":{"resource":{"apiGroup":"k.example","kind":"Bucket","name":"b"}}},
                    {"path":"/nothing","backend":{}}]}}]
                """#)
        let start = #"kube_ingress_path{namespace="n",ingress="i","#
        #expect(
            exporter.lines().filter { $0.hasPrefix("kube_ingress_path{") } == [
                start + #"host="a.example",path="/number",path_type="Exact",service_name="s",service_port="80"} 1"#,
                start + #"host="a.example",path="/name",path_type="",service_name="s",service_port="0"} 1"#,
                start
                    + #"host="a.example",path="",path_type="",resource_api_group="",resource_kind="Bucket",resource_name="b"} 1"#,
                start
                    + #"host="",path="/",path_type="Prefix",resource_api_group="k.example",resource_kind="Bucket",resource_name="b"} 1"#,
                start + #"host="",path="/nothing",path_type="",resource_api_group="",resource_kind="",resource_name=""} 1"#,
            ])
    }

    @Test("each host of each TLS entry is a sample; an entry for all hosts is none")
    func tls() throws {
        let exporter = try ingress(
            spec: #""tls":[{"secretName":"all"},{"hosts":["a.example","b.example"]},{"hosts":["c.example"],"secretName":"c"}]"#)
        let start = #"kube_ingress_tls{namespace="n",ingress="i",tls_host="#
        #expect(
            exporter.samples("kube_ingress_tls") == [
                start + #""a.example",secret=""} 1"#, start + #""b.example",secret=""} 1"#, start + #""c.example",secret="c"} 1"#,
            ])
    }

    @Test("a policy's rules are counted, empty ones too; no rules and no list are 0")
    func rules() throws {
        let exporter = try ExporterUnderTest(["--resources=networkpolicies"])
        let specs = ["a": #"{"ingress":[{},{}],"egress":[]}"#, "b": #"{"policyTypes":["Ingress"]}"#, "c": #"{"egress":[{}]}"#]
        for (name, spec) in specs {
            exporter.upsert(
                try object(
                    .networkPolicies,
                    #"{"metadata":{"name":"\#(name)","namespace":"n","uid":"\#(name)","resourceVersion":"7"},"spec":\#(spec)}"#))
        }
        let counts = { (family: String) in
            exporter.samples("kube_networkpolicy_spec_\(family)_rules").map { $0.split(separator: " ").last }
        }
        #expect(counts("ingress") == ["2", "0", "0"])
        #expect(counts("egress") == ["0", "0", "1"])
    }

    @Test("a policy without a time of creation has Go's zero time for it; an ingress and a class have no sample")
    func created() throws {
        let exporter = try ExporterUnderTest(["--resources=networkpolicies,ingresses,ingressclasses"])
        for resource in [Resource.networkPolicies, .ingresses, .ingressClasses] {
            exporter.upsert(
                try object(
                    resource, #"{"metadata":{"name":"x","namespace":"n","uid":"u","resourceVersion":"7","creationTimestamp":null}}"#))
        }
        #expect(
            exporter.samples("kube_networkpolicy_created")
                == [#"kube_networkpolicy_created{namespace="n",networkpolicy="x"} -6.21355968e+10"#])
        #expect(exporter.samples("kube_ingress_created").isEmpty)
        #expect(exporter.samples("kube_ingressclass_created").isEmpty)
        #expect(exporter.samples("kube_ingressclass_info") == [#"kube_ingressclass_info{ingressclass="x",controller=""} 1"#])
    }
}
