import ArgumentParser
import DeltaStream
import KubernetesObjects
import ProcessRuntime
import Testing

@testable import Exporter

/// What `--metric-labels-on` means, and what it does not take.
@Suite struct LabelChoiceTests {
    private func configuration(_ labels: [String], _ more: [String] = []) throws -> ExporterConfiguration {
        let command = try ExporterCommand.parse(labels.map { "--metric-labels-on=\($0)" } + more)
        return try ExporterConfiguration(command)
    }

    @Test("patterns match whole names, and may hold commas, brackets and equals signs of their own; blanks and line breaks do no harm")
    func patterns() throws {
        let choices = try LabelChoice.parse(
            "\n kube_pod_[a-z]{1,4} = [ team , owner:app.kubernetes.io/name,,team],\n kube_node_info=[zone]\n")
        #expect(choices.isEmpty == false)
        #expect(choices.map(\.pattern) == ["kube_pod_[a-z]{1,4}", "kube_node_info"])
        #expect(choices[0].keys == [.init(source: .object, key: "team"), .init(source: .owner, key: "app.kubernetes.io/name")])
        #expect(choices[0].concerns("kube_pod_info") && !choices[0].concerns("kube_pod_labels") && !choices[0].concerns("xkube_pod_info"))
        // An alternative is anchored as a whole.
        let either = try LabelChoice.parse("kube_a|kube_b=[x]")[0]
        #expect(either.concerns("kube_a") && either.concerns("kube_b") && !either.concerns("kube_ab") && !either.concerns("akube_b"))
        #expect(try LabelChoice.parse("").isEmpty && LabelChoice.parse(" \n").isEmpty)
        #expect(try LabelChoice.parse("kube_pod_info=[]")[0].keys.isEmpty)
    }

    @Test("whose label it is stands before the key")
    func sources() throws {
        let keys = try LabelChoice.parse("a=[x,namespace:x,controller:x,owner:x]")[0].keys
        #expect(keys.map(\.source) == [.object, .namespace, .controller, .owner])
        #expect(keys.allSatisfy { $0.key == "x" })
    }

    @Test(
        "what cannot be read is refused with the flag, the text and what to write",
        arguments: [
            ("kube_pod_info", "expected labels by names of families"), ("kube_pod_info=team", "cannot read 'kube_pod_info=team'"),
            ("kube_pod_info=[team", "cannot read"), ("=[team]", "cannot read"), ("kube_pod_info=[a]kube_node_info=[b]", "cannot read"),
            ("kube_pod_info=[a],", "cannot read"), ("kube_pod_(=[a]", "'kube_pod_(' is no regular expression"),
            ("kube_pod_info=[*]", "'*' has a *"), ("kube_pod_info=[app.kubernetes.io/*]", "one by one"),
            ("kube_pod_info=[a b]", "'a b' is no key of a label"), ("kube_pod_info=[deployment:team]", "namespace:, controller: or owner:"),
            ("kube_pod_info=[owner:]", "'owner:' is no key"), ("kube_pod_info=[-a]", "'-a' is no key"),
            ("kube_pod_info=[Example.com/a]", "is no key"), ("kube_pod_info=[a/b/c]", "is no key"), ("kube_pod_info=[/a]", "is no key"),
            ("kube_pod_info=[\u{10}]", "is no key"), ("kube_pod_info=[\(String(repeating: "a", count: 64))]", "is no key"),
            ("kube_pod_inf=[a]", "'kube_pod_inf' is the name of no family"), ("pod=[a]", "`mizzen-exporter families`"),
        ])
    func refused(text: String, mentions: String) {
        let error = #expect(throws: ProcessError.self) { _ = try configuration([text]) }
        #expect(error?.place == "--metric-labels-on" && error?.code == ExitStatus.usage)
        #expect(error?.message.contains(mentions) == true, "\(error?.message ?? "it was taken")")
    }

    @Test("several values add up, and what has no effect is told")
    func severalValues() throws {
        let configuration = try configuration(
            ["kube_pod_info=[a]", "kube_pod_labels=[a],kube_deployment_created=[owner:a],kube_ingress_info=[a]"],
            ["--resources=pods,deployments"])
        #expect(configuration.labels?.shown.keys.map(\.plural) == ["pods"])
        for pattern in ["kube_pod_labels", "kube_deployment_created", "kube_ingress_info"] {
            #expect(configuration.warnings.contains { $0.contains("'\(pattern)' puts no label anywhere") })
        }
        #expect(configuration.warnings.count == 3)
    }

    @Test(
        "labels have the names that kube_*_labels give them, by whose they are; keys that become one name are numbered, on all families alike"
    )
    func names() throws {
        let configuration = try configuration([
            "kube_pod_info=[a.b,partOf,namespace:a.b,owner:a.b,controller:a.b]", "kube_pod_created=[a_b]",
        ])
        let plan = try #require(configuration.labels)
        let pods = try #require(plan.shown[.pods])
        #expect(
            pods.labels.map { $0.map(\.name) }.sorted { $0.count > $1.count } == [
                ["label_a_b_conflict1", "label_part_of", "namespace_label_a_b", "owner_label_a_b", "controller_label_a_b"],
                ["label_a_b_conflict2"],
            ])
    }

    @Test("namespaces and owners are followed where they are asked for, in every bucket, and nothing else is")
    func followed() throws {
        func topics(_ words: String...) throws -> [String] {
            try configuration(words, ["--resources=pods", "--shard=0", "--total-shards=2"]).topics
                .map { "\($0.resource.plural) \($0.buckets.count)" }
        }
        #expect(try topics() == ["pods 128"])
        #expect(try topics("kube_pod_info=[team]", "kube_node_info=[owner:x]") == ["pods 128"])
        #expect(try topics("kube_pod_info=[namespace:team]") == ["pods 128", "namespaces 256"])
        #expect(
            try topics("kube_pod_info=[controller:team]") == [
                "pods 128", "daemonsets 256", "jobs 256", "nodes 256", "replicasets 256", "replicationcontrollers 256", "statefulsets 256",
            ])
        #expect(try topics("kube_pod_info=[owner:team]").contains("deployments 256"))
        #expect(try topics("kube_pod_info=[owner:team]").contains("cronjobs 256"))
    }

    @Test("no family of Kubernetes' objects has a label of its own whose name begins as those of namespaces and owners do")
    func familiesOwnLabels() throws {
        let exporter = try ExporterUnderTest(captured: [
            "--resources=\(Resource.all.map(\.plural).joined(separator: ","))", "--metric-opt-in-list=.*",
            "--metric-labels-allowlist=*=[*]",
            "--metric-annotations-allowlist=*=[*]",
        ])
        for line in exporter.lines() where !line.hasPrefix("#") {
            let sample = try #require(SampleLine(Array(line.utf8)[...]))
            let name = String(decoding: sample.name, as: UTF8.self)
            for (label, _) in sample.labels {
                let label = String(decoding: label, as: UTF8.self)
                let beginnings = LabelSource.allCases.map { "\($0.namePrefix)_" }
                #expect(!beginnings.contains { label.hasPrefix($0) } || (label.hasPrefix("label_") && name.hasSuffix("_labels")), "\(line)")
            }
        }
    }
}
