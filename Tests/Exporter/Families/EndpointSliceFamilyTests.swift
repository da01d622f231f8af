import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct EndpointSliceFamilyTests {
    private func slice(_ rest: String) throws -> ExporterUnderTest {
        let exporter = try ExporterUnderTest(["--resources=endpointslices"])
        exporter.upsert(
            try object(
                .endpointSlices,
                #"{"metadata":{"name":"s","namespace":"n","uid":"u","resourceVersion":"7"},"addressType":"IPv4",\#(rest)}"#))
        return exporter
    }

    @Test("a condition that nobody stated is an empty label and not false, and so is a place that is not known")
    func conditions() throws {
        let exporter = try slice(
            #"""
            "endpoints":[
              {"addresses":["10.0.0.1"]},
              {"addresses":["10.0.0.2"],"conditions":{"ready":false,"terminating":true},"hostname":"h","nodeName":"","zone":"z"},
              {"addresses":["10.0.0.3"],"conditions":{"ready":true,"serving":true,"terminating":false},"nodeName":"node",
               "targetRef":{"kind":"Pod","name":"p","namespace":"other"}}]
            """#)
        let start = #"kube_endpointslice_endpoints{endpointslice="s",namespace="n","#
        #expect(
            exporter.samples("kube_endpointslice_endpoints") == [
                start
                    + #"ready="",serving="",hostname="",terminating="",targetref_kind="",targetref_name="",targetref_namespace="","#
                    + #"endpoint_nodename="",endpoint_zone="",address="10.0.0.1"} 1"#,
                start
                    + #"ready="false",serving="",hostname="h",terminating="true",targetref_kind="",targetref_name="","#
                    + #"targetref_namespace="",endpoint_nodename="",endpoint_zone="z",address="10.0.0.2"} 1"#,
                start
                    + #"ready="true",serving="true",hostname="",terminating="false",targetref_kind="Pod",targetref_name="p","#
                    + #"targetref_namespace="other",endpoint_nodename="node",endpoint_zone="",address="10.0.0.3"} 1"#,
            ])
    }

    @Test("each address of an endpoint is a sample; hints are of its first one, for each zone")
    func addresses() throws {
        let exporter = try slice(
            #"""
            "endpoints":[
              {"addresses":["10.0.0.1","10.0.0.2"],"hints":{"forZones":[{"name":"a"},{"name":"b"}]}},
              {"addresses":[],"hints":{"forZones":[{"name":"c"}]}},
              {"addresses":["10.0.0.3"],"hints":{"forNodes":[{"name":"node"}]}},
              {"addresses":["10.0.0.4"],"hints":{}}]
            """#)
        #expect(
            exporter.samples("kube_endpointslice_endpoints").map { $0.split(separator: "=").last }
                == (1...4).map { #""10.0.0.\#($0)"} 1"# })
        let start = #"kube_endpointslice_endpoints_hints{endpointslice="s",namespace="n",address="10.0.0.1",for_zone="#
        #expect(exporter.samples("kube_endpointslice_endpoints_hints") == [start + #""a"} 1"#, start + #""b"} 1"#])
    }

    @Test("what a port leaves open is an empty label; a port of number 0 is one that is given")
    func ports() throws {
        let exporter = try slice(
            #""endpoints":[],"ports":[{},{"name":"","protocol":"UDP"},{"name":"web","protocol":"TCP","port":0},{"port":53}]"#)
        let start = #"kube_endpointslice_ports{endpointslice="s",namespace="n","#
        #expect(
            exporter.lines().filter { $0.hasPrefix("kube_endpointslice_ports{") } == [
                start + #"port_name="",port_protocol="",port_number=""} 1"#,
                start + #"port_name="",port_protocol="UDP",port_number=""} 1"#,
                start + #"port_name="web",port_protocol="TCP",port_number="0"} 1"#,
                start + #"port_name="",port_protocol="",port_number="53"} 1"#,
            ])
    }

    @Test("a slice without endpoints and ports has its info only")
    func empty() throws {
        let exporter = try slice(#""endpoints":null,"ports":null"#)
        #expect(
            exporter.lines().filter { !$0.hasPrefix("#") }
                == [#"kube_endpointslice_info{endpointslice="s",namespace="n",addresstype="IPv4"} 1"#])
    }
}
